/**
 * Whether what a guest sends takes the express road, by what it sent last. Pure.
 * The road saves a small frame a third of what it costs. But where any program is at XDP the kernel copies what is larger than a page,
 * and a segment of 60 kB that is to be cut pays half as much again: so a port has the program while its guest sends what is small.
 */

/** Since a tap was made. */
export interface SentTraffic {
  readonly frames: number;
  readonly bytes: number;
}

/** Less traffic than this changes nothing. */
const FRAMES_MIN = 100;
/** Bytes a frame, on average. What is gained and lost is even at about 7,000 with segments of 60 kB, at 2,700 with jumbo frames. */
const BEGINS_BELOW = 1500;
const ENDS_ABOVE = 2500;

export function decideExpress(hasIt: boolean, before: SentTraffic, now: SentTraffic): boolean {
  const frames = now.frames - before.frames;
  if (frames < FRAMES_MIN) return hasIt;
  const mean = (now.bytes - before.bytes) / frames;
  return hasIt ? mean <= ENDS_ABOVE : mean < BEGINS_BELOW;
}
