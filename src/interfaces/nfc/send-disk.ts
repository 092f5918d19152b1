/** Sends an open disk as a stream-optimized one, made while it is sent: holes and zeros are not, and what is is deflated. */
import type { ServerResponse } from "node:http";
import { dataRanges, readAt } from "../../system/index.ts";
import { deflateGrain, STREAM_GRAIN_BYTES, StreamEncoder, type VmdkDescriptor } from "../../wire/index.ts";
import { drained } from "../files/drained.ts";
import { Stall } from "../files/stall.ts";
import type { Checksums } from "./checksums.ts";

/** Deflated at a time, on the threads that also read: 1 MiB. */
const BATCH_GRAINS = 16;

export interface DiskSource {
  readonly fd: number;
  readonly name: string;
  readonly capacityBytes: number;
  readonly descriptor: VmdkDescriptor;
  readonly checksums: Checksums;
  readonly onProgress: () => void;
  readonly stallMs: number;
}

export interface SentDisk {
  readonly bytes: number;
  readonly populatedBytes: number;
  readonly broken?: string;
}

export async function sendDisk(response: ServerResponse, source: DiskSource): Promise<SentDisk> {
  const { fd, capacityBytes, checksums, onProgress, stallMs } = source;
  const encoder = new StreamEncoder(capacityBytes, source.descriptor, source.name);
  using stall = new Stall(stallMs, () => response.destroy());
  let bytes = 0;
  let populatedBytes = 0;
  const send = async (piece: Buffer): Promise<void> => {
    checksums.update(piece);
    bytes += piece.length;
    if (!response.write(piece)) await drained(response);
    stall.progress();
    onProgress();
  };
  const broken = (): SentDisk => {
    response.destroy(); // a body without an end is how the client sees that it is not whole
    return { bytes, populatedBytes, broken: stall.isOver ? `the client took nothing for ${stallMs / 1000} s` : "the client went away" };
  };
  await send(encoder.begin());
  let next: Promise<Deflated[]> | undefined;
  const batches = batchesOf(fd, capacityBytes);
  const advance = (): Promise<Deflated[]> | undefined => {
    const { value, done } = batches.next();
    return done === true ? undefined : deflateAll(fd, value, capacityBytes);
  };
  next = advance();
  while (next !== undefined) {
    const batch: Deflated[] = await next;
    if (response.destroyed) return broken();
    next = advance(); // while this batch is sent, the next is read and deflated
    next?.catch(() => {}); // awaited in the next round
    for (const { offset, length, deflated } of batch) {
      populatedBytes += length;
      await send(encoder.grain(offset, deflated));
      if (response.destroyed) {
        await next?.catch(() => {});
        return broken();
      }
    }
  }
  await send(encoder.end());
  response.end();
  return { bytes, populatedBytes };
}

interface Deflated {
  readonly offset: number;
  readonly length: number;
  readonly deflated: Buffer;
}

/** The grains that the disk has something in, some at a time. */
function* batchesOf(fd: number, capacityBytes: number): Generator<number[]> {
  let batch: number[] = [];
  let done = 0;
  for (const { offset, length } of dataRanges({ fd }, capacityBytes)) {
    const first = Math.floor(offset / STREAM_GRAIN_BYTES) * STREAM_GRAIN_BYTES;
    for (let grain = Math.max(first, done); grain < offset + length; grain += STREAM_GRAIN_BYTES) {
      batch.push(grain);
      done = grain + STREAM_GRAIN_BYTES;
      if (batch.length < BATCH_GRAINS) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function deflateAll(fd: number, offsets: readonly number[], capacityBytes: number): Promise<Deflated[]> {
  const grains = await Promise.all(
    offsets.map(async (offset): Promise<Deflated[]> => {
      const grain = await readGrain(fd, offset, Math.min(STREAM_GRAIN_BYTES, capacityBytes - offset));
      return grain.equals(ZEROS.subarray(0, grain.length)) ? [] : [{ offset, length: grain.length, deflated: await deflateGrain(grain) }];
    }),
  );
  return grains.flat();
}

async function readGrain(fd: number, offset: number, length: number): Promise<Buffer> {
  const grain = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const bytes = await readAt(fd, grain.subarray(done), offset + done);
    if (bytes === 0) throw new Error(`the disk ends at byte ${offset + done}`);
    done += bytes;
  }
  return grain;
}

const ZEROS = Buffer.alloc(STREAM_GRAIN_BYTES);
