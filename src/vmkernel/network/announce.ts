/**
 * The frame that tells the switches outside where an address is now: a reverse ARP request, which nobody answers. Pure.
 * vim25 HostNicTeamingPolicy.notifySwitches; RFC 903.
 */
import { macBytes } from "./mac.ts";
import type { NetworkPlan, PlannedPort } from "./plan-network.ts";
import { slotOfMac } from "./teaming.ts";
import { UNTAGGED, type VlanMode } from "./vlan.ts";

const FRAME_BYTES_MIN = 60;
const CUSTOMER_TAG = 0x8100;
const REVERSE_ARP = 0x8035;
/** Ethernet and IPv4 with the lengths of their addresses, and the request. */
const REQUEST = Buffer.from("0001080006040003", "hex");
const NO_ADDRESS = Buffer.alloc(4);

export function announcement(mac: string, mode: VlanMode): Buffer {
  const [own, vlan] = [macBytes(mac), mode.kind === "vst" ? mode.vlan : UNTAGGED];
  const tag = vlan === UNTAGGED ? Buffer.alloc(0) : Buffer.concat([be16(CUSTOMER_TAG), be16(vlan)]);
  const frame = Buffer.concat([Buffer.alloc(6, 0xff), own, tag, be16(REVERSE_ARP), REQUEST, own, NO_ADDRESS, own, NO_ADDRESS]);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, FRAME_BYTES_MIN - frame.length))]);
}

function be16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export interface Announcement {
  readonly device: string;
  readonly uplink: string;
  readonly frame: Buffer;
}

/** Those of ports whose frames leave by another uplink than before, where their policy wants it. */
export function announcements(plan: NetworkPlan, before: ReadonlyMap<string, string>): readonly Announcement[] {
  return plan.switches
    .flatMap(({ ports }) => ports)
    .flatMap((port) => {
      const uplink = uplinkOf(port);
      const { device, station, policy } = port;
      if (uplink === undefined || uplink === before.get(device) || policy?.teaming.notifySwitches !== true) return [];
      return station?.mac === undefined ? [] : [{ device, uplink, frame: announcement(station.mac, station.mode) }];
    });
}

/** Of each port, by its device. */
export function uplinksOfPorts({ switches }: NetworkPlan): ReadonlyMap<string, string> {
  const uplinks = switches.flatMap(({ ports }) => ports).map((port) => [port.device, uplinkOf(port)] as const);
  return new Map(uplinks.flatMap(([device, uplink]) => (uplink === undefined ? [] : [[device, uplink] as const])));
}

/** By which its address is known outside. Linked uplinks (IP hash) are one to the switch outside. */
function uplinkOf({ choice, station }: PlannedPort): string | undefined {
  if (choice.kind === "none") return undefined;
  if (choice.kind === "fixed") return choice.uplink;
  return choice.slots[choice.by === "sourceMac" && station?.mac !== undefined ? slotOfMac(station.mac) : 0];
}
