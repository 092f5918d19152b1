/**
 * Lays out a hosted sparse extent (monolithicSparse, twoGbMaxExtentSparse) from front to back: the tables have their places before the
 * first grain is written, and one of them is in memory at a time. Pure.
 * Source: VMware's «Virtual Disk Format 5.0», «Hosted Sparse Extents».
 *
 *   | header | descriptor, if it is inside | directory, tables | directory, tables again | grains …
 */
import { SECTOR_BYTES } from "./descriptor.ts";
import { formatHostedHeader, HOSTED_TABLE_ENTRIES } from "./sparse-header.ts";

export const HOSTED_GRAIN_BYTES = 64 * 1024;
/** What the 32 bits of an entry can name. */
export const HOSTED_EXTENT_BYTES_MAX = 2 ** 32 * SECTOR_BYTES;
const GRAIN_SECTORS = HOSTED_GRAIN_BYTES / SECTOR_BYTES;
const TABLE_SECTORS = (HOSTED_TABLE_ENTRIES * 4) / SECTOR_BYTES;
const EMBEDDED_SECTORS_MIN = 20; // the room that products leave, so that the text can grow

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

export class HostedLayout {
  readonly #tables: number;
  /** Sectors: the two directories, each with its tables behind it. */
  readonly #directories: readonly [number, number];
  readonly #frame: readonly Piece[];
  #nextSector: number;
  #table = -1;
  #entries = Buffer.alloc(0);

  /** @param descriptor the text inside; absent for an extent that has its descriptor beside it */
  constructor(capacitySectors: number, descriptor?: string) {
    const text = Buffer.from(descriptor ?? "");
    const textSectors = descriptor === undefined ? 0 : Math.max(EMBEDDED_SECTORS_MIN, Math.ceil(text.length / SECTOR_BYTES));
    this.#tables = Math.ceil(capacitySectors / (GRAIN_SECTORS * HOSTED_TABLE_ENTRIES));
    const directorySectors = Math.ceil((this.#tables * 4) / SECTOR_BYTES);
    const first = 1 + textSectors;
    const second = first + directorySectors + this.#tables * TABLE_SECTORS;
    this.#directories = [first, second];
    const overheadSectors = Math.ceil((second + directorySectors + this.#tables * TABLE_SECTORS) / GRAIN_SECTORS) * GRAIN_SECTORS;
    this.#nextSector = overheadSectors;
    const place = { sector: 1, sectors: textSectors };
    const header = formatHostedHeader({
      ...{ capacitySectors, grainSectors: GRAIN_SECTORS, directorySector: second, redundantSector: first, overheadSectors },
      descriptor: descriptor === undefined ? undefined : place,
      isCompressed: false,
    });
    this.#frame = [
      { offset: 0, bytes: header },
      ...(descriptor === undefined ? [] : [{ offset: SECTOR_BYTES, bytes: text }]),
      ...this.#directories.map((sector) => ({ offset: sector * SECTOR_BYTES, bytes: this.#directoryAt(sector + directorySectors) })),
    ];
  }

  /** What is there whatever the disk holds. */
  get frame(): readonly Piece[] {
    return this.#frame;
  }

  /** A place for the grain that begins at this byte of the extent; grains come in their order. `before`: what is to be written first. */
  place(offset: number): { readonly at: number; readonly before: readonly Piece[] } {
    const grain = Math.floor(offset / HOSTED_GRAIN_BYTES);
    const table = Math.floor(grain / HOSTED_TABLE_ENTRIES);
    const before = table === this.#table ? [] : this.#closeTable();
    if (table !== this.#table) [this.#table, this.#entries] = [table, Buffer.alloc(HOSTED_TABLE_ENTRIES * 4)];
    this.#entries.writeUInt32LE(this.#nextSector, (grain % HOSTED_TABLE_ENTRIES) * 4);
    const at = this.#nextSector * SECTOR_BYTES;
    this.#nextSector += GRAIN_SECTORS;
    return { at, before };
  }

  /** The last table, and how long the file is. */
  finish(): { readonly pieces: readonly Piece[]; readonly length: number } {
    return { pieces: this.#closeTable(), length: this.#nextSector * SECTOR_BYTES };
  }

  #closeTable(): readonly Piece[] {
    if (this.#table < 0) return [];
    const directorySectors = Math.ceil((this.#tables * 4) / SECTOR_BYTES);
    return this.#directories.map((sector) => ({
      offset: (sector + directorySectors + this.#table * TABLE_SECTORS) * SECTOR_BYTES,
      bytes: this.#entries,
    }));
  }

  #directoryAt(firstTable: number): Buffer {
    const bytes = Buffer.alloc(this.#tables * 4);
    for (let table = 0; table < this.#tables; table++) bytes.writeUInt32LE(firstTable + table * TABLE_SECTORS, table * 4);
    return bytes;
  }
}
