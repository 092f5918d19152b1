/**
 * Sends an open disk, with those that it descends from, as a stream-optimized one of its own, made while it is sent: holes and zeros are
 * not, and what is is deflated.
 */
import type { ServerResponse } from "node:http";
import { ChainReader, type OpenLink, runsOf } from "../../vmkernel/index.ts";
import { deflateGrain, STREAM_GRAIN_BYTES, StreamEncoder, type VmdkDescriptor } from "../../wire/index.ts";
import { drained } from "../files/drained.ts";
import { Stall } from "../files/stall.ts";
import type { Checksums } from "./checksums.ts";

/** Deflated at a time, on the threads that also read: 1 MiB. */
const BATCH_GRAINS = 16;

export interface DiskSource {
  /** Nearest first. */
  readonly layers: readonly (Pick<OpenLink, "format" | "name"> & { readonly fd: number })[];
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
  const { capacityBytes, checksums, onProgress, stallMs } = source;
  const layers = source.layers.map(({ fd, format, name }) => ({ file: { fd }, format, name }));
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
  const reader = await ChainReader.open(layers, capacityBytes);
  const batches = batchesOf(layers, capacityBytes);
  const advance = async (): Promise<Deflated[] | undefined> => {
    const { value, done } = await batches.next();
    return done === true ? undefined : deflateAll(reader, value, capacityBytes);
  };
  let next = advance();
  for (let batch = await next; batch !== undefined; batch = await next) {
    if (response.destroyed) return broken();
    next = advance(); // while this batch is sent, the next is read and deflated
    next.catch(() => {}); // awaited in the next round
    for (const { offset, length, deflated } of batch) {
      populatedBytes += length;
      await send(encoder.grain(offset, deflated));
      if (response.destroyed) {
        await next.catch(() => {});
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
async function* batchesOf(layers: readonly OpenLink[], capacityBytes: number): AsyncGenerator<number[]> {
  let batch: number[] = [];
  let done = 0;
  for await (const { offset, length, from } of runsOf(layers, capacityBytes)) {
    if (from === undefined) continue; // zeros
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

/** A grain is a cluster: both have 64 KiB. */
async function deflateAll(reader: ChainReader, offsets: readonly number[], capacityBytes: number): Promise<Deflated[]> {
  const grains = await Promise.all(
    offsets.map(async (offset): Promise<Deflated[]> => {
      const grain = Buffer.allocUnsafe(Math.min(STREAM_GRAIN_BYTES, capacityBytes - offset));
      await reader.read(offset / STREAM_GRAIN_BYTES, grain, { begin: 0, end: grain.length });
      return grain.equals(ZEROS.subarray(0, grain.length)) ? [] : [{ offset, length: grain.length, deflated: await deflateGrain(grain) }];
    }),
  );
  return grains.flat();
}

const ZEROS = Buffer.alloc(STREAM_GRAIN_BYTES);
