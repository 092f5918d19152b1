import { expect, test } from "vitest";
import type { CounterName } from "./counters.ts";
import { memoryStats, vmMemoryStats } from "./memory-stats.ts";

const kib: Partial<Record<CounterName, number>> = {
  ...{ memGranted: 200 * 1024, memShared: 50 * 1024, memActive: 20 * 1024, memSwapped: 30 * 1024, memBalloon: 40 * 1024 },
  ...{ memCompressed: 7, memOverhead: 100 * 1024, memEntitlement: 256 * 1024 },
};

test("where a VM's memory is, in MB; what is shared is not its own, and what is compressed is told in KB", () => {
  expect(vmMemoryStats((counter) => kib[counter])).toEqual({
    ...{ guestMemoryUsage: 20, activeMemory: 20, grantedMemory: 200, privateMemory: 150, sharedMemory: 50, swappedMemory: 30 },
    ...{ balloonedMemory: 40, consumedOverheadMemory: 100, compressedMemory: 7, distributedMemoryEntitlement: 256 },
  });
});

test("what is not known is left out", () => expect(memoryStats(() => undefined)).toEqual({}));
