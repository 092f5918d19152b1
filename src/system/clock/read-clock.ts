/**
 * How well the machine's clock keeps the time, as the kernel says that whoever disciplines it (chrony, timesyncd, ntpd) told it.
 * Nothing is set. Source: adjtimex(2).
 */
import { libcCall } from "../libc.ts";

/** Where struct timex has what is read here, on 64-bit Linux; `modes` at 0 stays 0, which asks and sets nothing. */
const TIMEX = { bytes: 208, offset: 8, maxError: 24, estimatedError: 32, status: 40 } as const;
const STA_UNSYNC = 0x40;

const adjtimex = libcCall<[Buffer]>("int adjtimex(void *timex)");

export interface ClockDiscipline {
  /** Somebody disciplines it, and has done so lately. */
  readonly isSynchronized: boolean;
  readonly estimatedErrorUs: number;
  readonly maxErrorUs: number;
}

export function readClockDiscipline(): ClockDiscipline {
  const timex = Buffer.alloc(TIMEX.bytes);
  adjtimex(timex);
  return parseTimex(timex);
}

/** Pure. */
export function parseTimex(timex: Buffer): ClockDiscipline {
  return {
    isSynchronized: (timex.readInt32LE(TIMEX.status) & STA_UNSYNC) === 0,
    estimatedErrorUs: Number(timex.readBigInt64LE(TIMEX.estimatedError)),
    maxErrorUs: Number(timex.readBigInt64LE(TIMEX.maxError)),
  };
}
