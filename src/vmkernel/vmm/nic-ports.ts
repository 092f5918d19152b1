/**
 * What one VM's monitor is given of the virtual network: the ports of its own NICs, each as the tap behind it. Types.
 * Paper «Virtual Network Adapters»: an adapter is connected to a port, and knows of no switch.
 */
import type { Device } from "../machine.ts";

export type Nic = Device<"nic">;

/** An open tap. Whoever holds it closes it; a monitor that was given a copy keeps its own. */
export interface Tap extends Disposable {
  readonly fd: number;
}

export interface NicPorts {
  /** @returns undefined where there are no ports (--degraded). @throws {Fault} and then nothing is plugged in */
  plugIn(nic: Nic): Promise<Tap | undefined>;
  /** Another port group or firewall, the cable in or out: frames go on by the old rules until they go by the new ones. */
  change(nic: Nic): Promise<void>;
  /** Where there is no such port, nothing is done. */
  unplug(key: number): Promise<void>;
}
