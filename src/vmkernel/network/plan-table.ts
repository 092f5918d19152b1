/**
 * The table of a switch: everything that a frame can be sent to, and nothing else. Written from configuration alone. Pure.
 * Paper «Virtual Switch Isolation», «Virtual Switch Correctness».
 *
 * One table holds all that the programs of a switch look up, so that it is replaced as a whole. Its keys, 64 bits:
 *   unicast   | MAC address:48, group bit (bit 16) 0            | VLAN:16 |
 *   lists     | index:32 | sender:8 | kind:7 | group bit 1     | VLAN:16 |
 * Its values, 128 bits:
 *   unicast   | ifindex:32 | flags:32 | uplinks:32, bit n: takes frames from uplink n | 0:32 |
 *   lists     | ifindex:32 of each of four members, 0 where there are fewer |
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
export const TABLE_VALUE_BYTES = 16;
export const TABLE_VALUE = { ifindex: 0, flags: 4, uplinks: 8 } as const;
/** Where in a list's value its members are, in bytes: each look-up finds several, and not every copy needs one. */
export const MEMBERS_AT = [0, 4, 8, 12] as const;
export const MEMBERS_PER_ENTRY = MEMBERS_AT.length;
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

export type TableEntry = TargetEntry | MembersEntry;

/** Of an address, or of a slot of a team. */
export interface TargetEntry {
  readonly key: bigint;
  readonly ifindex: number;
  readonly isTagged: boolean;
  /** Of an address's: see {@link Station.isBare}. */
  readonly isBare?: boolean;
  readonly uplinks: number;
}

/** Of a list. */
export interface MembersEntry {
  readonly key: bigint;
  /** Interfaces: 1 to {@link MEMBERS_PER_ENTRY}. */
  readonly members: readonly number[];
}

/** @param stations in the order in which they were plugged in */
export function planTable(stations: readonly Station[], uplinks: readonly UplinkStation[], vlans: VlanClasses): readonly TableEntry[] {
  const owners = [...stations].sort((a, b) => Number(b.isOwnMac) - Number(a.isOwnMac));
  const entries = new Map<bigint, TargetEntry>();
  const addFirst = (entry: TargetEntry): void => {
    if (!entries.has(entry.key)) entries.set(entry.key, entry);
  };
  for (const station of owners) {
    // A group's address would be the key of a list.
    if (station.mac === undefined || isGroupMac(station.mac)) continue;
    for (const vlan of vlans.standInsOf(station.mode)) addFirst(unicastEntry(station, station.mac, vlan));
  }
  const lists = new Map<bigint, number[]>();
  for (const station of stations) for (const vlan of vlans.standInsOf(station.mode)) addMember(lists, station, vlan);
  for (const station of stations) {
    for (const [slot, number] of station.team.entries()) {
      const ifindex = uplinks.find((uplink) => uplink.number === number)?.ifindex;
      // An uplink that is not there has no link, so it is in no team.
      if (ifindex !== undefined) addFirst({ key: teamKey(station.number, slot), ifindex, isTagged: false, uplinks: 0 });
    }
  }
  return [...entries.values(), ...[...lists].flatMap(([base, members]) => pack(base, members.sort(byChain), 0))];
}

/**
 * The kernel finds an interface through one of 256 chains (NETDEV_HASHENTRIES). Those of one chain follow each other in a list: on the way
 * to the second the processor meets what it met on the way to the first, and has it at hand still.
 */
function byChain(one: number, other: number): number {
  return (one % CHAINS) - (other % CHAINS) || one - other;
}

const CHAINS = 256;

/**
 * What comes to a table, in the order in which it is written; undefined where something of it changes or goes. Who comes to a list gets an
 * entry after its last, full or not: a program may be reading that one.
 */
export function addedTo(written: readonly TableEntry[], planned: readonly TableEntry[]): readonly TableEntry[] | undefined {
  const [before, after] = [contentOf(written), contentOf(planned)];
  const stays = [...before.targets].every(([key, entry]) => isSame(entry, after.targets.get(key)));
  const grows = [...before.lists].every(([base, { members }]) =>
    [...members].every((member) => after.lists.get(base)?.members.has(member)),
  );
  if (!stays || !grows) return undefined;
  return [
    ...[...after.targets.values()].filter(({ key }) => !before.targets.has(key)),
    ...[...after.lists].flatMap(([base, { members }]) => {
      const known = before.lists.get(base);
      return pack(
        base,
        [...members].filter((member) => !known?.members.has(member)),
        known?.entries ?? 0,
      );
    }),
  ];
}

/** So many entries may come to a table before it is written anew. */
export const ROOM = 128;

/** How many entries a list of so many members has at most. */
export function entriesMax(members: number): number {
  return Math.ceil(members / MEMBERS_PER_ENTRY) + ROOM;
}

interface Content {
  readonly targets: ReadonlyMap<bigint, TargetEntry>;
  /** By the lower half of their keys. */
  readonly lists: ReadonlyMap<bigint, { readonly members: ReadonlySet<number>; readonly entries: number }>;
}

function contentOf(table: readonly TableEntry[]): Content {
  const targets = new Map<bigint, TargetEntry>();
  const lists = new Map<bigint, { members: Set<number>; entries: number }>();
  for (const entry of table) {
    if (!("members" in entry)) {
      targets.set(entry.key, entry);
      continue;
    }
    const base = BigInt.asUintN(32, entry.key);
    const list = lists.get(base) ?? { members: new Set(), entries: 0 };
    for (const member of entry.members) list.members.add(member);
    list.entries += 1;
    lists.set(base, list);
  }
  return { targets, lists };
}

function isSame(a: TargetEntry, b: TargetEntry | undefined): boolean {
  return a.ifindex === b?.ifindex && a.isTagged === b.isTagged && a.isBare === b.isBare && a.uplinks === b.uplinks;
}

function pack(base: bigint, members: readonly number[], firstIndex: number): readonly MembersEntry[] {
  return Array.from({ length: Math.ceil(members.length / MEMBERS_PER_ENTRY) }, (_, at) => ({
    key: (BigInt(firstIndex + at) << 32n) | base,
    members: members.slice(at * MEMBERS_PER_ENTRY, (at + 1) * MEMBERS_PER_ENTRY),
  }));
}

function unicastEntry(station: Station, mac: string, vlan: number): TargetEntry {
  const uplinks = station.accepts.reduce((mask, number) => mask | (1 << number), 0) >>> 0;
  const { ifindex, mode } = station;
  const isTagged = isTaggedAt(mode, vlan);
  return { key: unicastKey(mac, vlan), ifindex, isTagged, ...(station.isBare && !isTagged && { isBare: true }), uplinks };
}

function addMember(lists: Map<bigint, number[]>, station: Station, vlan: number): void {
  const isTagged = isTaggedAt(station.mode, vlan);
  const add = (name: ListName): void => {
    const base = listKey(name, 0);
    const members = lists.get(base);
    if (members === undefined) lists.set(base, [station.ifindex]);
    else members.push(station.ifindex);
  };
  for (const sender of [GUESTS, ...station.listensTo.map(senderOfUplink)]) {
    add({ kind: isTagged ? "taggedMembers" : "untaggedMembers", vlan, sender });
    if (station.isPromiscuous) add({ kind: isTagged ? "taggedMirrors" : "untaggedMirrors", vlan, sender });
  }
}

export interface ListName {
  readonly kind: ListKind;
  readonly vlan: number;
  readonly sender: number;
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

export function encodeEntry(entry: TableEntry): Buffer {
  const bytes = Buffer.alloc(TABLE_VALUE_BYTES);
  if ("members" in entry) {
    for (const [index, at] of MEMBERS_AT.entries()) bytes.writeUInt32LE(entry.members[index] ?? 0, at);
    return bytes;
  }
  const { ifindex, isTagged, isBare, uplinks } = entry;
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
