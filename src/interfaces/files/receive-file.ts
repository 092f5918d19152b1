/**
 * Writes the body of a request into an open file, as fast as the disk takes it: while one batch is being written, the next is
 * received, and what was written is on its way to the disk before the last byte comes. Memory is bounded by two batches of each request.
 */
import type { IncomingMessage } from "node:http";
import { releaseBuffers, syncData, writeAllAt } from "../../system/index.ts";
import { Stall } from "./stall.ts";

const BATCH_BYTES = 1024 * 1024;
/** A body may come a byte at a time, and each piece has its cost in memory. */
const BATCH_PIECES_MAX = 512;
/** Whoever commits the file waits for the disk: for no more than was written since it was last asked to. */
const SYNC_BYTES = 32 * 1024 * 1024;

export interface Received {
  readonly bytes: number;
  /** Why it is not whole: a sentence for the audit. */
  readonly broken?: string;
}

/**
 * @param position where the body begins in the file
 * @throws what the file system says against a write: the rest of the body is then still to come
 */
export async function receiveFile(request: IncomingMessage, fd: number, position: number, stallMs: number): Promise<Received> {
  const batches = new Batches(request, fd, position);
  using stall = new Stall(stallMs, () => request.socket.destroy());
  const ended = await new Promise<boolean>((resolve) => {
    if (request.destroyed) return resolve(false); // it went away while its file was being opened
    request.on("data", (piece: Buffer) => {
      stall.progress();
      batches.add(piece);
    });
    request.once("end", () => resolve(true));
    request.once("close", () => resolve(request.complete));
    request.once("error", () => resolve(false)); // the client is gone, and with it whoever would be told
    batches.onFailure = () => resolve(false);
  });
  request.removeAllListeners("data");
  const bytes = await batches.finish();
  if (ended) return { bytes };
  return { bytes, broken: stall.isOver ? `nothing came for ${stallMs / 1000} s` : "the client went away" };
}

/** What has come and is not written yet. */
class Batches {
  readonly #request: IncomingMessage;
  readonly #fd: number;
  readonly #start: number;
  #position: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #unsynced = 0;
  #failure: unknown;
  onFailure: () => void = () => {};

  constructor(request: IncomingMessage, fd: number, position: number) {
    this.#request = request;
    this.#fd = fd;
    this.#start = position;
    this.#position = position;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#isFull) this.#write();
  }

  /** Writes what is left. @returns how many bytes there were in all */
  async finish(): Promise<number> {
    await Promise.all([this.#writing, this.#syncing]);
    if (this.#failure === undefined && this.#pieces.length > 0) {
      this.#write();
      await this.#writing;
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#position - this.#start;
  }

  get #isFull(): boolean {
    return this.#bytes >= BATCH_BYTES || this.#pieces.length >= BATCH_PIECES_MAX;
  }

  #write(): void {
    if (this.#writing !== undefined) {
      this.#request.pause(); // the disk is slower than the client
      return;
    }
    const pieces = this.#pieces;
    const bytes = this.#bytes;
    this.#pieces = [];
    this.#bytes = 0;
    this.#writing = writeAllAt(this.#fd, pieces, this.#position)
      .then(() => {
        releaseBuffers(pieces);
        this.#position += bytes;
        this.#unsynced += bytes;
        if (this.#unsynced >= SYNC_BYTES) this.#sync();
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#writing = undefined;
        if (this.#failure !== undefined) return;
        if (this.#isFull) this.#write();
        if (this.#request.isPaused()) this.#request.resume();
      });
  }

  #sync(): void {
    if (this.#syncing !== undefined) return;
    this.#unsynced = 0;
    this.#syncing = syncData(this.#fd)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.onFailure();
  }
}
