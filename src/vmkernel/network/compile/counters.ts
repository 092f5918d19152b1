/**
 * The counters of a port, as its programs write them and people read them. Pure.
 *   | drops: 64 bits for each reason | clock of group frames:64 | per CPU: frames:64, bytes:64, unused to 64 bytes | … |
 * Each CPU has a line of its own for what happens with every frame, so nothing is shared on the way. Drops are added atomically.
 */
import type { PortCounters } from "../description.ts";

export const DROP_REASONS = [
  /** No room for a header. */
  "runt",
  /** The cable is out, or the port group is gone. */
  "notConnected",
  /** A tag where none may be, or a VLAN that the port does not carry. */
  "vlan",
  "forgedTransmit",
  "switchProtocol",
  "shaping",
  "firewall",
  /** IP headers that contradict themselves or the frame, at a port with a firewall. */
  "malformed",
  /** A later fragment whose first one did not pass before it. */
  "fragment",
  "unknownDestination",
  /** It is addressed to where it comes from. */
  "ownAddress",
  /** None of the team has its link. */
  "noUplink",
  /** Of this host, come back by another uplink. */
  "reflected",
  /** It came by an uplink that the receiver's port group does not use. */
  "unusedUplink",
  /** The receiver's adapter took an address that it may not have. */
  "macChange",
  "inboundShaping",
  /** More frames for groups than one guest may send. */
  "groupFlood",
  /** It is for a group that the receiver's adapter did not ask for. */
  "otherGroup",
  /** Longer than the MTU of the switch. */
  "tooLong",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** More CPUs than that share lines, and may lose counts to each other. A power of two. */
export const CPU_LINES = 64;
export const LINE_SHIFT = 6;
/** See `group-limit.ts`. Here, because every port has this map. */
export const GROUP_CLOCK_AT = 248;
export const LINES_AT = 256;
export const LINE = { frames: 0, bytes: 8 } as const;
export const COUNTERS_BYTES = LINES_AT + (CPU_LINES << LINE_SHIFT);

export function dropCounterAt(reason: DropReason): number {
  return DROP_REASONS.indexOf(reason) * 8;
}

export function readCounters(bytes: Buffer): PortCounters {
  const dropped = DROP_REASONS.map((reason) => [reason, count(bytes, dropCounterAt(reason))] as const);
  return {
    sentFrames: sumOfLines(bytes, LINE.frames),
    sentBytes: sumOfLines(bytes, LINE.bytes),
    dropped: Object.fromEntries(dropped.filter(([, frames]) => frames > 0)),
  };
}

/** Of the rules that are logged, by their places in the list. */
export function readLogged(bytes: Buffer): Readonly<Record<number, number>> {
  const counts = Array.from({ length: bytes.length / 8 }, (_, rule) => [rule, count(bytes, rule * 8)] as const);
  return Object.fromEntries(counts.filter(([, packets]) => packets > 0));
}

function sumOfLines(bytes: Buffer, offset: number): number {
  let sum = 0;
  for (let line = 0; line < CPU_LINES; line++) sum += count(bytes, LINES_AT + (line << LINE_SHIFT) + offset);
  return sum;
}

function count(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset));
}
