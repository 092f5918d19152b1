/**
 * A stream-optimized disk as it goes out: header, descriptor, the grains that are not zeros, and behind them what finds them again.
 * Nothing is gone back to, so it can be sent while it is made. Pure. Source: as stream-decoder.ts.
 */
import { formatVmdkDescriptor } from "./base-disk.ts";
import { SECTOR_BYTES, type VmdkDescriptor } from "./descriptor.ts";
import { AT_END, formatHostedHeader, formatMarker, HOSTED_TABLE_ENTRIES, type HostedLayout } from "./sparse-header.ts";

/** As every product writes it. */
export const STREAM_GRAIN_BYTES = 64 * 1024;
const GRAIN_SECTORS = STREAM_GRAIN_BYTES / SECTOR_BYTES;
const TABLE_BYTES = HOSTED_TABLE_ENTRIES * 4;
const DESCRIPTOR_SECTORS = 20;
const OVERHEAD_SECTORS = 128;

export class StreamEncoder {
  readonly #layout: HostedLayout;
  readonly #head: Buffer;
  readonly #directory: Buffer;
  #table = Buffer.alloc(TABLE_BYTES);
  /** Of the table that is being filled; undefined when nothing is in it. */
  #tableIndex: number | undefined;
  #sector = 0;

  /**
   * @param capacityBytes a multiple of 512
   * @param descriptor of the disk as it was: what it says of extents is said anew
   * @param fileName what the descriptor calls the file
   */
  constructor(capacityBytes: number, descriptor: VmdkDescriptor, fileName: string) {
    const capacitySectors = capacityBytes / SECTOR_BYTES;
    this.#layout = {
      capacitySectors,
      grainSectors: GRAIN_SECTORS,
      directorySector: AT_END,
      descriptor: { sector: 1, sectors: DESCRIPTOR_SECTORS },
      overheadSectors: OVERHEAD_SECTORS,
      isCompressed: true,
    };
    const tables = Math.ceil(capacitySectors / (GRAIN_SECTORS * HOSTED_TABLE_ENTRIES));
    this.#directory = Buffer.alloc(toSectors(tables * 4) * SECTOR_BYTES);
    this.#head = Buffer.alloc(OVERHEAD_SECTORS * SECTOR_BYTES);
    formatHostedHeader(this.#layout).copy(this.#head, 0);
    const text = Buffer.from(formatVmdkDescriptor(streamDescriptor(descriptor, capacitySectors, fileName)));
    if (text.length > DESCRIPTOR_SECTORS * SECTOR_BYTES) throw new Error(`a descriptor of ${text.length} bytes does not fit`);
    text.copy(this.#head, SECTOR_BYTES);
  }

  begin(): Buffer {
    return this.#count(this.#head);
  }

  /** @param offset a multiple of {@link STREAM_GRAIN_BYTES}, behind that of the grain before */
  grain(offset: number, deflated: Uint8Array): Buffer {
    const grain = offset / STREAM_GRAIN_BYTES;
    const index = Math.floor(grain / HOSTED_TABLE_ENTRIES);
    const before = this.#tableIndex !== index ? this.#flushTable() : [];
    this.#tableIndex = index;
    this.#table.writeUInt32LE(this.#sector, (grain % HOSTED_TABLE_ENTRIES) * 4);
    const marker = formatMarker({ kind: "grain", sector: offset / SECTOR_BYTES, bytes: deflated.length });
    const length = marker.length + deflated.length;
    const padding = Buffer.alloc(toSectors(length) * SECTOR_BYTES - length);
    const body = Buffer.concat([marker, deflated, padding]);
    this.#count(body);
    return before.length === 0 ? body : Buffer.concat([...before, body]);
  }

  end(): Buffer {
    const table = this.#flushTable();
    const marker = this.#count(formatMarker({ kind: "grainDirectory", sectors: this.#directory.length / SECTOR_BYTES }));
    const directorySector = this.#sector;
    const footer = formatHostedHeader({ ...this.#layout, directorySector });
    return Buffer.concat([
      ...table,
      marker,
      this.#directory,
      formatMarker({ kind: "footer", sectors: 1 }),
      footer,
      formatMarker({ kind: "endOfStream" }),
    ]);
  }

  #flushTable(): Buffer[] {
    if (this.#tableIndex === undefined) return [];
    const marker = this.#count(formatMarker({ kind: "grainTable", sectors: TABLE_BYTES / SECTOR_BYTES }));
    this.#directory.writeUInt32LE(this.#sector, this.#tableIndex * 4);
    const table = this.#count(this.#table);
    this.#table = Buffer.alloc(TABLE_BYTES);
    this.#tableIndex = undefined;
    return [marker, table];
  }

  #count(bytes: Buffer): Buffer {
    this.#sector += bytes.length / SECTOR_BYTES;
    if (this.#sector >= 2 ** 32) throw new Error("a stream-optimized disk cannot be longer than 2 TB");
    return bytes;
  }
}

const toSectors = (bytes: number): number => Math.ceil(bytes / SECTOR_BYTES);

function streamDescriptor(descriptor: VmdkDescriptor, sectors: number, file: string): VmdkDescriptor {
  const { parentFileNameHint: _, ...alone } = descriptor;
  const ddb = new Map(descriptor.ddb);
  ddb.delete("thinProvisioned");
  return {
    ...alone,
    version: 1,
    parentContentId: "ffffffff",
    createType: "streamOptimized",
    extents: [{ access: "RW", sectors, type: "SPARSE", file, offset: 0 }],
    ddb,
  };
}
