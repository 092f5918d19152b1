/** The host's virtual network as requests and monitors reach it; or, where the machine withholds BPF (--degraded), what stands for it. */
import type { Fault, VmId } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import type { CarriedConnection } from "./network/carried-connections.ts";
import type { NetworkConfig, NicPort } from "./network/config.ts";
import type { NetworkDescription } from "./network/description.ts";
import type { NetworkState } from "./network/plan-network.ts";
import type { ConfigureOptions } from "./network/virtual-network.ts";
import type { VirtualNicLoad } from "./rpc.ts";

export interface HostNetwork {
  /** @throws {Fault} what of it cannot be; then all is as it was */
  configure(config: NetworkConfig, options: ConfigureOptions): Promise<void>;
  describe(): NetworkDescription;
  /** A socket that listens on one of the host's own interfaces; the caller closes it. @throws {Fault} */
  listen(device: string, port: number): Promise<number>;
  /** What all of it is made from. */
  state(): NetworkState;
  /** @throws {Fault} InvalidArgument when there is no such port */
  showProgram(port: number): { readonly listing: readonly string[] };
  /** @returns the tap, which the caller closes; undefined where there are no ports */
  plugIn(port: NicPort, connected: boolean): Promise<({ readonly fd: number } & Disposable) | undefined>;
  /** While frames flow. */
  change(port: NicPort, connected: boolean): Promise<void>;
  unplug(vm: VmId, key: number): Promise<void>;
  /** What the firewall of a VM's NIC let through and is not over. */
  connectionsOf(vm: VmId, key: number): readonly CarriedConnection[];
  /** Into the firewall of a VM's NIC, where it has one. */
  carryIn(vm: VmId, key: number, connections: readonly CarriedConnection[]): Promise<void>;
  /** What is plugged in. */
  plugged(): readonly Pick<NicPort, "vm" | "key">[];
  /** Of each network card that is plugged in, since it was. Cheap: it is asked for often. */
  loads(): ReadonlyMap<VmId, readonly VirtualNicLoad[]>;
  /** Lets go of it: what is plugged in goes on, and the next vmkernel finds it. */
  close(): void;
  /** The host stops: nothing of it is left. */
  remove(): Promise<void>;
}

/** It is configured and shown, and nothing is ever plugged into it. */
export class NoNetwork implements HostNetwork {
  #config: NetworkConfig = { switches: [] };

  async configure(config: NetworkConfig): Promise<void> {
    this.#config = config;
  }

  describe(): NetworkDescription {
    const switches = this.#config.switches.map(({ name, uplinks }) => ({
      name,
      uplinks: uplinks.map((device) => ({ device, hasLink: false })),
      ports: [],
    }));
    return { switches };
  }

  state(): NetworkState {
    return { config: this.#config, ports: [], switchNumbers: {} };
  }

  showProgram(port: number): never {
    throw noSuchPort(port);
  }

  async listen(device: string): Promise<never> {
    throw fault("NotFound", `The host has no interface ${device}.`, {});
  }

  async plugIn(): Promise<undefined> {}
  async change(): Promise<void> {}
  async unplug(): Promise<void> {}
  async carryIn(): Promise<void> {}
  close(): void {}
  async remove(): Promise<void> {}

  plugged(): readonly [] {
    return [];
  }

  connectionsOf(): readonly [] {
    return [];
  }

  loads(): ReadonlyMap<VmId, readonly VirtualNicLoad[]> {
    return new Map();
  }
}

export function noSuchPort(port: number): Fault {
  return fault("InvalidArgument", `There is no port ${port}.`, { invalidProperty: "port" });
}
