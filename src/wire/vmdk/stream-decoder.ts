/**
 * A stream-optimized disk as it comes in, piece by piece: what an OVF package has, and what exports are. Nothing is waited for but
 * one grain, so memory is bounded whatever is sent. Pure. Source: VMware's «Virtual Disk Format 5.0», «Stream-Optimized Compressed».
 */
import { capacityBytesOf, invalidDisk, NO_PARENT, SECTOR_BYTES, type VmdkDescriptor } from "./descriptor.ts";
import { deflatedMax, parseEmbeddedDescriptor } from "./sparse-extent.ts";
import {
  AT_END,
  GRAIN_MARKER_BYTES,
  HOSTED_HEADER_BYTES,
  HOSTED_TABLE_ENTRIES,
  parseMarker,
  parseSparseHeader,
  type SparseHeader,
} from "./sparse-header.ts";

export interface StreamedDisk {
  readonly capacityBytes: number;
  /** Undefined when the file has none. */
  readonly descriptor: VmdkDescriptor | undefined;
}

/** In bytes of the disk; `at` is where in the stream it began, for what is to be said of it. */
export interface StreamedGrain {
  readonly offset: number;
  /** What it is when it is inflated; as {@link inflateGrain} takes it. */
  readonly length: number;
  readonly lengthMax: number;
  readonly deflated: Buffer;
  readonly at: number;
}

export interface DecoderSink {
  /** Told before the first grain, once. What it throws ends the stream. */
  onDisk(disk: StreamedDisk): void;
  onGrain(grain: StreamedGrain): void;
}

type Step =
  | { readonly kind: "header" }
  | { readonly kind: "descriptor"; readonly header: SparseHeader }
  | { readonly kind: "skip"; readonly bytes: number }
  | { readonly kind: "marker" }
  | { readonly kind: "grain"; readonly sector: number; readonly bytes: number }
  | { readonly kind: "rest" };

const MARKER_BYTES = 16; // sector or size, and what tells the kinds apart

export class StreamDecoder {
  readonly #name: string;
  readonly #sink: DecoderSink;
  readonly #pieces: Buffer[] = [];
  #held = 0;
  /** Of the whole stream: where the next byte that is not taken yet stands. */
  #position = 0;
  #header: SparseHeader | undefined;
  #step: Step = { kind: "header" };
  #nextSector = 0;
  #hasEnded = false;

  /** @param name what errors call the stream */
  constructor(name: string, sink: DecoderSink) {
    this.#name = name;
    this.#sink = sink;
  }

  /** @throws {Fault} InvalidDiskFormat, which names the byte; and what the sink throws */
  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#held += piece.length;
    while (this.#advance()) {}
  }

  /** @throws {Fault} InvalidDiskFormat when the stream was cut short */
  end(): void {
    if (this.#hasEnded) return;
    // A stream that was written by one who could go back has its directory at the beginning, and no end but its end.
    const isWhole = this.#step.kind === "marker" && this.#held === 0 && this.#header?.directorySector !== AT_END;
    if (!isWhole) throw invalidDisk(this.#name, `ends after ${this.#position + this.#held} bytes, before it is whole`);
  }

  /** @returns whether something was taken */
  #advance(): boolean {
    const step = this.#step;
    switch (step.kind) {
      case "header":
        return this.#takeHeader();
      case "descriptor":
        return this.#takeDescriptor(step.header);
      case "skip":
        return this.#skip(step.bytes);
      case "marker":
        return this.#takeMarker();
      case "grain":
        return this.#takeGrain(step);
      case "rest":
        return this.#drop();
    }
  }

  #takeHeader(): boolean {
    const bytes = this.#take(HOSTED_HEADER_BYTES);
    if (bytes === undefined) return false;
    const header = parseSparseHeader(
      bytes.toString("latin1", 0, 4) === "COWD" ? Buffer.concat([bytes, Buffer.alloc(1536)]) : bytes,
      this.#name,
    );
    if (!header.isCompressed)
      throw invalidDisk(this.#name, "is a sparse disk that is not stream-optimized, which cannot be taken as a stream");
    this.#header = header;
    const { descriptor } = header;
    if (descriptor === undefined) this.#tellDisk(header, undefined);
    else if (descriptor.sector !== 1)
      throw invalidDisk(this.#name, `has its descriptor at sector ${descriptor.sector}, not behind its header`);
    this.#step = descriptor === undefined ? this.#toOverhead(header) : { kind: "descriptor", header };
    return true;
  }

  #takeDescriptor(header: SparseHeader): boolean {
    const bytes = this.#take((header.descriptor?.sectors ?? 0) * SECTOR_BYTES);
    if (bytes === undefined) return false;
    this.#tellDisk(header, parseEmbeddedDescriptor(bytes, `${this.#name}, descriptor`));
    this.#step = this.#toOverhead(header);
    return true;
  }

  #tellDisk(header: SparseHeader, descriptor: VmdkDescriptor | undefined): void {
    const capacityBytes = header.capacitySectors * SECTOR_BYTES;
    if (descriptor !== undefined && descriptor.parentContentId !== NO_PARENT)
      throw invalidDisk(this.#name, "is the child of another disk, and comes without it");
    if (descriptor !== undefined && capacityBytesOf(descriptor) !== capacityBytes)
      throw invalidDisk(
        this.#name,
        `has a header that says ${capacityBytes} bytes and a descriptor that says ${capacityBytesOf(descriptor)}`,
      );
    this.#sink.onDisk({ capacityBytes, descriptor });
  }

  #toOverhead({ overheadSectors }: SparseHeader): Step {
    const bytes = overheadSectors * SECTOR_BYTES - this.#position;
    if (bytes < 0) throw invalidDisk(this.#name, `says that its first grain lies at sector ${overheadSectors}, within what is before it`);
    return bytes === 0 ? { kind: "marker" } : { kind: "skip", bytes };
  }

  #takeMarker(): boolean {
    const bytes = this.#peek(MARKER_BYTES);
    if (bytes === undefined) return false;
    const at = this.#position;
    const marker = parseMarker(bytes, this.#name, at);
    const header = this.#header as SparseHeader;
    switch (marker.kind) {
      case "grain":
        if (marker.bytes > deflatedMax(header)) throw invalidDisk(this.#name, `has a grain of ${marker.bytes} bytes at byte ${at}`);
        this.#take(GRAIN_MARKER_BYTES);
        this.#step = { kind: "grain", sector: marker.sector, bytes: marker.bytes };
        return true;
      case "endOfStream":
        this.#hasEnded = true;
        this.#step = { kind: "rest" };
        return true;
      case "grainTable":
      case "grainDirectory":
      case "footer":
        // What they say is what the grains' own markers have said. No more of it is passed over than a disk of that size has.
        if (marker.sectors > metadataMax(header))
          throw invalidDisk(this.#name, `has a ${marker.kind} of ${marker.sectors} sectors at byte ${at}`);
        this.#step = { kind: "skip", bytes: (1 + marker.sectors) * SECTOR_BYTES };
        return true;
    }
  }

  #takeGrain({ sector, bytes }: Step & { readonly kind: "grain" }): boolean {
    const { grainSectors, capacitySectors } = this.#header as SparseHeader;
    const at = this.#position - GRAIN_MARKER_BYTES;
    if (sector % grainSectors !== 0 || sector >= capacitySectors)
      throw invalidDisk(this.#name, `has a grain for sector ${sector} of a disk of ${capacitySectors} at byte ${at}`);
    if (sector < this.#nextSector)
      throw invalidDisk(this.#name, `has a grain for sector ${sector} at byte ${at}, behind one for a later sector`);
    const padded = Math.ceil((GRAIN_MARKER_BYTES + bytes) / SECTOR_BYTES) * SECTOR_BYTES - GRAIN_MARKER_BYTES;
    const taken = this.#take(padded);
    if (taken === undefined) return false;
    this.#nextSector = sector + grainSectors;
    this.#step = { kind: "marker" };
    const length = Math.min(grainSectors, capacitySectors - sector) * SECTOR_BYTES;
    this.#sink.onGrain({
      offset: sector * SECTOR_BYTES,
      length,
      lengthMax: grainSectors * SECTOR_BYTES,
      deflated: taken.subarray(0, bytes),
      at,
    });
    return true;
  }

  #skip(bytes: number): boolean {
    if (this.#held === 0) return false;
    const step = Math.min(bytes, this.#held);
    this.#discard(step);
    this.#step = step === bytes ? { kind: "marker" } : { kind: "skip", bytes: bytes - step };
    return true;
  }

  /** Behind the end there is padding at most; of what is more nobody says anything. */
  #drop(): boolean {
    this.#discard(this.#held);
    return false;
  }

  #peek(bytes: number): Buffer | undefined {
    if (this.#held < bytes) return undefined;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= bytes) return first.subarray(0, bytes);
    const all = Buffer.concat(this.#pieces, this.#held);
    this.#pieces.splice(0, this.#pieces.length, all);
    return all.subarray(0, bytes);
  }

  #take(bytes: number): Buffer | undefined {
    const taken = this.#peek(bytes);
    if (taken !== undefined) this.#discard(bytes);
    return taken;
  }

  #discard(bytes: number): void {
    this.#held -= bytes;
    this.#position += bytes;
    for (let left = bytes; left > 0; ) {
      const piece = this.#pieces[0] as Buffer;
      if (piece.length > left) {
        this.#pieces[0] = piece.subarray(left);
        return;
      }
      left -= piece.length;
      this.#pieces.shift();
    }
  }
}

/** As many sectors as the grain directory of the disk has, and a grain table or a footer in any case. */
function metadataMax({ capacitySectors, grainSectors }: SparseHeader): number {
  const tables = Math.ceil(capacitySectors / (grainSectors * HOSTED_TABLE_ENTRIES));
  return Math.max((HOSTED_TABLE_ENTRIES * 4) / SECTOR_BYTES, Math.ceil((tables * 4) / SECTOR_BYTES));
}
