/** What a port's program is made to order from: what the port may do, and what there is around it. Pure types. */
import type { Firewall, GroupFilter, HostAddress } from "../config.ts";
import type { VlanMode } from "../vlan.ts";

export type PortShape = GuestShape | UplinkShape | BlockedShape;

/** A port that a VM's NIC or an interface of the host is plugged into. */
export interface GuestShape {
  readonly kind: "guest";
  /** Of the port on its switch. */
  readonly number: number;
  /** The switch's: what is longer does not come in by the port. */
  readonly mtu: number;
  readonly mode: VlanMode;
  /** The only address that frames may come from; any where absent. */
  readonly sourceMac?: string;
  /** Its adapter took another address, which it may not: nothing reaches it. */
  readonly isDeaf: boolean;
  readonly blocksSwitchProtocols: boolean;
  /** What it sends; what it receives. */
  readonly outbound?: Bandwidth;
  readonly inbound?: Bandwidth;
  readonly firewall?: Firewall;
  /** Frames to other groups do not reach it; all do where absent. */
  readonly groups?: GroupFilter;
  /** Of the host's own interface: the only addresses of IP that reach it. */
  readonly ownAddresses?: readonly HostAddress[];
  /** A virtual machine's port, of a kernel that has the express road; see `express.ts`. */
  readonly hasExpress: boolean;
  /** What its guest sends takes that road where it can. */
  readonly handsOver: boolean;
  /** By what the uplink of a frame is chosen. */
  readonly uplinks: "none" | "fixed" | "sourceMac" | "addresses";
  readonly neighbours: Neighbours;
}

/** A port that leads out of the host. */
export interface UplinkShape {
  readonly kind: "uplink";
  /** Of the uplink on its switch: 0–31. */
  readonly number: number;
  /** The switch's. */
  readonly mtu: number;
  /** What the host sent by another one may come back by this. */
  readonly hasSiblings: boolean;
  readonly neighbours: Neighbours;
}

/** A port that passes nothing: its cable is out, or its port group is gone. */
export interface BlockedShape {
  readonly kind: "blocked";
}

export interface Bandwidth {
  /** Bits per second. */
  readonly average: number;
  readonly peak: number;
  readonly burstBytes: number;
}

/** What ports the frames of this one can be delivered to, as the port groups of the switch have it. */
export interface Neighbours {
  readonly untagged: boolean;
  /** Trunks, for frames with a VLAN. */
  readonly tagged: boolean;
  readonly untaggedMirrors: boolean;
  readonly taggedMirrors: boolean;
  /** Loops over members are bounded by it; absent where the kernel itself bounds them. */
  readonly membersMax?: number;
}
