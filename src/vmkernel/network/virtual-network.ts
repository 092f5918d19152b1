/**
 * The host's virtual network: switches built to order of programs in the kernel, and what is plugged into them.
 * Paper «Virtual Networking Layer».
 */
import type { VmId } from "../../base/index.ts";
import type { NetworkConfig, NicPort } from "./config.ts";
import type { NetworkDescription } from "./description.ts";

/** Where a VM's NIC is plugged in, for the monitor that has the NIC. */
export interface PortAttachment {
  /** Of the port's tap; the attachment's. */
  readonly fd: number;
  /** As {@link NetworkDescription} has it. */
  readonly portId: number;
  /** Lets go of the descriptor: the port stays as long as somebody has another of it. */
  [Symbol.dispose](): void;
}

export interface VirtualNetworkParts {
  /** Where namespace, pins and record are; made with the first port. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

export class VirtualNetwork {
  readonly #parts: VirtualNetworkParts;
  #config: NetworkConfig = { switches: [] };

  constructor(parts: VirtualNetworkParts) {
    this.#parts = parts;
  }

  get config(): NetworkConfig {
    return this.#config;
  }

  /** Takes over what a vmkernel before this one left in the kernel. Where there is nothing it makes nothing. */
  async adopt(): Promise<void> {
    this.#parts.log("nothing is adopted yet");
  }

  /** Whole or not at all; ports that are plugged in go on without losing a frame. @throws {Fault} what of it cannot be */
  async configure(config: NetworkConfig): Promise<void> {
    this.#config = config;
  }

  /** Its port is programmed before anyone can send by it. */
  async plugIn(port: NicPort, _connected: boolean): Promise<PortAttachment> {
    throw new Error(`not yet: ${port.portGroup}`);
  }

  /** Another port group, MAC or firewall, or the cable, while frames flow. */
  async change(port: NicPort, _connected: boolean): Promise<void> {
    throw new Error(`not yet: ${port.portGroup}`);
  }

  async unplug(_vm: VmId, _key: number): Promise<void> {}

  describe(): NetworkDescription {
    return { switches: [] };
  }

  /** Lets go of descriptors; what is in the kernel goes on. */
  close(): void {}

  /** Nothing of it is left. */
  async remove(): Promise<void> {}
}
