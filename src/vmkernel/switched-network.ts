/** The host's virtual network as requests and monitors reach it, where the machine lets programs be loaded. */
import { messageWithCauses, type VmId } from "../base/index.ts";
import { inNamespace, readLinkLoads, useNameServers } from "../system/index.ts";
import { DhcpClients } from "./dhcp-clients.ts";
import { type HostNetwork, NoNetwork, noSuchPort } from "./host-network.ts";
import type { Isolation } from "./isolation.ts";
import { listPrograms } from "./list-programs.ts";
import {
  Beacons,
  type CarriedConnection,
  type ConfigureOptions,
  chooseNameServers,
  ExpressPorts,
  type Learned,
  Neighbours,
  type NetworkConfig,
  type NetworkDescription,
  type NetworkState,
  type NicPort,
  networkNamespace,
  type PortAttachment,
  type UplinkDescription,
  VirtualNetwork,
} from "./network/index.ts";
import type { VirtualNicLoad } from "./rpc.ts";

export interface HostNetworkParts {
  /** Where its namespace, its pins and its record are. */
  readonly folder: string;
  /** A folder that everybody may enter. */
  readonly run: string;
  /** What the machine lets be done: without BPF and taps there is no network. */
  readonly isolation: Isolation;
  readonly log: (line: string) => void;
  /** An uplink's link went up or down. */
  readonly changed: () => void;
}

/** Finds what an earlier vmkernel has left in the kernel. Before monitors are looked for. */
export async function openHostNetwork({ run, isolation, ...parts }: HostNetworkParts): Promise<HostNetwork> {
  if (!isolation.bpf || !isolation.taps) return new NoNetwork();
  const { folder, log } = parts;
  const learn = (device: string, told: Learned): Promise<void> => network.learn(device, told);
  const settled = (state: NetworkState): void => {
    clients.follow(state);
    useNameServers(chooseNameServers(state));
    neighbours.follow(state.config);
    beacons.follow(state.config);
    express.follow(state);
  };
  const changed = (): void => void network.followTraffic();
  const beacons = new Beacons({ namespace: networkNamespace(folder), log, changed });
  const neighbours = new Neighbours({ namespace: networkNamespace(folder), log });
  const express = new ExpressPorts({ namespace: networkNamespace(folder), log, changed });
  const clients = new DhcpClients({ network: folder, run, isolation, learn, log });
  const network = new VirtualNetwork({
    ...parts,
    settled,
    isLost: (device) => beacons.isLost(device),
    handsOver: (device) => express.has(device),
  });
  await network.adopt();
  const routers = followAutoconf(network, parts);
  return new SwitchedNetwork(network, neighbours, networkNamespace(folder), () => {
    beacons[Symbol.dispose]();
    neighbours[Symbol.dispose]();
    express[Symbol.dispose]();
    clearInterval(routers);
    return clients.stop();
  });
}

/** Routers tell when they like: seconds after an interface is up, and minutes later again. */
const LOOK_AT_AUTOCONF_MS = 1000;

/** The kernel gives interfaces the addresses that routers tell of; their ports have to know. Whether others have one, it finds out later. */
function followAutoconf(network: VirtualNetwork, { log, changed }: Pick<HostNetworkParts, "log" | "changed">): NodeJS.Timeout {
  let before = "{}";
  const look = async (): Promise<void> => {
    const duplicates = JSON.stringify(network.duplicates());
    if (duplicates !== before) changed();
    before = duplicates;
    for (const [device, autoconf] of network.autoconfigured()) await network.learn(device, { autoconf });
  };
  return setInterval(() => {
    look().catch((error: unknown) => log(`network: what routers tell: ${messageWithCauses(error)}`));
  }, LOOK_AT_AUTOCONF_MS).unref();
}

class SwitchedNetwork implements HostNetwork {
  readonly #network: VirtualNetwork;
  readonly #neighbours: Neighbours;
  readonly #namespace: string;
  readonly #stopAsking: () => Promise<void>;

  constructor(network: VirtualNetwork, neighbours: Neighbours, namespace: string, stopAsking: () => Promise<void>) {
    this.#namespace = namespace;
    this.#network = network;
    this.#neighbours = neighbours;
    this.#stopAsking = stopAsking;
  }

  configure(config: NetworkConfig, options: ConfigureOptions): Promise<void> {
    return this.#network.configure(config, options);
  }

  listen(device: string, port: number): Promise<number> {
    return this.#network.listen(device, port);
  }

  describe(): NetworkDescription {
    const { switches, ...others } = this.#network.describe();
    const withNeighbour = (uplink: UplinkDescription): UplinkDescription => {
      const neighbour = this.#neighbours.of(uplink.device);
      return neighbour === undefined ? uplink : { ...uplink, neighbour };
    };
    return { ...others, switches: switches.map((one) => ({ ...one, uplinks: one.uplinks.map(withNeighbour) })) };
  }

  loads(): ReadonlyMap<VmId, readonly VirtualNicLoad[]> {
    const { ports } = this.#network.state;
    const byVm = new Map<VmId, VirtualNicLoad[]>();
    if (!ports.some(({ connectee }) => connectee.kind === "virtualMachine")) return byVm;
    const links = new Map(inNamespace(this.#namespace, readLinkLoads).map((link) => [link.name, link]));
    for (const { device, connectee } of ports) {
      const link = links.get(device);
      if (link === undefined || connectee.kind !== "virtualMachine") continue;
      // What the kernel received on a tap, the guest has sent.
      const load = {
        key: connectee.key,
        receivedBytes: link.transmittedBytes,
        transmittedBytes: link.receivedBytes,
        receivedPackets: link.transmittedPackets,
        transmittedPackets: link.receivedPackets,
      };
      const others = byVm.get(connectee.vm);
      if (others === undefined) byVm.set(connectee.vm, [load]);
      else others.push(load);
    }
    return byVm;
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

  connectionsOf(vm: VmId, key: number): readonly CarriedConnection[] {
    return this.#network.connectionsOf(vm, key);
  }

  carryIn(vm: VmId, key: number, connections: readonly CarriedConnection[]): Promise<void> {
    return this.#network.carryIn(vm, key, connections);
  }

  plugged(): readonly Pick<NicPort, "vm" | "key">[] {
    return this.#network.state.ports.flatMap(({ connectee }) => (connectee.kind === "virtualMachine" ? [connectee] : []));
  }

  close(): void {
    void this.#stopAsking(); // which tells of its failures itself; what is left ends with us
    this.#network.close();
  }

  async remove(): Promise<void> {
    await this.#stopAsking();
    await this.#network.remove();
  }
}
