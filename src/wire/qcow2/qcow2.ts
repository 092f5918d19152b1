/**
 * qcow2 files that hold what a child disk has of its own: the empty one, what its header and its tables say, and one that is written
 * from front to back. They name no file that they depend on: the descriptors are the chain. Pure.
 * Source: QEMU docs/interop/qcow2.txt, version 3.
 *
 *   cluster 0       1                2                3 …        then
 *   header          refcount table   refcount block   L1 table   data and L2 tables, as they come
 */
import { fault } from "../vim25/index.ts";

export const CLUSTER_BYTES = 64 * 1024;
/** Entries of 8 bytes in one cluster: an L2 table, and the reach of an L1 entry in clusters. */
export const L2_ENTRIES = CLUSTER_BYTES / 8;
/** What an L1 entry covers of the disk: 512 MiB. */
export const L2_SPAN_BYTES = L2_ENTRIES * CLUSTER_BYTES;
export const QCOW2_HEADER_BYTES = 104;

const MAGIC = 0x514649fb; // "QFI\xfb"
const VERSION = 3;
const CLUSTER_BITS = 16;
const REFCOUNT_ORDER = 4; // 16 bits each
const REFCOUNTS_PER_BLOCK = CLUSTER_BYTES / 2;
const L1_CLUSTER = 3;
/** The refcount count of a cluster that is used once, and the mark of such a one in L1 and L2 entries. */
const COPIED = 1n << 63n;
const OFFSET_MASK = 0x00ff_ffff_ffff_fe00n;
const COMPRESSED = 1n << 62n;
const READS_AS_ZERO = 1n;
const INCOMPATIBLE = [
  { bit: 1n << 0n, is: "was not closed in order" },
  { bit: 1n << 1n, is: "is marked as corrupt" },
  { bit: 1n << 2n, is: "keeps its data in another file" },
];

export interface Qcow2Header {
  readonly capacityBytes: number;
  readonly l1Offset: number;
  readonly l1Entries: number;
}

/** Bytes at a place of a file. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A file that has nothing of its own yet: its pieces that are not zeros, and how long it is. */
export function emptyQcow2(capacityBytes: number): { readonly pieces: readonly Piece[]; readonly length: number } {
  const clusters = L1_CLUSTER + l1Clusters(capacityBytes);
  return { pieces: framePieces(capacityBytes, clusters, [2 * CLUSTER_BYTES]), length: clusters * CLUSTER_BYTES };
}

/**
 * @param bytes the beginning of the file (untrusted: anyone who may write to the datastore wrote it)
 * @param name what errors call the file
 * @throws {Fault} InvalidDiskFormat for a file that leads elsewhere, or that is not as this host makes them
 */
export function parseQcow2Header(bytes: Buffer, name: string): Qcow2Header {
  const refuse = (problem: string) => fault("InvalidDiskFormat", `${name} ${problem}.`, {});
  if (bytes.length < QCOW2_HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) throw refuse("is no qcow2 file");
  if (bytes.readUInt32BE(4) !== VERSION) throw refuse(`is qcow2 of version ${bytes.readUInt32BE(4)}; version ${VERSION} is read`);
  // An offset may be left of a name that has been taken out; a name has a length.
  if (bytes.readUInt32BE(16) !== 0) throw refuse("names a file that it depends on: only descriptors say what a disk is made of");
  if (bytes.readUInt32BE(20) !== CLUSTER_BITS)
    throw refuse(`has clusters of 2^${bytes.readUInt32BE(20)} bytes; 2^${CLUSTER_BITS} are read`);
  if (bytes.readUInt32BE(32) !== 0) throw refuse("is encrypted");
  if (bytes.readUInt32BE(60) !== 0) throw refuse("has snapshots inside it");
  const features = bytes.readBigUInt64BE(72);
  const known = INCOMPATIBLE.find(({ bit }) => (features & bit) !== 0n);
  if (features !== 0n) throw refuse(known?.is ?? `needs features that are not known (0x${features.toString(16)})`);
  const capacityBytes = Number(bytes.readBigUInt64BE(24));
  const l1Entries = bytes.readUInt32BE(36);
  const l1Offset = Number(bytes.readBigUInt64BE(40));
  if (!Number.isSafeInteger(capacityBytes) || capacityBytes > 2 ** 47 || l1Entries !== l1EntriesOf(capacityBytes))
    throw refuse(`has a table of ${l1Entries} entries for ${capacityBytes} bytes`);
  if (!Number.isSafeInteger(l1Offset) || l1Offset % CLUSTER_BYTES !== 0 || l1Offset === 0) throw refuse(`has its table at ${l1Offset}`);
  return { capacityBytes, l1Offset, l1Entries };
}

export type ClusterState =
  /** The parent's. */
  | { readonly kind: "absent" }
  | { readonly kind: "zero" }
  /** At this offset of the file. */
  | { readonly kind: "data"; readonly offset: number };

/** An entry of an L1 table. @returns where its L2 table is, 0 for none */
export function readL1Entry(entry: bigint): number {
  return Number(entry & OFFSET_MASK);
}

/** @throws {Fault} InvalidDiskFormat for a compressed cluster, which no disk of this host has */
export function readL2Entry(entry: bigint, name: string): ClusterState {
  if ((entry & COMPRESSED) !== 0n) throw fault("InvalidDiskFormat", `${name} has compressed clusters.`, {});
  if ((entry & READS_AS_ZERO) !== 0n) return { kind: "zero" };
  const offset = Number(entry & OFFSET_MASK);
  return offset === 0 ? { kind: "absent" } : { kind: "data", offset };
}

/**
 * Lays a file out from front to back: a place for each cluster in the order of the disk, and at the end the tables that make it one.
 * @param place for a cluster of data; "zero" for one that reads as zeros whatever the parent has
 */
export class Qcow2Layout {
  readonly #capacityBytes: number;
  #nextCluster: number;
  readonly #l1: BigUint64Array;
  #span = -1;
  #l2: Buffer | undefined;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#nextCluster = L1_CLUSTER + l1Clusters(capacityBytes);
    this.#l1 = new BigUint64Array(l1EntriesOf(capacityBytes));
  }

  /** @returns what is to be written before the cluster: the table of the span that it is the first one after */
  enter(cluster: number): readonly Piece[] {
    const span = Math.floor(cluster / L2_ENTRIES);
    if (span === this.#span) return [];
    const done = this.#closeSpan();
    this.#span = span;
    this.#l2 = Buffer.alloc(CLUSTER_BYTES);
    return done;
  }

  /** Where the data of a cluster of the span that was entered goes. */
  placeData(cluster: number): number {
    const offset = this.#take();
    this.#l2?.writeBigUInt64BE(BigInt(offset) | COPIED, (cluster % L2_ENTRIES) * 8);
    return offset;
  }

  placeZero(cluster: number): void {
    this.#l2?.writeBigUInt64BE(READS_AS_ZERO, (cluster % L2_ENTRIES) * 8);
  }

  /** The last table, then what makes it a file: the refcounts of all that was placed, the L1 table, the header. */
  finish(): { readonly pieces: readonly Piece[]; readonly length: number } {
    const last = this.#closeSpan();
    const blocks = [2 * CLUSTER_BYTES];
    while (blocks.length * REFCOUNTS_PER_BLOCK < this.#nextCluster) blocks.push(this.#take());
    const l1 = Buffer.alloc(this.#l1.length * 8);
    this.#l1.forEach((entry, index) => void l1.writeBigUInt64BE(entry, index * 8));
    const pieces = [
      ...last,
      { offset: L1_CLUSTER * CLUSTER_BYTES, bytes: l1 },
      ...framePieces(this.#capacityBytes, this.#nextCluster, blocks),
    ];
    return { pieces, length: this.#nextCluster * CLUSTER_BYTES };
  }

  #take(): number {
    return this.#nextCluster++ * CLUSTER_BYTES;
  }

  #closeSpan(): readonly Piece[] {
    const bytes = this.#l2;
    this.#l2 = undefined;
    if (bytes === undefined) return [];
    const offset = this.#take();
    this.#l1[this.#span] = BigInt(offset) | COPIED;
    return [{ offset, bytes }];
  }
}

function l1EntriesOf(capacityBytes: number): number {
  return Math.max(1, Math.ceil(capacityBytes / L2_SPAN_BYTES));
}

function l1Clusters(capacityBytes: number): number {
  return Math.ceil((l1EntriesOf(capacityBytes) * 8) / CLUSTER_BYTES);
}

/** Header, refcount table and the blocks that say of `clusters` clusters that each is used once. */
function framePieces(capacityBytes: number, clusters: number, blocks: readonly number[]): Piece[] {
  const header = Buffer.alloc(QCOW2_HEADER_BYTES + 8); // and the end of the extensions, which is zeros
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(VERSION, 4);
  header.writeUInt32BE(CLUSTER_BITS, 20);
  header.writeBigUInt64BE(BigInt(capacityBytes), 24);
  header.writeUInt32BE(l1EntriesOf(capacityBytes), 36);
  header.writeBigUInt64BE(BigInt(L1_CLUSTER * CLUSTER_BYTES), 40);
  header.writeBigUInt64BE(BigInt(CLUSTER_BYTES), 48);
  header.writeUInt32BE(1, 56);
  header.writeUInt32BE(REFCOUNT_ORDER, 96);
  header.writeUInt32BE(QCOW2_HEADER_BYTES, 100);
  const table = Buffer.alloc(blocks.length * 8);
  blocks.forEach((offset, index) => void table.writeBigUInt64BE(BigInt(offset), index * 8));
  const counts = blocks.map((offset, index) => {
    const count = Math.min(REFCOUNTS_PER_BLOCK, clusters - index * REFCOUNTS_PER_BLOCK);
    return { offset, bytes: Buffer.alloc(count * 2, Buffer.of(0, 1)) };
  });
  return [...counts, { offset: CLUSTER_BYTES, bytes: table }, { offset: 0, bytes: header }];
}
