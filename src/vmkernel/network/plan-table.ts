/**
 * The table of a switch: everything that a frame can be sent to, and nothing else. Written from configuration alone. Pure.
 * Paper «Virtual Switch Isolation», «Virtual Switch Correctness».
 *
 * One table holds all that the programs of a switch look up, so that it is replaced as a whole. Its keys, 64 bits:
 *   unicast   | MAC address:48, group bit (bit 16) 0            | VLAN:16 |
 *   lists     | index:32 | sender:8 | kind:7 | group bit 1     | VLAN:16 |
 * No destination of a frame reads as the key of a list: a frame for a group is never looked up.
 */
import { isGroupMac, macWord } from "./mac.ts";
import { isTaggedAt, type VlanClasses, type VlanMode } from "./vlan.ts";

/** Kinds of lists. Members get group frames, mirrors (promiscuous ports) get everything; a team's slots are where a port's uplinks are. */
export const LIST = { untaggedMembers: 0, taggedMembers: 1, untaggedMirrors: 2, taggedMirrors: 3, team: 4 } as const;
export type ListKind = keyof typeof LIST;
export const GROUP_BIT = 0x1_0000;
export const LIST_KIND_SHIFT = 17;
export const LIST_SENDER_SHIFT = 24;
/** Senders of lists: all ports of VMs are one, each uplink is another. */
export const GUESTS = 0;

export const TABLE_KEY_BYTES = 8;
/** | ifindex:32 | flags:32 | uplinks:32, bit n: takes frames from uplink n | unused:32 | */
export const TABLE_VALUE_BYTES = 16;
export const TABLE_VALUE = { ifindex: 0, flags: 4, uplinks: 8 } as const;
export const FLAG_TAGGED = 1;
/** What is sent to this address without a tag is delivered as it is: no program of the receiver's has to see it. */
export const FLAG_BARE = 2;

/** What frames can be delivered to. */
export interface Station {
  readonly ifindex: number;
  /** Of its port on the switch. */
  readonly number: number;
  readonly mode: VlanMode;
  /** The address that reaches it; none does where it is a group's. */
  readonly mac?: string;
  /** Whether that is the one that its adapter was made with: it goes before others that took the same. */
  readonly isOwnMac: boolean;
  readonly isPromiscuous: boolean;
  /** Takes all that is for its address as it is: no program of its own looks at it first. */
  readonly isBare: boolean;
  /** Numbers of the uplinks that its slots lead to: none, one, or as many as there are slots. */
  readonly team: readonly number[];
  /** Of the uplinks whose group frames it takes. */
  readonly listensTo: readonly number[];
  /** Of the uplinks in its team, in use or not. */
  readonly accepts: readonly number[];
}

export interface UplinkStation {
  readonly ifindex: number;
  /** Of the uplink on its switch: 0–31. */
  readonly number: number;
}

export interface TableEntry {
  readonly key: bigint;
  readonly ifindex: number;
  readonly isTagged: boolean;
  /** Of an address's: see {@link Station.isBare}. */
  readonly isBare?: boolean;
  readonly uplinks: number;
}

/** @param stations in the order in which they were plugged in */
export function planTable(stations: readonly Station[], uplinks: readonly UplinkStation[], vlans: VlanClasses): readonly TableEntry[] {
  const owners = [...stations].sort((a, b) => Number(b.isOwnMac) - Number(a.isOwnMac));
  const entries = new Map<bigint, TableEntry>();
  const addFirst = (entry: TableEntry): void => {
    if (!entries.has(entry.key)) entries.set(entry.key, entry);
  };
  for (const station of owners) {
    // A group's address would be the key of a list.
    if (station.mac === undefined || isGroupMac(station.mac)) continue;
    for (const vlan of vlans.standInsOf(station.mode)) addFirst(unicastEntry(station, station.mac, vlan));
  }
  const lists = new Lists();
  for (const station of stations) for (const vlan of vlans.standInsOf(station.mode)) addMember(lists, station, vlan);
  for (const station of stations) {
    for (const [slot, number] of station.team.entries()) {
      const ifindex = uplinks.find((uplink) => uplink.number === number)?.ifindex;
      // An uplink that is not there has no link, so it is in no team.
      if (ifindex !== undefined) addFirst({ key: teamKey(station.number, slot), ifindex, isTagged: true, uplinks: 0 });
    }
  }
  return [...entries.values(), ...lists.entries];
}

/** What comes to a table, in the order in which it is written; undefined where something of it changes or goes. */
export function addedTo(before: readonly TableEntry[], after: readonly TableEntry[]): readonly TableEntry[] | undefined {
  const known = new Map(before.map((entry) => [entry.key, entry]));
  const added = after.filter(({ key }) => !known.has(key));
  if (after.length - added.length !== before.length) return undefined;
  const isSame = (a: TableEntry, b: TableEntry | undefined): boolean =>
    a.ifindex === b?.ifindex && a.isTagged === b.isTagged && a.isBare === b.isBare && a.uplinks === b.uplinks;
  return after.every((entry) => !known.has(entry.key) || isSame(entry, known.get(entry.key))) ? added : undefined;
}

function unicastEntry(station: Station, mac: string, vlan: number): TableEntry {
  const uplinks = station.accepts.reduce((mask, number) => mask | (1 << number), 0) >>> 0;
  const { ifindex, mode } = station;
  const isTagged = isTaggedAt(mode, vlan);
  return { key: unicastKey(mac, vlan), ifindex, isTagged, ...(station.isBare && !isTagged && { isBare: true }), uplinks };
}

function addMember(lists: Lists, station: Station, vlan: number): void {
  const isTagged = isTaggedAt(station.mode, vlan);
  for (const sender of [GUESTS, ...station.listensTo.map(senderOfUplink)]) {
    lists.add({ kind: isTagged ? "taggedMembers" : "untaggedMembers", vlan, sender }, station);
    if (station.isPromiscuous) lists.add({ kind: isTagged ? "taggedMirrors" : "untaggedMirrors", vlan, sender }, station);
  }
}

interface ListName {
  readonly kind: ListKind;
  readonly vlan: number;
  readonly sender: number;
}

class Lists {
  readonly entries: TableEntry[] = [];
  readonly #lengths = new Map<bigint, number>();

  add(name: ListName, { ifindex }: Station): void {
    const first = listKey(name, 0);
    const length = this.#lengths.get(first) ?? 0;
    this.#lengths.set(first, length + 1);
    this.entries.push({ key: listKey(name, length), ifindex, isTagged: name.kind.startsWith("tagged"), uplinks: 0 });
  }
}

export function senderOfUplink(number: number): number {
  return number + 1;
}

export function unicastKey(mac: string, vlan: number): bigint {
  return (macWord(mac) << 16n) | BigInt(vlan);
}

export function listKey(name: ListName, index: number): bigint {
  return (BigInt(index) << 32n) | BigInt(listBase(name));
}

/** The lower half of a list's keys. */
export function listBase({ kind, vlan, sender }: ListName): number {
  return ((sender << LIST_SENDER_SHIFT) | (LIST[kind] << LIST_KIND_SHIFT) | GROUP_BIT | vlan) >>> 0;
}

export function teamKey(portNumber: number, slot: number): bigint {
  return listKey({ kind: "team", vlan: 0, sender: slot }, portNumber);
}

export function encodeKey(key: bigint): Buffer {
  const bytes = Buffer.alloc(TABLE_KEY_BYTES);
  bytes.writeBigUInt64LE(key);
  return bytes;
}

export function encodeEntry({ ifindex, isTagged, isBare, uplinks }: TableEntry): Buffer {
  const bytes = Buffer.alloc(TABLE_VALUE_BYTES);
  bytes.writeUInt32LE(ifindex, TABLE_VALUE.ifindex);
  bytes.writeUInt32LE((isTagged ? FLAG_TAGGED : 0) | (isBare ? FLAG_BARE : 0), TABLE_VALUE.flags);
  bytes.writeUInt32LE(uplinks, TABLE_VALUE.uplinks);
  return bytes;
}

/** Which VLAN stands for which, as a program reads it: 16 bits for each of 4096. */
export function encodeStandIns(vlans: VlanClasses): Buffer {
  const bytes = Buffer.alloc(VLAN_IDS * 2);
  for (let vlan = 0; vlan < VLAN_IDS; vlan++) bytes.writeUInt16LE(vlans.standInOf(vlan), vlan * 2);
  return bytes;
}

export const VLAN_IDS = 4096;
