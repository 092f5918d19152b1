/**
 * Which uplink a port's frames leave by, given which links are up. Pure.
 * vim25 HostNicTeamingPolicy; a port keeps its uplink as long as that has its link, so that the switch outside sees a MAC address in
 * one place.
 */
import { assertNever } from "../../base/index.ts";
import type { TeamingPolicy } from "./config.ts";
import { macBytes } from "./mac.ts";

/** Uplinks in use are dealt out to so many places, of which a frame's hash picks one. A power of two: the hash is cut to it. */
export const TEAM_SLOTS = 16;

export type UplinkChoice =
  /** Nowhere to go. */
  | { readonly kind: "none" }
  /** All frames of the port go the same way. */
  | { readonly kind: "fixed"; readonly uplink: string }
  /** By {@link slotOfMac} of the source address, or by {@link slotOfAddresses}: one uplink for each of the slots. */
  | { readonly kind: "hashed"; readonly by: "sourceMac" | "addresses"; readonly slots: readonly string[] };

/**
 * Uplinks that carry frames now: the active ones with a link, or where none has, the first such of those in standby.
 * @param before those in use until now; with no failback they stay in use as long as one has its link
 */
export function uplinksInUse(
  { active, standby, rollingOrder }: Pick<TeamingPolicy, "active" | "standby" | "rollingOrder">,
  hasLink: (device: string) => boolean,
  before: readonly string[],
): readonly string[] {
  const kept = before.filter((device) => hasLink(device) && [...active, ...standby].includes(device));
  if (rollingOrder && kept.length > 0) return kept;
  const usable = active.filter(hasLink);
  return usable.length > 0 ? usable : standby.filter(hasLink).slice(0, 1);
}

/** @param portNumber of the port on its switch: ports are dealt out to the uplinks in turn */
export function chooseUplink(policy: TeamingPolicy["policy"], inUse: readonly string[], portNumber: number): UplinkChoice {
  const [first] = inUse;
  if (first === undefined) return { kind: "none" };
  switch (policy) {
    case "failover_explicit":
      return { kind: "fixed", uplink: first };
    case "loadbalance_srcid":
      return { kind: "fixed", uplink: inUse[portNumber % inUse.length] ?? first };
    case "loadbalance_srcmac":
      return { kind: "hashed", by: "sourceMac", slots: deal(inUse, first) };
    case "loadbalance_ip":
      return { kind: "hashed", by: "addresses", slots: deal(inUse, first) };
    default:
      return assertNever(policy);
  }
}

/** All that frames may leave by. */
export function uplinksOf(choice: UplinkChoice): readonly string[] {
  if (choice.kind === "none") return [];
  return choice.kind === "fixed" ? [choice.uplink] : [...new Set(choice.slots)];
}

function deal(inUse: readonly string[], first: string): readonly string[] {
  return Array.from({ length: TEAM_SLOTS }, (_, slot) => inUse[slot % inUse.length] ?? first);
}

export function slotOfMac(mac: string): number {
  return macBytes(mac).readUInt8(5) % TEAM_SLOTS;
}

/**
 * Where IPv4's addresses end in an untagged frame: the last byte of the source XOR the last of the destination. What lies there in
 * frames that are no IPv4 is taken as well, as ESXi does.
 */
export const ADDRESS_ENDS = { source: 29, destination: 33 } as const;

/**
 * Uplinks from which the port takes group frames. A team of separate links gets each such frame once for each link, so the port
 * takes them from the one that it sends by. Linked links (IP hash) get it once altogether.
 */
export function listenedUplinks(choice: UplinkChoice, mac: string): readonly string[] {
  switch (choice.kind) {
    case "none":
      return [];
    case "fixed":
      return [choice.uplink];
    case "hashed":
      return choice.by === "addresses" ? [...new Set(choice.slots)] : choice.slots.slice(slotOfMac(mac)).slice(0, 1);
    default:
      return assertNever(choice);
  }
}
