/**
 * Headers of sparse extents: hosted ones («KDMV»: monolithicSparse, twoGbMaxExtentSparse, streamOptimized) and those of VMFS
 * («COWD»: vmfsSparse). All numbers are little-endian; offsets and sizes are in sectors. Pure.
 * Source: VMware's «Virtual Disk Format 5.0», «Hosted Sparse Extents», «ESXi Host Sparse Extents», «Stream-Optimized Compressed».
 */
import { DISK_BYTES_MAX, invalidDisk, SECTOR_BYTES } from "./descriptor.ts";

export type SparseFormat = "hosted" | "cowd";

/** Where a hosted disk's grain directory is when it was written in one go: the footer, a copy of the header, says it. */
export const AT_END = "atEnd";

export interface SparseHeader {
  readonly format: SparseFormat;
  readonly capacitySectors: number;
  /** A power of two. */
  readonly grainSectors: number;
  readonly entriesPerTable: number;
  readonly directorySector: number | typeof AT_END;
  /** An entry of 1 means a grain of zeros. */
  readonly hasZeroEntries: boolean;
  /** Grains are deflated, each behind a marker that says where it belongs. */
  readonly isCompressed: boolean;
  /** The text inside of the file that describes it; a COWD file has none. */
  readonly descriptor: { readonly sector: number; readonly sectors: number } | undefined;
  /** What the first grain lies behind. */
  readonly overheadSectors: number;
}

/** As much of a file as its header can take. */
export const SPARSE_HEADER_BYTES_MAX = 2048;
export const HOSTED_HEADER_BYTES = 512;
const COWD_HEADER_BYTES = 2048;

export const HOSTED_TABLE_ENTRIES = 512;
export const COWD_TABLE_ENTRIES = 4096;
const GRAIN_SECTORS_MAX = 2048; // 1 MiB: what is read at once; products make 64 KiB
const DESCRIPTOR_SECTORS_MAX = 256; // 128 KiB, as a descriptor of its own
export const OVERHEAD_SECTORS_MAX = 2 ** 24; // 8 GiB: the directory and tables of the largest disk, twice
const GD_AT_END = 2n ** 64n - 1n;

const FLAG = { newlines: 1 << 0, redundant: 1 << 1, zeroEntries: 1 << 2, compressed: 1 << 16, markers: 1 << 17 } as const;
const KNOWN_FLAGS = FLAG.newlines | FLAG.redundant | FLAG.zeroEntries | FLAG.compressed | FLAG.markers;
const DEFLATE = 1;

/**
 * @param bytes the file's first {@link SPARSE_HEADER_BYTES_MAX} bytes, or all there are (untrusted)
 * @throws {Fault} InvalidDiskFormat, which names the field
 */
export function parseSparseHeader(bytes: Uint8Array, name: string): SparseHeader {
  const magic = Buffer.from(bytes.subarray(0, 4)).toString("latin1");
  if (magic === "KDMV") return parseHosted(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), name);
  if (magic === "COWD") return parseCowd(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), name);
  throw invalidDisk(name, 'begins neither with "KDMV" nor with "COWD", so it is no sparse extent');
}

function parseHosted(bytes: Buffer, name: string): SparseHeader {
  if (bytes.length < HOSTED_HEADER_BYTES) throw invalidDisk(name, `ends within its header, after ${bytes.length} bytes`);
  const version = bytes.readUInt32LE(4);
  if (version < 1 || version > 3) throw invalidDisk(name, `has a sparse header of version ${version}; 1 to 3 are known`);
  const flags = bytes.readUInt32LE(8);
  if ((flags & ~KNOWN_FLAGS) !== 0) throw invalidDisk(name, `has unknown flags in its header (0x${(flags >>> 0).toString(16)})`);
  // Four bytes that a transfer as text would have changed.
  if ((flags & FLAG.newlines) !== 0 && bytes.toString("latin1", 73, 77) !== "\n \r\n")
    throw invalidDisk(name, "was damaged by a transfer as text: the line ends in its header are not what they were");
  const isCompressed = (flags & FLAG.compressed) !== 0;
  if (isCompressed && (flags & FLAG.markers) === 0)
    throw invalidDisk(name, "is compressed and has no markers, which nothing is known to write");
  const algorithm = bytes.readUInt16LE(77);
  if (algorithm !== (isCompressed ? DEFLATE : 0)) throw invalidDisk(name, `says compression ${algorithm}, and its flags say otherwise`);
  const directory = bytes.readBigUInt64LE(56);
  const descriptorSector = sectorsAt(bytes, 28, name, "descriptorOffset");
  const descriptorSectors = sectorsAt(bytes, 36, name, "descriptorSize");
  if (descriptorSectors > DESCRIPTOR_SECTORS_MAX) throw invalidDisk(name, `says that its descriptor has ${descriptorSectors} sectors`);
  const entriesPerTable = bytes.readUInt32LE(44);
  if (entriesPerTable !== HOSTED_TABLE_ENTRIES)
    throw invalidDisk(name, `has grain tables of ${entriesPerTable} entries; ${HOSTED_TABLE_ENTRIES} are known`);
  const overheadSectors = sectorsAt(bytes, 64, name, "overHead");
  if (overheadSectors > OVERHEAD_SECTORS_MAX) throw invalidDisk(name, `says that its first grain lies behind ${overheadSectors} sectors`);
  return {
    format: "hosted",
    capacitySectors: capacityOf(sectorsAt(bytes, 12, name, "capacity"), name),
    grainSectors: grainOf(sectorsAt(bytes, 20, name, "grainSize"), name),
    entriesPerTable,
    directorySector: directory === GD_AT_END ? AT_END : sectorsAt(bytes, 56, name, "gdOffset"),
    hasZeroEntries: (flags & FLAG.zeroEntries) !== 0,
    isCompressed,
    descriptor: descriptorSector === 0 || descriptorSectors === 0 ? undefined : { sector: descriptorSector, sectors: descriptorSectors },
    overheadSectors,
  };
}

function parseCowd(bytes: Buffer, name: string): SparseHeader {
  if (bytes.length < COWD_HEADER_BYTES) throw invalidDisk(name, `ends within its header, after ${bytes.length} bytes`);
  const version = bytes.readUInt32LE(4);
  if (version !== 1) throw invalidDisk(name, `has a COWD header of version ${version}; 1 is known`);
  const capacitySectors = capacityOf(bytes.readUInt32LE(12), name);
  const grainSectors = grainOf(bytes.readUInt32LE(16), name);
  const tables = Math.ceil(capacitySectors / (grainSectors * COWD_TABLE_ENTRIES));
  const entries = bytes.readUInt32LE(24);
  if (entries < tables) throw invalidDisk(name, `has a grain directory of ${entries} entries, and its size needs ${tables}`);
  return {
    format: "cowd",
    capacitySectors,
    grainSectors,
    entriesPerTable: COWD_TABLE_ENTRIES,
    directorySector: bytes.readUInt32LE(20),
    hasZeroEntries: false,
    isCompressed: false,
    descriptor: undefined,
    overheadSectors: COWD_HEADER_BYTES / SECTOR_BYTES,
  };
}

function sectorsAt(bytes: Buffer, at: number, name: string, field: string): number {
  const sectors = bytes.readBigUInt64LE(at);
  if (sectors > BigInt(DISK_BYTES_MAX / SECTOR_BYTES)) throw invalidDisk(name, `says ${sectors} sectors in its header's ${field}`);
  return Number(sectors);
}

function capacityOf(sectors: number, name: string): number {
  if (sectors === 0 || sectors * SECTOR_BYTES > DISK_BYTES_MAX) throw invalidDisk(name, `says that it is a disk of ${sectors} sectors`);
  return sectors;
}

function grainOf(sectors: number, name: string): number {
  if (sectors >= 1 && sectors <= GRAIN_SECTORS_MAX && (sectors & (sectors - 1)) === 0) return sectors;
  throw invalidDisk(name, `has grains of ${sectors} sectors: they are a power of two, at most ${GRAIN_SECTORS_MAX}`);
}

/** What a header of our own says. */
export interface HostedLayout {
  readonly capacitySectors: number;
  readonly grainSectors: number;
  readonly directorySector: number | typeof AT_END;
  /** 0 when there is no second directory. */
  readonly redundantSector?: number;
  readonly descriptor: { readonly sector: number; readonly sectors: number } | undefined;
  readonly overheadSectors: number;
  readonly isCompressed: boolean;
}

export function formatHostedHeader(layout: HostedLayout): Buffer {
  const { isCompressed, directorySector, redundantSector = 0 } = layout;
  const bytes = Buffer.alloc(HOSTED_HEADER_BYTES);
  bytes.write("KDMV", 0, "latin1");
  bytes.writeUInt32LE(isCompressed ? 3 : 1, 4);
  const kind = isCompressed ? FLAG.compressed | FLAG.markers : 0;
  bytes.writeUInt32LE(FLAG.newlines | (redundantSector > 0 ? FLAG.redundant : 0) | kind, 8);
  bytes.writeBigUInt64LE(BigInt(layout.capacitySectors), 12);
  bytes.writeBigUInt64LE(BigInt(layout.grainSectors), 20);
  bytes.writeBigUInt64LE(BigInt(layout.descriptor?.sector ?? 0), 28);
  bytes.writeBigUInt64LE(BigInt(layout.descriptor?.sectors ?? 0), 36);
  bytes.writeUInt32LE(HOSTED_TABLE_ENTRIES, 44);
  bytes.writeBigUInt64LE(BigInt(redundantSector), 48);
  bytes.writeBigUInt64LE(directorySector === AT_END ? GD_AT_END : BigInt(directorySector), 56);
  bytes.writeBigUInt64LE(BigInt(layout.overheadSectors), 64);
  bytes.write("\n \r\n", 73, "latin1");
  bytes.writeUInt16LE(isCompressed ? DEFLATE : 0, 77);
  return bytes;
}

/** What stands before each part of a stream-optimized extent. */
export type Marker =
  | { readonly kind: "grain"; readonly sector: number; readonly bytes: number }
  | { readonly kind: "endOfStream" }
  | { readonly kind: "grainTable" | "grainDirectory" | "footer"; readonly sectors: number };

/** Of a grain: sector and length, and behind them its bytes. */
export const GRAIN_MARKER_BYTES = 12;
const METADATA_KINDS = { grainTable: 1, grainDirectory: 2, footer: 3 } as const;

/** @param bytes at least 16 @param at what errors say of its place */
export function parseMarker(bytes: Buffer, name: string, at: number): Marker {
  const value = bytes.readBigUInt64LE(0);
  if (value > BigInt(DISK_BYTES_MAX / SECTOR_BYTES)) throw invalidDisk(name, `has a marker of ${value} sectors at byte ${at}`);
  const size = bytes.readUInt32LE(8);
  if (size > 0) return { kind: "grain", sector: Number(value), bytes: size };
  const type = bytes.readUInt32LE(12);
  if (type === 0) return { kind: "endOfStream" };
  const kind = (Object.keys(METADATA_KINDS) as (keyof typeof METADATA_KINDS)[]).find((candidate) => METADATA_KINDS[candidate] === type);
  if (kind === undefined) throw invalidDisk(name, `has a marker of unknown type ${type} at byte ${at}`);
  return { kind, sectors: Number(value) };
}

/** A marker as a whole sector; of a grain, only what precedes its bytes. */
export function formatMarker(marker: Marker): Buffer {
  if (marker.kind === "grain") {
    const bytes = Buffer.alloc(GRAIN_MARKER_BYTES);
    bytes.writeBigUInt64LE(BigInt(marker.sector), 0);
    bytes.writeUInt32LE(marker.bytes, 8);
    return bytes;
  }
  const bytes = Buffer.alloc(SECTOR_BYTES);
  if (marker.kind === "endOfStream") return bytes;
  bytes.writeBigUInt64LE(BigInt(marker.sectors), 0);
  bytes.writeUInt32LE(METADATA_KINDS[marker.kind], 12);
  return bytes;
}
