/**
 * The .vmsd of a VM: its snapshots, a dictionary in the form of a .vmx. Pure.
 * A key that is not understood is left out when it is written again. Source: ESXi's VM files.
 */
import { fault } from "../vim25/index.ts";
import { emptyVmx, formatVmx, parseVmx, readVmx, updateVmx, type Vmx } from "../vmx/index.ts";

export interface SnapshotEntry {
  /** From 1 on; never given twice in a VM. */
  readonly uid: number;
  /** Absent for one that comes after none. */
  readonly parent?: number;
  readonly name: string;
  readonly description: string;
  /** The .vmsn, beside the .vmx. */
  readonly file: string;
  /** Whether the guest's memory is kept with it. */
  readonly memory: boolean;
  readonly quiesced: boolean;
  readonly createdAtMs: number;
  /** The disks as they were named when it was taken. */
  readonly disks: readonly { readonly node: string; readonly file: string }[];
}

export interface SnapshotList {
  readonly lastUid: number;
  /** The snapshot that the VM came from last. */
  readonly current?: number;
  readonly snapshots: readonly SnapshotEntry[];
}

export const noSnapshots: SnapshotList = { lastUid: 0, snapshots: [] };
/** How deep a tree may be: vSphere's maximum. */
export const SNAPSHOT_DEPTH_MAX = 32;
const SNAPSHOTS_MAX = 496; // vSphere's for a VM
const DISKS_MAX = 256;

/**
 * @param text the whole file (untrusted); an empty one has no snapshots
 * @throws {Fault} InvalidSnapshotFormat, which names what is wrong
 */
export function parseVmsd(text: string, name: string): SnapshotList {
  const vmx = read(text, name);
  const count = integer(readVmx(vmx, "snapshot.numSnapshots") ?? "0");
  if (count === undefined || count > SNAPSHOTS_MAX) throw invalid(`${name} has no proper snapshot.numSnapshots.`);
  const snapshots = Array.from({ length: count }, (_, index) => parseEntry(vmx, index, name));
  const uids = new Set(snapshots.map(({ uid }) => uid));
  if (uids.size !== count) throw invalid(`${name} has two snapshots of one uid.`);
  for (const { uid, parent } of snapshots) {
    if (parent !== undefined && !uids.has(parent)) throw invalid(`${name}: snapshot ${uid} comes after ${parent}, which is not there.`);
    if (depthOf(snapshots, uid) > SNAPSHOTS_MAX) throw invalid(`${name}: snapshot ${uid} comes after itself.`);
  }
  const current = integer(readVmx(vmx, "snapshot.current") ?? "");
  const lastUid = Math.max(integer(readVmx(vmx, "snapshot.lastUID") ?? "") ?? 0, ...uids);
  return { lastUid, ...(current !== undefined && uids.has(current) && { current }), snapshots };
}

export function formatVmsd({ lastUid, current, snapshots }: SnapshotList): string {
  const keys: [string, string][] = [
    [".encoding", "UTF-8"],
    ["snapshot.lastUID", String(lastUid)],
    ...(current === undefined ? [] : [["snapshot.current", String(current)] as [string, string]]),
    ["snapshot.numSnapshots", String(snapshots.length)],
    ...(current === undefined ? [] : [["snapshot.mru0.uid", String(current)] as [string, string]]),
    ...snapshots.flatMap(entryKeys),
  ];
  return formatVmx(updateVmx(emptyVmx, Object.fromEntries(keys)));
}

/** How many snapshots come before this one, itself counted. Over {@link SNAPSHOTS_MAX} when it comes after itself. */
export function depthOf(snapshots: readonly SnapshotEntry[], uid: number): number {
  const parents = new Map(snapshots.map((entry) => [entry.uid, entry.parent]));
  let depth = 0;
  for (let at: number | undefined = uid; at !== undefined && depth <= SNAPSHOTS_MAX; at = parents.get(at)) depth += 1;
  return depth;
}

function entryKeys(entry: SnapshotEntry, index: number): [string, string][] {
  const at = `snapshot${index}`;
  const microseconds = BigInt(Math.trunc(entry.createdAtMs)) * 1000n;
  return [
    [`${at}.uid`, String(entry.uid)],
    [`${at}.filename`, entry.file],
    ...(entry.parent === undefined ? [] : [[`${at}.parent`, String(entry.parent)] as [string, string]]),
    [`${at}.displayName`, entry.name],
    [`${at}.description`, entry.description],
    [`${at}.type`, entry.memory ? "1" : "0"],
    ...(entry.quiesced ? [[`${at}.quiesced`, "TRUE"] as [string, string]] : []),
    [`${at}.createTimeHigh`, String(microseconds >> 32n)],
    [`${at}.createTimeLow`, String(BigInt.asIntN(32, microseconds))],
    [`${at}.numDisks`, String(entry.disks.length)],
    ...entry.disks.flatMap(({ node, file }, disk): [string, string][] => [
      [`${at}.disk${disk}.fileName`, file],
      [`${at}.disk${disk}.node`, node],
    ]),
  ];
}

function parseEntry(vmx: Vmx, index: number, name: string): SnapshotEntry {
  const get = (key: string) => readVmx(vmx, `snapshot${index}.${key}`);
  const uid = integer(get("uid") ?? "");
  const numDisks = integer(get("numDisks") ?? "0") ?? 0;
  const file = get("filename") ?? "";
  if (uid === undefined || uid < 1) throw invalid(`${name} has no proper snapshot${index}.uid.`);
  if (numDisks > DISKS_MAX || !/^[^/\\]*$/.test(file)) throw invalid(`${name} has no proper snapshot${index}.`);
  const parent = integer(get("parent") ?? "");
  const high = BigInt(integer(get("createTimeHigh") ?? "") ?? 0);
  const low = BigInt.asUintN(32, BigInt(/^-?\d{1,10}$/.exec(get("createTimeLow") ?? "")?.[0] ?? 0));
  return {
    uid,
    ...(parent !== undefined && parent > 0 && { parent }),
    name: get("displayName") ?? "",
    description: get("description") ?? "",
    file,
    memory: get("type") === "1",
    quiesced: /^true$/i.test(get("quiesced") ?? ""),
    createdAtMs: Number(((high << 32n) + low) / 1000n),
    disks: Array.from({ length: numDisks }, (_, disk) => ({
      node: get(`disk${disk}.node`) ?? "",
      file: get(`disk${disk}.fileName`) ?? "",
    })),
  };
}

function read(text: string, name: string): Vmx {
  try {
    return parseVmx(text, name);
  } catch (error) {
    throw fault("InvalidSnapshotFormat", error instanceof Error ? error.message : `${name} cannot be read.`, {}, { cause: error });
  }
}

function integer(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const invalid = (message: string) => fault("InvalidSnapshotFormat", message, {});
