/**
 * VMDK descriptors: the small text that says what a virtual disk is made of. Pure.
 * Source: ESXi's VM files.
 */
import { fault } from "../vim25/index.ts";

const CREATE_TYPES = [
  "vmfs",
  "vmfsThin",
  "vmfsSparse",
  "seSparse",
  "vmfsRDM",
  "vmfsRawDeviceMap",
  "vmfsRDMP",
  "vmfsPassthroughRawDeviceMap",
  "vmfsRaw",
  "fullDevice",
  "partitionedDevice",
  "monolithicFlat",
  "monolithicSparse",
  "twoGbMaxExtentFlat",
  "twoGbMaxExtentSparse",
  "streamOptimized",
  "custom",
] as const;
const EXTENT_TYPES = ["FLAT", "SPARSE", "ZERO", "VMFS", "VMFSSPARSE", "VMFSRDM", "VMFSRAW", "SESPARSE", "QCOW2"] as const;
const ACCESSES = ["RW", "RDONLY", "NOACCESS"] as const;

export type VmdkCreateType = (typeof CREATE_TYPES)[number];
export type VmdkExtentType = (typeof EXTENT_TYPES)[number];

export interface VmdkDescriptor {
  readonly version: number;
  /** CID: 8 lower-case hex digits. */
  readonly contentId: string;
  /** {@link NO_PARENT} for a disk that stands alone. */
  readonly parentContentId: string;
  readonly createType: VmdkCreateType;
  readonly parentFileNameHint?: string;
  /** At least one. */
  readonly extents: readonly VmdkExtent[];
  /** The disk data base, by key without "ddb.", in the order of the file. */
  readonly ddb: ReadonlyMap<string, string>;
}

export interface VmdkExtent {
  readonly access: (typeof ACCESSES)[number];
  readonly sectors: number;
  readonly type: VmdkExtentType;
  /** A plain file name beside the descriptor; absent for ZERO alone. */
  readonly file?: string;
  /** Where the extent begins in its file, in sectors. */
  readonly offset: number;
}

export const SECTOR_BYTES = 512;
export const NO_PARENT = "ffffffff";
/** More than a descriptor of {@link EXTENTS_MAX} extents takes, or one that lists a thousand children. */
export const VMDK_DESCRIPTOR_BYTES_MAX = 512 * 1024;
/** vSphere's largest disk: 62 TB. */
export const DISK_BYTES_MAX = 62 * 1024 ** 4;
const EXTENTS_MAX = 1024; // 2 TB in extents of 2 GB, the most that hosted products made
const DDB_ENTRIES_MAX = 2048; // a parent lists its children: see child-disk.ts
const VERSIONS = [1, 2, 3];

/** Files that begin so hold the data itself, not a descriptor. */
const MAGICS = [
  { magic: "KDMV", is: "a hosted sparse disk (KDMV)" },
  { magic: "COWD", is: "a VMFS sparse disk (COWD)" },
] as const;

/**
 * @param bytes the whole file (untrusted)
 * @param name what errors call the file
 * @throws {Fault} InvalidDiskFormat, which names the line
 */
export function parseVmdkDescriptor(bytes: Uint8Array, name: string): VmdkDescriptor {
  const text = decode(bytes, name);
  const header = new Map<string, string>();
  const ddb = new Map<string, string>();
  const extents: VmdkExtent[] = [];
  text.split(/\r?\n/).forEach((row, index) => {
    const at = `${name}, line ${index + 1}`;
    const line = row.trim();
    if (line === "" || line.startsWith("#")) return;
    if (/^(RW|RDONLY|NOACCESS)\s/.test(line)) extents.push(parseExtent(line, at));
    else parseEntry(line, at, { header, ddb });
    if (extents.length > EXTENTS_MAX) throw invalidDisk(at, `is extent ${extents.length} of a disk; ${EXTENTS_MAX} are the most`);
    if (ddb.size > DDB_ENTRIES_MAX) throw invalidDisk(at, `is entry ${ddb.size} of the disk data base; ${DDB_ENTRIES_MAX} are the most`);
  });
  if (extents.length === 0) throw invalidDisk(name, "has no extent");
  const sectors = extents.reduce((sum, extent) => sum + extent.sectors, 0);
  if (sectors * SECTOR_BYTES > DISK_BYTES_MAX) throw invalidDisk(name, `describes a disk of ${sectors} sectors, which is over 62 TB`);
  const parentFileNameHint = header.get("parentfilenamehint");
  return {
    version: parseVersion(header.get("version"), name),
    contentId: parseContentId(header, "CID", name),
    parentContentId: parseContentId(header, "parentCID", name),
    createType: parseCreateType(header.get("createtype"), name),
    ...(parentFileNameHint !== undefined && { parentFileNameHint }),
    extents,
    ddb,
  };
}

/** What the guest sees: the sum of the extents. */
export function capacityBytesOf(descriptor: VmdkDescriptor): number {
  return descriptor.extents.reduce((sum, extent) => sum + extent.sectors, 0) * SECTOR_BYTES;
}

function decode(bytes: Uint8Array, name: string): string {
  const start = Buffer.from(bytes.subarray(0, 4)).toString("latin1");
  const binary = MAGICS.find(({ magic }) => start === magic);
  if (binary !== undefined) throw invalidDisk(name, `is ${binary.is}, not the descriptor of a flat one`);
  if (bytes.length > VMDK_DESCRIPTOR_BYTES_MAX)
    throw invalidDisk(name, `is larger than ${VMDK_DESCRIPTOR_BYTES_MAX} bytes, so it is no disk descriptor`);
  // qemu-img pads one with zeros to whole sectors, and leaves the end of the text before behind the first where a CID became shorter.
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  // Hosted products write windows-1252; what matters here is ASCII, so a byte beyond it may come out as any character.
  const decoded = new TextDecoder("utf-8").decode(text);
  if (/^# *Disk DescriptorFile/i.test(decoded.trimStart())) return decoded;
  const isBinary = bytes.subarray(text.length).some((byte) => byte !== 0);
  throw invalidDisk(name, isBinary ? "is binary, so it is no disk descriptor" : 'does not begin with "# Disk DescriptorFile"');
}

function parseExtent(line: string, at: string): VmdkExtent {
  const match = /^(\S+)\s+(\S+)\s+(\S+)(?:\s+"([^"]*)"(?:\s+(\S+))?)?$/.exec(line);
  if (match === null) throw invalidDisk(at, "is no proper extent: access, sectors, type, file, offset");
  const [, accessText, sectorsText = "", typeText, file, offsetText] = match;
  const access = ACCESSES.find((candidate) => candidate === accessText);
  const type = EXTENT_TYPES.find((candidate) => candidate === typeText);
  if (access === undefined || type === undefined) throw invalidDisk(at, `has an extent of unknown type ${typeText}`);
  const sectors = parseSectors(sectorsText, at);
  if (sectors === 0) throw invalidDisk(at, "has an extent of no sectors");
  const offset = offsetText === undefined ? 0 : parseSectors(offsetText, at);
  if (file === undefined) {
    if (type !== "ZERO") throw invalidDisk(at, `has an extent of type ${type} without a file`);
    return { access, sectors, type, offset };
  }
  if (!isPlainFileName(file)) throw invalidDisk(at, `has an extent in ${JSON.stringify(file)}, which is no plain file name`);
  return { access, sectors, type, file, offset };
}

function parseSectors(text: string, at: string): number {
  const sectors = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(sectors * SECTOR_BYTES <= DISK_BYTES_MAX)) throw invalidDisk(at, `has a size or offset of ${text} sectors`);
  return sectors;
}

/** An extent lies beside its descriptor: anything else could name another VM's disk. */
export function isPlainFileName(file: string): boolean {
  return Buffer.byteLength(file) <= 255 && /^(?!\.{1,2}$)[^/\\"\p{Cc}]+$/u.test(file);
}

function parseEntry(line: string, at: string, into: { header: Map<string, string>; ddb: Map<string, string> }): void {
  const match = /^([A-Za-z][\w.:-]*)\s*=\s*(?:"([^"\p{Cc}]*)"|([^"\s\p{Cc}]*))$/u.exec(line);
  const key = match?.[1];
  if (match === null || key === undefined) throw invalidDisk(at, "is neither an extent nor key = value");
  const value = match[2] ?? match[3] ?? "";
  const [map, name] = /^ddb\./i.test(key) ? [into.ddb, key.slice("ddb.".length)] : [into.header, key.toLowerCase()];
  if (map.has(name)) throw invalidDisk(at, `sets ${key} again`);
  map.set(name, value);
}

/** The line that sets a key, counted from 1; undefined where none does. */
export function lineOfEntry(text: string, key: string): number | undefined {
  const at = text.split(/\r?\n/).findIndex((row) => row.split("=")[0]?.trim().toLowerCase() === key.toLowerCase());
  return at < 0 ? undefined : at + 1;
}

function parseVersion(text: string | undefined, name: string): number {
  const version = VERSIONS.find((candidate) => String(candidate) === text);
  if (version === undefined) throw invalidDisk(name, `has the descriptor version ${text ?? "(none)"}; 1 to 3 are known`);
  return version;
}

function parseContentId(header: ReadonlyMap<string, string>, key: string, name: string): string {
  const text = header.get(key.toLowerCase()) ?? "";
  if (!/^[0-9a-f]{1,8}$/i.test(text)) throw invalidDisk(name, `has no proper ${key}`);
  return text.toLowerCase().padStart(8, "0");
}

function parseCreateType(text: string | undefined, name: string): VmdkCreateType {
  const createType = CREATE_TYPES.find((candidate) => candidate.toLowerCase() === text?.toLowerCase());
  if (createType === undefined) throw invalidDisk(name, `has the createType ${text ?? "(none)"}, which is not known`);
  return createType;
}

export function invalidDisk(at: string, problem: string) {
  return fault("InvalidDiskFormat", `${at} ${problem}.`, {});
}
