/** The host's virtual network as vmkernel has it: one deed at a time, so that what is plugged in and what is configured never disagree. */
import { assert, Turns, type VmId } from "../base/index.ts";
import { type HostNetwork, NoNetwork, noSuchPort } from "./host-network.ts";
import { listPrograms } from "./list-programs.ts";
import { type NetworkConfig, type NetworkDescription, type NicPort, type PortAttachment, VirtualNetwork } from "./network/index.ts";

export interface HostNetworkParts {
  /** Where its namespace, its pins and its record are. */
  readonly folder: string;
  /** Whether the machine lets programs be loaded. */
  readonly bpf: boolean;
  readonly log: (line: string) => void;
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
  readonly #turns = new Turns(1);
  #isRemoved = false;

  constructor(network: VirtualNetwork) {
    this.#network = network;
  }

  configure(config: NetworkConfig): Promise<void> {
    return this.#inTurn(() => this.#network.configure(config));
  }

  describe(): NetworkDescription {
    return this.#network.describe();
  }

  showProgram(id: number): { readonly listing: readonly string[] } {
    const ports = this.describe().switches.flatMap((one) => one.ports);
    const port = ports.find((candidate) => candidate.id === id);
    if (port === undefined) throw noSuchPort(id);
    return { listing: listPrograms(port) };
  }

  plugIn(port: NicPort, connected: boolean): Promise<PortAttachment> {
    return this.#inTurn(() => this.#network.plugIn(port, connected));
  }

  change(port: NicPort, connected: boolean): Promise<void> {
    return this.#inTurn(() => this.#network.change(port, connected));
  }

  unplug(vm: VmId, key: number): Promise<void> {
    return this.#inTurn(() => this.#network.unplug(vm, key));
  }

  plugged(): readonly { readonly vm: VmId; readonly key: number }[] {
    const ports = this.describe().switches.flatMap((one) => one.ports);
    return ports.flatMap(({ connectee }) => (connectee.kind === "virtualMachine" ? [connectee] : []));
  }

  close(): void {
    this.#network.close();
  }

  async remove(): Promise<void> {
    await this.#inTurn(() => this.#network.remove());
    this.#isRemoved = true;
  }

  #inTurn<T>(deed: () => Promise<T>): Promise<T> {
    return this.#turns.take(() => {
      assert(!this.#isRemoved, "nothing is plugged in once the host has stopped");
      return deed();
    });
  }
}
