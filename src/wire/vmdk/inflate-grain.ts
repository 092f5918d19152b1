/** Inflating one grain, and no more than a grain: what says it is small can be large. Pure. Source: RFC 1950. */
import { deflate, inflate } from "node:zlib";
import { messageOf } from "../../base/index.ts";
import { invalidDisk } from "./descriptor.ts";

interface GrainPlace {
  /** What errors call the file. */
  readonly name: string;
  /** Where in the file the grain begins, in bytes. */
  readonly at: number;
  readonly lengthMax: number;
  /** Less than this is less than the disk has there. */
  readonly lengthMin: number;
}

/** @throws {Fault} InvalidDiskFormat. @returns the grain, cut to `lengthMin` */
export function inflateGrain(deflated: Uint8Array, { name, at, lengthMax, lengthMin }: GrainPlace): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflate(deflated, { maxOutputLength: lengthMax, chunkSize: Math.max(lengthMax, 64) }, (error, grain) => {
      if (error !== null) reject(invalidDisk(name, `has a grain at byte ${at} that cannot be inflated (${messageOf(error)})`));
      else if (grain.length < lengthMin)
        reject(invalidDisk(name, `has a grain of ${grain.length} bytes at byte ${at}; it must have ${lengthMin}`));
      else resolve(grain.subarray(0, lengthMin));
    });
  });
}

const LEVEL = 1; // the fastest: disks that are exported are many gigabytes, and level 6 saves a few hundredths of them

export function deflateGrain(grain: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    deflate(grain, { level: LEVEL }, (error, deflated) => (error === null ? resolve(deflated) : reject(error)));
  });
}
