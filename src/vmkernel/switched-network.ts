/** The host's virtual network as requests and monitors reach it, where the machine lets programs be loaded. */
import type { VmId } from "../base/index.ts";
import { type HostNetwork, NoNetwork, noSuchPort } from "./host-network.ts";
import { listPrograms } from "./list-programs.ts";
import {
  type ConfigureOptions,
  type NetworkConfig,
  type NetworkDescription,
  type NetworkState,
  type NicPort,
  type PortAttachment,
  VirtualNetwork,
} from "./network/index.ts";

export interface HostNetworkParts {
  /** Where its namespace, its pins and its record are. */
  readonly folder: string;
  /** Whether the machine lets programs be loaded. */
  readonly bpf: boolean;
  readonly log: (line: string) => void;
  /** An uplink's link went up or down. */
  readonly changed: () => void;
}

/** Finds what an earlier vmkernel has left in the kernel. Before monitors are looked for. */
export async function openHostNetwork({ bpf, ...parts }: HostNetworkParts): Promise<HostNetwork> {
  if (!bpf) return new NoNetwork();
  const network = new VirtualNetwork(parts);
  await network.adopt();
  return new SwitchedNetwork(network);
}

class SwitchedNetwork implements HostNetwork {
  readonly #network: VirtualNetwork;

  constructor(network: VirtualNetwork) {
    this.#network = network;
  }

  configure(config: NetworkConfig, options: ConfigureOptions): Promise<void> {
    return this.#network.configure(config, options);
  }

  describe(): NetworkDescription {
    return this.#network.describe();
  }

  state(): NetworkState {
    return this.#network.state;
  }

  showProgram(id: number): { readonly listing: readonly string[] } {
    const ports = this.describe().switches.flatMap((one) => one.ports);
    const port = ports.find((candidate) => candidate.id === id);
    if (port === undefined) throw noSuchPort(id);
    return { listing: listPrograms(port) };
  }

  plugIn(port: NicPort, connected: boolean): Promise<PortAttachment> {
    return this.#network.plugIn(port, connected);
  }

  change(port: NicPort, connected: boolean): Promise<void> {
    return this.#network.change(port, connected);
  }

  unplug(vm: VmId, key: number): Promise<void> {
    return this.#network.unplug(vm, key);
  }

  plugged(): readonly Pick<NicPort, "vm" | "key">[] {
    return this.#network.state.ports.flatMap(({ connectee }) => (connectee.kind === "virtualMachine" ? [connectee] : []));
  }

  close(): void {
    this.#network.close();
  }

  remove(): Promise<void> {
    return this.#network.remove();
  }
}
