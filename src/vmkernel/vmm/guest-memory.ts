/**
 * The memory of a running guest: where it lies in its monitor, how much of it is in the machine's, and the balloon by which a guest that
 * has a driver gives some back. Source: QEMU query-balloon, balloon, virtio-balloon's guest-stats; VIRTIO 1.2 §5.5.
 * A guest tells of its balloon what it likes: what is really there, the kernel says.
 */
import { forgetTouched, type Residency, residencyOf } from "../../system/index.ts";
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

/** @returns undefined when its monitor has ended, or does not answer */
export async function readGuestMemory(monitor: Monitor): Promise<GuestMemory | undefined> {
  const { pid } = monitor.describe();
  try {
    const residency = await residencyOf(pid, await placesOf(monitor));
    return residency && { ...residency, balloonedBytes: await readBalloon(monitor) };
  } catch {
    return undefined; // whoever needs it asks again
  }
}

/** From now on {@link GuestMemory.touchedBytes} counts anew. */
export async function watchTouches(monitor: Monitor): Promise<void> {
  await forgetTouched(monitor.describe().pid);
}

/** An address in each piece of the guest's memory, of its monitor's. */
export async function placesOf(monitor: Monitor): Promise<readonly number[]> {
  const { memoryMiB } = monitor.record.machine;
  const known = places.get(monitor);
  if (known?.memoryMiB === memoryMiB) return known.addresses;
  const addresses = (await memoryMapOf(monitor)).filter(({ region }) => isGuestMemory(region)).map(({ hostStart }) => hostStart);
  places.set(monitor, { memoryMiB, addresses });
  return addresses;
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
