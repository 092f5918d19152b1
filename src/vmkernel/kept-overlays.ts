/**
 * What the guest of a suspended VM has written to disks that forget, in the file of its memory: it comes and goes with that, so that
 * powering the VM off forgets it, and nothing of it has a name of its own. It lies behind the memory, before what `memory-appendix.ts`
 * puts there.
 *   memory | overlay, as it was | … | disk's key:32, unused:32, offset:64, length:64 | … | number of those:32, unused:32, unused:64, MARK:128 | ports
 * Anybody may have written such a file: what does not fit is not there, and an overlay is looked at before a monitor gets it
 * (`storage/nonpersistent-disk.ts`).
 */
import { fstatSync } from "node:fs";
import { copyData, makeSparse, type OpenFile, type Range } from "../system/index.ts";
import { appendixLength, appendToFile, readExactly } from "./memory-appendix.ts";

const MARK = Buffer.from("bulkhead.disks.1");
const TAIL_BYTES = 16 + MARK.length;
const ENTRY_BYTES = 24;
/** Controllers times units: more disks no VM has. */
const OVERLAYS_MAX = 512;
/** Runs of zeros are left out of a copy in steps of this length. */
const ALIGNMENT_BYTES = 64 * 1024;

export interface Overlay {
  /** vim25 device key. */
  readonly key: number;
  readonly file: Pick<OpenFile, "fd">;
}

/** Behind all that is in the file. Holes stay holes. */
export async function keepOverlays(into: Pick<OpenFile, "fd">, overlays: readonly Overlay[]): Promise<void> {
  if (overlays.length === 0) return;
  const entries = Buffer.alloc(overlays.length * ENTRY_BYTES);
  for (const [index, { key, file }] of overlays.entries()) {
    const offset = Math.ceil(fstatSync(into.fd).size / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const { size: length } = fstatSync(file.fd);
    makeSparse(into, offset + length);
    await copyData({ from: file, to: into }, length, () => {}, { from: 0, to: offset });
    entries.writeUInt32LE(key, index * ENTRY_BYTES);
    entries.writeBigUInt64LE(BigInt(offset), index * ENTRY_BYTES + 8);
    entries.writeBigUInt64LE(BigInt(length), index * ENTRY_BYTES + 16);
  }
  const tail = Buffer.alloc(TAIL_BYTES);
  tail.writeUInt32LE(overlays.length, 0);
  MARK.copy(tail, 16);
  appendToFile(into.fd, Buffer.concat([entries, tail]));
}

/** @returns where each of them lies in the file, by the key of its disk; none where it has none that fit */
export function findOverlays({ fd }: Pick<OpenFile, "fd">): ReadonlyMap<number, Range> {
  const end = fstatSync(fd).size - appendixLength(fd);
  const none = new Map<number, Range>();
  const tail = readExactly(fd, end - TAIL_BYTES, TAIL_BYTES);
  if (tail?.subarray(16).equals(MARK) !== true) return none;
  const count = tail.readUInt32LE(0);
  const begin = end - TAIL_BYTES - count * ENTRY_BYTES;
  const entries = count > OVERLAYS_MAX ? undefined : readExactly(fd, begin, count * ENTRY_BYTES);
  if (entries === undefined) return none;
  const found = new Map<number, Range>();
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    const [offset, length] = [at + 8, at + 16].map((place) => Number(entries.readBigUInt64LE(place))) as [number, number];
    if (!(offset + length <= begin)) return none;
    found.set(entries.readUInt32LE(at), { offset, length });
  }
  return found;
}
