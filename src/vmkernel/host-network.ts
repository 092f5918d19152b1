/** The host's virtual network as requests and monitors reach it; or, where the machine withholds BPF (--degraded), what stands for it. */
import { fault } from "../wire/index.ts";
import type { NetworkConfig } from "./network/config.ts";
import type { NetworkDescription } from "./network/description.ts";

export interface HostNetwork {
  /** @throws {Fault} what of it cannot be; then all is as it was */
  configure(config: NetworkConfig): Promise<void>;
  describe(): NetworkDescription;
  /** @throws {Fault} InvalidArgument when there is no such port */
  showProgram(port: number): { readonly listing: readonly string[] };
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

  showProgram(port: number): never {
    throw fault("InvalidArgument", `There is no port ${port}.`, { invalidProperty: "port" });
  }
}
