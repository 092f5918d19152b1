/**
 * The memory of a running guest: where it lies in its monitor, how much of it is in the machine's, and the balloon by which a guest that
 * has a driver gives some back. Source: QEMU query-balloon, balloon, virtio-balloon's guest-stats; VIRTIO 1.2 §5.5.
 * A guest tells of its balloon what it likes: what is really there, the kernel says.
 */
import { forgetTouched, mappingsOf, type Residency, residencyOf } from "../../system/index.ts";
import { asShape, readInteger } from "../shape.ts";
import { memoryMapOf } from "./look-at-monitor.ts";
import type { Monitor } from "./monitor.ts";
import { isGuestMemory } from "./plan-devices.ts";

export interface GuestMemory extends Residency {
  /** What its driver says it has given back; 0 without one. */
  readonly balloonedBytes: number;
}

/** Addresses of each guest's memory in its monitor, for as long as it has that much. */
const places = new WeakMap<Monitor, { readonly memoryMiB: number; readonly addresses: readonly number[] }>();

/** @returns undefined when its monitor has ended, or does not answer: whoever needs it asks again */
export async function readGuestMemory(monitor: Monitor): Promise<GuestMemory | undefined> {
  return (await look(monitor, { asksBalloon: true, forgets: false }))?.memory;
}

interface Look {
  readonly memory: GuestMemory;
  /** Of this thread's time, that the kernel needed. */
  readonly tookMs: number;
}

async function look(monitor: Monitor, { asksBalloon, forgets }: Record<"asksBalloon" | "forgets", boolean>): Promise<Look | undefined> {
  const { pid } = monitor;
  try {
    const [places, balloonedBytes] = [await placesOf(monitor), asksBalloon ? await readBalloon(monitor) : 0];
    const beganMs = performance.now();
    const residency = residencyOf(pid, places);
    if (forgets) forgetTouched(pid);
    return residency && { memory: { ...residency, balloonedBytes }, tookMs: performance.now() - beganMs };
  } catch {
    return undefined;
  }
}

/** ESXi's Mem.SamplePeriod: to count anew holds a guest's page faults up for a moment. */
const TOUCHES_COUNT_MS = 60_000;
const TOUCHES_COUNT_MAX_MS = 600_000;
/** What counting may take of one processor, of all guests together. */
const COUNTING_PART_MAX = 0.001;
/** Of a guest's memory: less is no reason to look at it. */
const CHANGE_MIN = 0.01;

/** For how long touches of a guest's memory are counted until they are counted anew. @param tookMs to look at it. Pure. */
export function touchesCountMs(tookMs: number, guests: number): number {
  return Math.min(TOUCHES_COUNT_MAX_MS, Math.max(TOUCHES_COUNT_MS, (tookMs * guests) / COUNTING_PART_MAX));
}

interface Sampled {
  readonly memory: GuestMemory;
  /** What its monitor had of the machine's memory then. */
  readonly ownBytes: number;
  /** When touches are counted anew. */
  readonly dueMs: number;
}
const sampled = new WeakMap<Monitor, Sampled>();

/**
 * As {@link readGuestMemory}, for figures: the kernel walks page tables for it and QEMU is asked, so that is done once a minute, on a host
 * of much memory more seldom, when {@link GuestMemory.touchedBytes} counts anew, and when the monitor has more or less memory than it had,
 * of which the kernel keeps a sum.
 * @param ownBytes what the monitor has now; undefined: memory is being taken from guests, so it is looked at in any case
 * @param guests how many there are to look at
 */
export async function sampleGuestMemory(monitor: Monitor, ownBytes: number | undefined, guests: number): Promise<GuestMemory | undefined> {
  const [before, now] = [sampled.get(monitor), performance.now()];
  const isDue = before === undefined || now >= before.dueMs;
  if (!isDue && ownBytes !== undefined && isNear(monitor, before.ownBytes, ownBytes)) return before.memory;
  // A balloon that was seen to hold nothing was told nothing since: QEMU need not be asked.
  const isFlat = ownBytes !== undefined && before?.memory.balloonedBytes === 0;
  const found = await look(monitor, { asksBalloon: !isFlat, forgets: isDue && before !== undefined });
  if (found === undefined) return undefined;
  const dueMs = isDue ? now + touchesCountMs(found.tookMs, guests) : before.dueMs;
  sampled.set(monitor, { memory: found.memory, ownBytes: ownBytes ?? Number.NaN, dueMs });
  return found.memory;
}

function isNear({ record }: Monitor, before: number, now: number): boolean {
  return Math.abs(now - before) < CHANGE_MIN * record.machine.memoryMiB * 2 ** 20;
}

/** An address in each piece of the guest's memory, of its monitor's. */
export async function placesOf(monitor: Monitor): Promise<readonly number[]> {
  const { memoryMiB } = monitor.record.machine;
  const known = places.get(monitor);
  if (known?.memoryMiB === memoryMiB) return known.addresses;
  const addresses = placesBySize(monitor) ?? (await askForPlaces(monitor));
  places.set(monitor, { memoryMiB, addresses });
  return addresses;
}

/** Where there is one mapping of its own for all of its memory, which has that size, QEMU need not be asked. */
function placesBySize(monitor: Monitor): readonly number[] | undefined {
  const { memoryMiB, memoryHotAdd } = monitor.record.machine;
  if (memoryHotAdd !== undefined) return undefined;
  const found = mappingsOf(monitor.pid).filter(
    ({ start, end, inode, name, isWritable, isExecutable }) =>
      end - start === memoryMiB * 2 ** 20 && inode === 0 && name === "" && isWritable && !isExecutable,
  );
  return found.length === 1 && found[0] !== undefined ? [found[0].start] : undefined;
}

async function askForPlaces(monitor: Monitor): Promise<readonly number[]> {
  return (await memoryMapOf(monitor)).filter(({ region }) => isGuestMemory(region)).map(({ hostStart }) => hostStart);
}

async function readBalloon(monitor: Monitor): Promise<number> {
  if (!hasBalloon(monitor)) return 0;
  const allBytes = monitor.record.machine.memoryMiB * 2 ** 20;
  return parseBalloon(await monitor.execute("query-balloon"), allBytes);
}

/** @param answer of query-balloon (untrusted). @returns what the guest is without; 0 for what cannot be. Pure. */
export function parseBalloon(answer: unknown, allBytes: number): number {
  try {
    return allBytes - readInteger(asShape(answer, "balloon"), "actual", { min: 0, max: allBytes });
  } catch {
    return 0;
  }
}

/** Whether a driver in the guest could find one. */
export const hasBalloon = ({ record }: Pick<Monitor, "record">): boolean =>
  record.machine.devices.some(({ kind }) => kind === "toolsChannel");

/** Asks the guest to give so much back, or to take what is over it again: its driver does so when it likes. */
export async function setBalloon(monitor: Monitor, balloonedBytes: number): Promise<void> {
  await monitor.execute("balloon", { value: monitor.record.machine.memoryMiB * 2 ** 20 - balloonedBytes });
}
