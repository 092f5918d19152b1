/**
 * The unit of a port's traffic shaping. What is too much is dropped, not kept: a queue would be memory that a guest can fill. Pure.
 * Virtual scheduling (ITU-T I.371, GCRA): of each bucket there is the time until which what has passed would take at its rate. That
 * may run ahead of the clock by as much as the burst takes, and by a moment for the peak.
 */
import { SKB } from "../../../ebpf/index.ts";
import { MAPS, type PortBuilder, type Unit } from "./port-builder.ts";
import type { Bandwidth } from "./port-shape.ts";

/** Outbound, then inbound; each the average's, then the peak's: 64 bits. */
export const BUCKETS_BYTES = 32;
const BUCKETS_AT = { outbound: 0, inbound: 16 } as const;
const PEAK_BUCKET_AT = 8;

/** Guests send in bursts at the speed of memory: a peak is that of some milliseconds, not of one frame after another. */
const PEAK_TOLERANCE_NS = 10_000_000n;
const NS_PER_BYTE_BITS = 16;
/** A frame of 2^17 bytes at this price is still a number of 63 bits. */
const PRICE_MAX = 1n << 46n;
const TIME_MAX = 1n << 62n;
const BITS_PER_BYTE_SECOND = 8_000_000_000;

export function police(direction: "outbound" | "inbound", bandwidth: Bandwidth): Unit {
  return {
    name: direction === "outbound" ? "shaping" : "inbound shaping",
    emit: (builder) => {
      const refuse = builder.drop(direction === "outbound" ? "shaping" : "inboundShaping");
      builder.load(4, "r7", "r6", SKB.len).call("ktimeGetNs").loadMapValue("r1", MAPS.buckets, BUCKETS_AT[direction]);
      const { average, peak, burstBytes } = bandwidth;
      const burstNs = BigInt(Math.round((burstBytes * BITS_PER_BYTE_SECOND) / average));
      judge(builder, { bucket: 0, into: "r2", toleranceNs: burstNs < TIME_MAX ? burstNs : TIME_MAX, refuse });
      judge(builder, { bucket: PEAK_BUCKET_AT, into: "r5", toleranceNs: PEAK_TOLERANCE_NS, refuse });
      // It pays both or none: what the peak refuses takes nothing of the burst.
      pay(builder, { bucket: 0, from: "r2", bitsPerSecond: average });
      pay(builder, { bucket: PEAK_BUCKET_AT, from: "r5", bitsPerSecond: peak });
    },
  };
}

interface Judged {
  readonly bucket: number;
  readonly into: "r2" | "r5";
  readonly toleranceNs: bigint;
  readonly refuse: string;
}

/** Its time, or now where that is past. r0 is now. */
function judge(builder: PortBuilder, { bucket, into, toleranceNs, refuse }: Judged): void {
  const ahead = builder.freshLabel("ahead");
  builder.load(8, into, "r1", bucket).jumpIf("ge", into, "r0", ahead).mov(into, "r0").label(ahead);
  builder.mov("r3", into).sub("r3", "r0").load64("r4", toleranceNs).jumpIf("gt", "r3", "r4", refuse);
}

/** r7 is the frame's length. */
function pay(builder: PortBuilder, { bucket, from, bitsPerSecond }: { bucket: number; from: "r2" | "r5"; bitsPerSecond: number }): void {
  builder.load64("r4", priceOfByte(bitsPerSecond)).mov("r3", "r7").mul("r3", "r4").rsh("r3", NS_PER_BYTE_BITS);
  builder.add(from, "r3").store(8, "r1", bucket, from);
}

/** Nanoseconds, with 16 bits behind the point. */
function priceOfByte(bitsPerSecond: number): bigint {
  const price = BigInt(Math.max(1, Math.round((BITS_PER_BYTE_SECOND * 2 ** NS_PER_BYTE_BITS) / bitsPerSecond)));
  return price < PRICE_MAX ? price : PRICE_MAX;
}
