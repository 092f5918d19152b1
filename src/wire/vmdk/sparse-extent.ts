/**
 * Sparse extents that lie in a file: which parts of the disk have grains of their own, and where those are. Everything in the file
 * is believed only as far as the file itself bears it out. It reads by a function that it is given. Pure otherwise.
 * Source: VMware's «Virtual Disk Format 5.0».
 */
import { invalidDisk, parseVmdkDescriptor, SECTOR_BYTES, type VmdkDescriptor } from "./descriptor.ts";
import { GrainMap } from "./grain-map.ts";
import { inflateGrain } from "./inflate-grain.ts";
import {
  AT_END,
  GRAIN_MARKER_BYTES,
  HOSTED_HEADER_BYTES,
  parseMarker,
  parseSparseHeader,
  SPARSE_HEADER_BYTES_MAX,
  type SparseHeader,
} from "./sparse-header.ts";

export interface ExtentFile {
  /** What errors call it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** As many bytes as there are, up to `length`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A part of the disk that the extent has something of its own for; neighbours are one. In bytes; elsewhere the parent is read, or zeros. */
export type GrainRange = { readonly offset: number; readonly length: number } & (
  | { readonly kind: "zeros" }
  /** The bytes as they are, from `at` of the file on. */
  | { readonly kind: "data"; readonly at: number }
  /** One grain, deflated: {@link SparseExtent.inflate}. `length` is what it is when inflated. */
  | { readonly kind: "deflated"; readonly at: number }
);

const RANGE_BYTES_MAX = 4 * 1024 * 1024; // what a reader may have to hold
const DIRECTORY_ENTRIES_AT_ONCE = 16 * 1024; // 64 KiB of it
const FOOTER_FROM_END = 2 * SECTOR_BYTES; // the footer, and the end-of-stream marker behind it

export class SparseExtent {
  readonly header: SparseHeader;
  readonly #file: ExtentFile;
  readonly #directorySector: number;

  private constructor(file: ExtentFile, header: SparseHeader, directorySector: number) {
    this.#file = file;
    this.header = header;
    this.#directorySector = directorySector;
  }

  /** @throws {Fault} InvalidDiskFormat */
  static async open(file: ExtentFile): Promise<SparseExtent> {
    const header = parseSparseHeader(await file.read(0, SPARSE_HEADER_BYTES_MAX), file.name);
    if (header.directorySector !== AT_END) return new SparseExtent(file, header, header.directorySector);
    const at = file.sizeBytes - FOOTER_FROM_END;
    if (at < HOSTED_HEADER_BYTES) throw invalidDisk(file.name, "is cut short: its footer is missing");
    const bytes = await file.read(at, HOSTED_HEADER_BYTES);
    if (Buffer.from(bytes.subarray(0, 4)).toString("latin1") !== "KDMV")
      throw invalidDisk(file.name, "is cut short: its footer is missing");
    const footer = parseSparseHeader(bytes, file.name);
    const { directorySector } = footer;
    if (directorySector === AT_END) throw invalidDisk(file.name, "has a footer that says nothing of where its grain directory is");
    if (footer.capacitySectors !== header.capacitySectors || footer.grainSectors !== header.grainSectors)
      throw invalidDisk(file.name, "has a footer that speaks of another disk than its header");
    return new SparseExtent(file, header, directorySector);
  }

  get capacityBytes(): number {
    return this.header.capacitySectors * SECTOR_BYTES;
  }

  /** The descriptor inside of the file; undefined when there is none. */
  async descriptor(): Promise<VmdkDescriptor | undefined> {
    const place = this.header.descriptor;
    if (place === undefined) return undefined;
    return parseEmbeddedDescriptor(
      await this.#read(place.sector * SECTOR_BYTES, place.sectors * SECTOR_BYTES, "descriptor"),
      this.#file.name,
    );
  }

  /**
   * In the order of the disk. Memory is bounded whatever the file says.
   * @throws {Fault} InvalidDiskFormat for tables or grains that lie outside of the file or over one another
   */
  async *grains(): AsyncGenerator<GrainRange> {
    let pending: GrainRange | undefined;
    for await (const grain of this.#singleGrains()) {
      const joined = pending === undefined ? undefined : join(pending, grain);
      if (joined === undefined && pending !== undefined) yield pending;
      pending = joined ?? grain;
    }
    if (pending !== undefined) yield pending;
  }

  /** What a deflated grain holds. @throws {Fault} InvalidDiskFormat */
  async inflate(range: GrainRange & { readonly kind: "deflated" }): Promise<Buffer> {
    const { name } = this.#file;
    const head = Buffer.from(await this.#read(range.at, 16, "grain"));
    const marker = parseMarker(head, name, range.at);
    if (marker.kind !== "grain" || marker.sector * SECTOR_BYTES !== range.offset)
      throw invalidDisk(name, `has no marker of the grain of byte ${range.offset} at byte ${range.at}`);
    if (marker.bytes > deflatedMax(this.header)) throw invalidDisk(name, `has a grain of ${marker.bytes} bytes at byte ${range.at}`);
    const deflated = await this.#read(range.at + GRAIN_MARKER_BYTES, marker.bytes, "grain");
    return inflateGrain(deflated, { name, at: range.at, lengthMax: this.header.grainSectors * SECTOR_BYTES, lengthMin: range.length });
  }

  async *#singleGrains(): AsyncGenerator<GrainRange> {
    const { grainSectors, entriesPerTable, isCompressed, hasZeroEntries } = this.header;
    const grainBytes = grainSectors * SECTOR_BYTES;
    const tables = new GrainMap((entriesPerTable * 4) / SECTOR_BYTES);
    const grains = new GrainMap(isCompressed ? 1 : grainSectors);
    for await (const { index, sector } of this.#tables()) {
      if (!tables.add(sector)) throw this.#overlap("grain table", sector);
      const table = Buffer.from(await this.#read(sector * SECTOR_BYTES, entriesPerTable * 4, "grain table"));
      for (let entry = 0; entry < entriesPerTable; entry++) {
        const offset = (index * entriesPerTable + entry) * grainBytes;
        if (offset >= this.capacityBytes) break;
        const at = table.readUInt32LE(entry * 4);
        if (at === 0) continue;
        const length = Math.min(grainBytes, this.capacityBytes - offset);
        if (at === 1 && hasZeroEntries) {
          yield { offset, length, kind: "zeros" };
          continue;
        }
        this.#requireInside(at, isCompressed ? SECTOR_BYTES : length, `grain of byte ${offset}`);
        if (!grains.add(at)) throw this.#overlap(`grain of byte ${offset}`, at);
        yield { offset, length, kind: isCompressed ? "deflated" : "data", at: at * SECTOR_BYTES };
      }
    }
  }

  /** The grain tables that there are, by the directory. */
  async *#tables(): AsyncGenerator<{ readonly index: number; readonly sector: number }> {
    const { capacitySectors, grainSectors, entriesPerTable } = this.header;
    const count = Math.ceil(capacitySectors / (grainSectors * entriesPerTable));
    for (let first = 0; first < count; first += DIRECTORY_ENTRIES_AT_ONCE) {
      const wanted = Math.min(DIRECTORY_ENTRIES_AT_ONCE, count - first);
      const part = Buffer.from(await this.#read(this.#directorySector * SECTOR_BYTES + first * 4, wanted * 4, "grain directory"));
      for (let entry = 0; entry < wanted; entry++) {
        const sector = part.readUInt32LE(entry * 4);
        if (sector !== 0) yield { index: first + entry, sector };
      }
    }
  }

  async #read(offset: number, length: number, what: string): Promise<Uint8Array> {
    const bytes = await this.#file.read(offset, length);
    if (bytes.length === length) return bytes;
    throw invalidDisk(this.#file.name, `ends at byte ${this.#file.sizeBytes}, and its ${what} would lie at byte ${offset}`);
  }

  #requireInside(sector: number, bytes: number, what: string): void {
    const at = sector * SECTOR_BYTES;
    if (sector < this.header.overheadSectors && this.header.format === "hosted")
      throw invalidDisk(this.#file.name, `has its ${what} at sector ${sector}, within what its header says is no data`);
    if (at + bytes > this.#file.sizeBytes)
      throw invalidDisk(this.#file.name, `ends at byte ${this.#file.sizeBytes}, and its ${what} would lie at byte ${at}`);
  }

  #overlap(what: string, sector: number) {
    return invalidDisk(this.#file.name, `has its ${what} at sector ${sector}, where another lies already`);
  }
}

/** Longest that deflate makes of a grain, with room for tools that do it badly. */
export function deflatedMax({ grainSectors }: Pick<SparseHeader, "grainSectors">): number {
  return grainSectors * SECTOR_BYTES * 2;
}

/** @param bytes the sectors that the header names: the text, and zeros behind it */
export function parseEmbeddedDescriptor(bytes: Uint8Array, name: string): VmdkDescriptor {
  const end = bytes.indexOf(0);
  return parseVmdkDescriptor(end < 0 ? bytes : bytes.subarray(0, end), name);
}

function join(before: GrainRange, next: GrainRange): GrainRange | undefined {
  const end = before.offset + before.length;
  if (next.offset !== end || before.kind === "deflated") return undefined;
  if (before.kind === "zeros") return next.kind === "zeros" ? { ...before, length: before.length + next.length } : undefined;
  if (next.kind !== "data" || next.at !== before.at + before.length) return undefined;
  const length = before.length + next.length;
  return length > RANGE_BYTES_MAX ? undefined : { ...before, length };
}
