/** What the virtual network is, as vmkernel finds it: switches, and the ports that something is plugged into. Pure types. */
import type { Hook } from "../../system/index.ts";
import type { Connectee, GroupFilter, Learned, NetworkPolicy } from "./config.ts";

export interface NetworkDescription {
  readonly switches: readonly SwitchDescription[];
  /** Ports whose port group is gone: they are on no switch, and pass nothing. */
  readonly unattached?: readonly PortDescription[];
  /** By its device, what each of the host's own interfaces was told on its network. */
  readonly learned?: Readonly<Record<string, Learned>>;
  /** By the device of the host's own interface: its addresses of IPv6 that another host on its network has, too. They are not used. */
  readonly duplicates?: Readonly<Record<string, readonly string[]>>;
}

export interface SwitchDescription {
  readonly name: string;
  readonly uplinks: readonly UplinkDescription[];
  readonly ports: readonly PortDescription[];
}

export interface UplinkDescription {
  readonly device: string;
  /** Whether its link is up; false also for a device that is not there. */
  readonly hasLink: boolean;
  readonly mac?: string;
  /** What the switch at its other end tells of itself. */
  readonly neighbour?: Neighbour;
}

/** The last frame of discovery that came in by an uplink, as the switch outside sent it. */
export interface Neighbour {
  readonly protocol: "cdp" | "lldp";
  /** Whole, base64; nobody has looked at it. */
  readonly frame: string;
  /** By the machine's clock. */
  readonly heardAtMs: number;
}

export interface PortDescription {
  /** 32 bits; the upper byte is the switch's number, and its high bit marks an uplink. */
  readonly id: number;
  readonly connectee: Connectee;
  /** The network device that it is, in the network's namespace. */
  readonly device?: string;
  /** Unset for an uplink's. */
  readonly portGroup?: string;
  readonly initialMac: string;
  readonly effectiveMac: string;
  /** Those whose frames its adapter asks for; all where absent. */
  readonly groups?: GroupFilter;
  readonly connected: boolean;
  /** The uplinks that what it sends leaves by now: one, or those among which the team's hash chooses; absent where there is none. */
  readonly leavesBy?: readonly string[];
  /** Why it passes nothing, where it does not: its port group is gone, say. */
  readonly blockedBecause?: string;
  readonly vlanId: number;
  /** What is in force: the port group's over the switch's. */
  readonly policy: NetworkPolicy;
  readonly counters: PortCounters;
  /** The programs at its hooks, as the kernel has them. */
  readonly programs: readonly PortProgram[];
}

export interface PortProgram {
  /** "xdp" sees what a guest sends before "ingress" does, where there is one. */
  readonly direction: Hook;
  readonly id: number;
  /** SHA-1 prefix of the instructions, as the kernel computed it, hex. */
  readonly tag: string;
  readonly instructions: number;
  /** The units that it was compiled from, in their order. */
  readonly units: readonly string[];
}

/** Since it was plugged in. From the guest's side: sent by it, received by it. */
export interface PortCounters {
  readonly sentFrames: number;
  readonly sentBytes: number;
  /** Frames that were dropped, by reason; only those that happened. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Packets that rules of the firewall with `log` judged, by the rule's place in the list; only those that happened. */
  readonly logged?: Readonly<Record<number, number>>;
}
