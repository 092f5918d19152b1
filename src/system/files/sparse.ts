/**
 * Files with holes: where their data lies, and copying, zeroing and shrinking them piece by piece. However long a file is, a piece
 * of it is all that is in memory, and between two pieces others get their turn. Source: lseek(2), fallocate(2).
 */
import { read, write } from "node:fs";
import { promisify } from "node:util";
import type { OpenFile } from "./open-file.ts";
import { isErrno, punchHoleIn, seekIn } from "./syscalls.ts";

const readAsync = promisify(read);
const writeAsync = promisify(write);

/** Long enough that the calls cost little, short enough that whoever wants it stopped does not wait. */
const PIECE_BYTES = 1024 * 1024;
/** Of a copy: each piece waits for its turn on a busy machine, and what waits costs more than what is done. */
const AHEAD_BYTES = 4 * PIECE_BYTES;
/** Zeros are looked for in runs of this length: a multiple of every file system's block. */
const ZERO_RUN_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** A part of a file. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Told how far into the file the work has come. What it throws ends the work. */
export type Watch = (doneBytes: number) => void;

/** The parts of the first `length` bytes that hold data, as the file is when each is asked for. @param from where to begin */
export function* dataRanges(file: Pick<OpenFile, "fd">, length: number, from = 0): Generator<Range> {
  for (let offset = nextData(file, from, length); offset < length; ) {
    const end = Math.min(seekIn(file.fd, "hole", offset), length);
    yield { offset, length: end - offset };
    offset = nextData(file, end, length);
  }
}

/** Whether every one of the first `length` bytes has been written: nothing in them is a hole, or reserved and never used. */
export function isFullyWritten(file: OpenFile, length: number): boolean {
  try {
    return seekIn(file.fd, "hole", 0) >= length;
  } catch (error) {
    if (isErrno(error, "ENXIO")) return length === 0; // an empty file
    throw error;
  }
}

/**
 * Copies what `length` bytes of `from` hold into `to`, which reads as zeros there: runs of zeros are not written.
 * @param begin where they begin in each of the two; `watch` is told how many of them are done
 */
export async function copyData(
  { from, to }: { readonly from: Pick<OpenFile, "fd">; readonly to: Pick<OpenFile, "fd"> },
  length: number,
  watch: Watch,
  begin: { readonly from: number; readonly to: number } = { from: 0, to: 0 },
): Promise<void> {
  for await (const { offset, bytes } of piecesAhead(from, dataRanges(from, begin.from + length, begin.from))) {
    const done = offset - begin.from;
    for (const run of runs(bytes, false))
      await writeAt(to, bytes.subarray(run.offset, run.offset + run.length), begin.to + done + run.offset);
    watch(done + bytes.length);
  }
  watch(length);
}

/** Writes zeros over a part of the file. */
export async function writeZeros(file: OpenFile, { offset, length }: Range, watch: Watch): Promise<void> {
  for (let done = 0; done < length; ) {
    const step = Math.min(PIECE_BYTES, length - done);
    await writeAt(file, ZEROS.subarray(0, step), offset + done);
    done += step;
    watch(offset + done);
  }
}

/** Writes zeros where the part has none of its own: after it, all of it has been written and what it held is as it was. */
export async function fillHoles(file: OpenFile, { offset: begin, length }: Range, watch: Watch): Promise<void> {
  const end = begin + length;
  for (let hole = nextHole(file, begin, end); hole < end; hole = nextHole(file, hole, end)) {
    const next = nextData(file, hole, end);
    await writeZeros(file, { offset: hole, length: next - hole }, watch);
    hole = next;
  }
  watch(end);
}

/** Gives the blocks of every run of zeros in the first `length` bytes back. */
export async function punchZeros(file: OpenFile, length: number, watch: Watch): Promise<void> {
  for (const range of dataRanges(file, length)) {
    for await (const { offset, bytes } of pieces(file, range)) {
      for (const run of runs(bytes, true)) punchHoleIn(file.fd, { offset: offset + run.offset, length: run.length });
      watch(offset + bytes.length);
    }
  }
  watch(length);
}

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** All ranges piece by piece: while one is worked on, the next is read. The bytes are good until the next but one. */
async function* piecesAhead(file: Pick<OpenFile, "fd">, ranges: Iterable<Range>): AsyncGenerator<Piece> {
  const buffers = [Buffer.allocUnsafe(AHEAD_BYTES), Buffer.allocUnsafe(AHEAD_BYTES)] as const;
  const places = placesIn(ranges);
  let count = 0;
  const readNext = (): Promise<Piece> | undefined => {
    const { value, done } = places.next();
    if (done === true) return undefined;
    const reading = readPiece(file, value, buffers[count++ % 2 === 0 ? 0 : 1]);
    reading.catch(() => {}); // told when it is asked for
    return reading;
  };
  let next = readNext();
  try {
    while (next !== undefined) {
      const piece: Piece = await next;
      next = readNext();
      if (piece.bytes.length > 0) yield piece;
    }
  } finally {
    await next?.catch(() => {}); // whoever ends early closes the file, and nobody may read by its number then
  }
}

function* placesIn(ranges: Iterable<Range>): Generator<Range> {
  for (const { offset: begin, length } of ranges)
    for (let offset = begin; offset < begin + length; ) {
      const step = Math.min(AHEAD_BYTES - (offset % AHEAD_BYTES), begin + length - offset);
      yield { offset, length: step };
      offset += step;
    }
}

/** Shorter only where the file ends. */
async function readPiece(file: Pick<OpenFile, "fd">, { offset, length }: Range, buffer: Buffer): Promise<Piece> {
  let done = 0;
  while (done < length) {
    const { bytesRead } = await readAsync(file.fd, buffer, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return { offset, bytes: buffer.subarray(0, done) };
}

/** The range piece by piece; the bytes are good until the next one. Ends early where the file does. */
async function* pieces(file: OpenFile, range: Range): AsyncGenerator<Piece> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, range.length));
  for (let done = 0; done < range.length; ) {
    const offset = range.offset + done;
    // Pieces end at multiples of their length, so that runs of zeros are not cut where data begins in the middle of one.
    const wanted = Math.min(PIECE_BYTES - (offset % PIECE_BYTES), range.length - done, buffer.length);
    const { bytesRead } = await readAsync(file.fd, buffer, 0, wanted, offset);
    if (bytesRead === 0) return;
    yield { offset, bytes: buffer.subarray(0, bytesRead) };
    done += bytesRead;
  }
}

/** The parts of a piece that are zeros, or that are not, in steps of {@link ZERO_RUN_BYTES}; neighbours are joined. */
export function runs(bytes: Buffer, zero: boolean): Range[] {
  const found: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < bytes.length; offset += ZERO_RUN_BYTES) {
    const length = Math.min(ZERO_RUN_BYTES, bytes.length - offset);
    if (bytes.subarray(offset, offset + length).equals(ZEROS.subarray(0, length)) !== zero) continue;
    const last = found.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else found.push({ offset, length });
  }
  return found;
}

async function writeAt(file: Pick<OpenFile, "fd">, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await writeAsync(file.fd, bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

/** Where the next data begins; `end` when there is none before it. */
function nextData(file: Pick<OpenFile, "fd">, from: number, end: number): number {
  return from >= end ? end : seekOr(file, "data", { from, end });
}

function nextHole(file: OpenFile, from: number, end: number): number {
  return from >= end ? end : seekOr(file, "hole", { from, end });
}

function seekOr(file: Pick<OpenFile, "fd">, kind: "data" | "hole", { from, end }: { from: number; end: number }): number {
  try {
    return Math.min(seekIn(file.fd, kind, from), end);
  } catch (error) {
    if (isErrno(error, "ENXIO")) return end; // nothing of that kind up to the end of the file
    throw error;
  }
}
