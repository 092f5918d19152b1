/**
 * Takes a stream-optimized disk from the body of a request and writes what it holds into the open disk, as fast as it comes: while some
 * grains are inflated and written, the next are received. Memory is bounded by what is under way.
 */
import type { IncomingMessage } from "node:http";
import { syncData, writeAllAt } from "../../system/index.ts";
import { fault, inflateGrain, StreamDecoder, type StreamedGrain } from "../../wire/index.ts";
import { Stall } from "../files/stall.ts";
import type { Checksums } from "./checksums.ts";

/** What is inflated at a time, and written in one call where it lies together: 2 MiB. */
const BATCH_GRAINS = 32;
/** What waits to be inflated; beyond it the client has to wait. */
const WAITING_GRAINS_MAX = 128;
/** Whoever commits the disk waits for no more than was written since it was last asked to be on the disk. */
const SYNC_BYTES = 64 * 1024 * 1024;

export interface DiskTarget {
  readonly fd: number;
  /** What errors call the stream. */
  readonly name: string;
  readonly capacityBytes: number;
  readonly checksums: Checksums;
  /** Told whenever some has come. What it throws ends the upload. */
  readonly onProgress: () => void;
  readonly stallMs: number;
}

export interface ReceivedDisk {
  /** As they came. */
  readonly bytes: number;
  /** What was written of the disk. */
  readonly populatedBytes: number;
  /** Why it is not whole: a sentence for the audit. */
  readonly broken?: string;
}

/** @throws {Fault} InvalidDiskFormat, InvalidArgument for a disk of another size; what the file system says against a write */
export async function receiveDisk(request: IncomingMessage, target: DiskTarget): Promise<ReceivedDisk> {
  const writer = new GrainWriter(target.fd, target.name, request);
  const decoder = new StreamDecoder(target.name, {
    onDisk: ({ capacityBytes }) => requireSize(target, capacityBytes),
    onGrain: (grain) => writer.add(grain),
  });
  using stall = new Stall(target.stallMs, () => request.socket.destroy());
  let bytes = 0;
  const ended = await new Promise<boolean>((resolve) => {
    if (request.destroyed) return resolve(false);
    request.on("data", (piece: Buffer) => {
      try {
        stall.progress();
        target.onProgress();
        bytes += piece.length;
        target.checksums.update(piece);
        decoder.push(piece);
      } catch (error) {
        writer.fail(error);
      }
    });
    request.once("end", () => resolve(true));
    request.once("close", () => resolve(request.complete));
    request.once("error", () => resolve(false)); // the client is gone, and with it whoever would be told
    writer.onFailure = () => resolve(false);
  });
  request.removeAllListeners("data");
  const populatedBytes = await writer.finish();
  if (!ended)
    return { bytes, populatedBytes, broken: stall.isOver ? `nothing came for ${target.stallMs / 1000} s` : "the client went away" };
  decoder.end();
  return { bytes, populatedBytes };
}

function requireSize({ name, capacityBytes: wanted }: DiskTarget, capacityBytes: number): void {
  if (capacityBytes === wanted) return;
  throw fault("InvalidDiskFormat", `${name} is a disk of ${capacityBytes} bytes, and the virtual machine's has ${wanted}.`, {});
}

class GrainWriter {
  readonly #fd: number;
  readonly #name: string;
  readonly #request: IncomingMessage;
  #waiting: StreamedGrain[] = [];
  #working: Promise<void> | undefined;
  #populatedBytes = 0;
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #failure: unknown;
  onFailure: () => void = () => {};

  constructor(fd: number, name: string, request: IncomingMessage) {
    this.#fd = fd;
    this.#name = name;
    this.#request = request;
  }

  add(grain: StreamedGrain): void {
    this.#waiting.push(grain);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    if (this.#waiting.length >= WAITING_GRAINS_MAX) this.#request.pause();
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.onFailure();
  }

  /** Waits for what is under way. @returns how many bytes were written @throws what went wrong first */
  async finish(): Promise<number> {
    while (this.#working !== undefined) await this.#working;
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#populatedBytes;
  }

  /** While one batch is being written, the next is inflated. */
  async #work(): Promise<void> {
    try {
      let writing: Promise<void> = Promise.resolve();
      await Promise.resolve(); // what comes with one piece is taken together
      while (this.#waiting.length > 0 && this.#failure === undefined) {
        const batch = this.#waiting.splice(0, BATCH_GRAINS);
        if (this.#waiting.length < WAITING_GRAINS_MAX && this.#request.isPaused()) this.#request.resume();
        const inflated = await Promise.all(batch.map((grain) => this.#inflate(grain)));
        await writing;
        writing = this.#write(inflated);
        writing.catch(() => {}); // awaited in the next round, or behind the last
        if (this.#waiting.length === 0) await writing;
      }
      await writing;
    } catch (error) {
      this.fail(error);
    }
  }

  async #inflate({ offset, length, lengthMax, deflated, at }: StreamedGrain): Promise<InflatedGrain> {
    return { offset, bytes: await inflateGrain(deflated, { name: this.#name, at, lengthMax, lengthMin: length }) };
  }

  async #write(grains: readonly InflatedGrain[]): Promise<void> {
    for (const { offset, pieces } of runsOf(grains)) {
      await writeAllAt(this.#fd, pieces, offset);
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      this.#populatedBytes += bytes;
      this.#unsynced += bytes;
    }
    if (this.#unsynced >= SYNC_BYTES) this.#sync();
  }

  #sync(): void {
    if (this.#syncing !== undefined) return;
    this.#unsynced = 0;
    this.#syncing = syncData(this.#fd)
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#syncing = undefined;
      });
  }
}

interface InflatedGrain {
  readonly offset: number;
  readonly bytes: Buffer;
}

interface Run {
  readonly offset: number;
  readonly pieces: Buffer[];
  end: number;
}

/** Neighbours together; a grain of zeros is what the disk has there already. */
function runsOf(grains: readonly InflatedGrain[]): Run[] {
  const runs: Run[] = [];
  for (const { offset, bytes } of grains) {
    if (isZero(bytes)) continue;
    const last = runs.at(-1);
    if (last?.end === offset) {
      last.pieces.push(bytes);
      last.end += bytes.length;
    } else runs.push({ offset, pieces: [bytes], end: offset + bytes.length });
  }
  return runs;
}

const ZEROS = Buffer.alloc(1024 * 1024);

function isZero(bytes: Buffer): boolean {
  return bytes[0] === 0 && bytes.equals(ZEROS.subarray(0, bytes.length));
}
