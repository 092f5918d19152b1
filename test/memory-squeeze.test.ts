/**
 * A host that has less memory than its guests want: who gives, by which means, and that nobody loses anything by it. The host is given a
 * part of this machine's memory, which the kernel holds it to. Paper «Resource Provisioning, Shares, and Limits».
 */
import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { cgroupControllers } from "../src/system/index.ts";
import { type MemoryAllocation, type MonitorLoad, NO_POOLS, type ResourceConfig } from "../src/vmkernel/index.ts";
import { TestKernel, until } from "./monitor.fixture.ts";

const canSqueeze = process.getuid?.() === 0 && cgroupControllers().includes("memory");
const GUEST_MS = 120_000;
const HOST_MIB = 560;
const GUEST_MIB = 256;
const EATEN_MIB = 120;
const login = { user: "root", password: "Guest-Root-1" } as const;
const [reserved, lender] = ["1", "2"] as const;
let kernel: TestKernel;

const config = (allocations: Readonly<Record<string, Partial<MemoryAllocation>>>): ResourceConfig => ({
  ...NO_POOLS,
  vms: Object.entries(allocations).map(([vm, memory]) => ({
    ...{ vm: vm as VmId, vcpus: 1, cpu: { reservationMhz: 0, shares: 1000 } },
    memory: { reservationMiB: 0, shares: 10 * GUEST_MIB, ...memory },
  })),
});
const configure = (allocations: Readonly<Record<string, Partial<MemoryAllocation>>>) =>
  kernel.client.request({ kind: "configureResources", resources: config(allocations) });

async function memoryOf(id: string): Promise<NonNullable<MonitorLoad["guestMemory"]>> {
  const { monitors } = await kernel.client.request({ kind: "sampleLoad" });
  const memory = monitors.find(({ vm }) => vm === id)?.guestMemory;
  if (memory === undefined) throw new Error(`nothing is known of the memory of ${id}`);
  return memory;
}

async function run(id: string, script: string): Promise<string> {
  const { output } = await kernel.client.request({ kind: "runInGuest", vm: id as VmId, login, script });
  return Buffer.from(output, "base64").toString();
}

async function isUp(id: string): Promise<boolean> {
  const monitors = await kernel.client.request({ kind: "listMonitors" });
  return monitors.some(({ vm, guest: { tools } }) => vm === id && tools === "running");
}

beforeAll(async () => {
  if (!canSqueeze) return;
  kernel = new TestKernel();
  await kernel.start("--memory", String(HOST_MIB));
  await configure({ [reserved]: { reservationMiB: GUEST_MIB }, [lender]: {} });
  for (const id of [reserved, lender]) {
    const machine = await kernel.makeGuest(id, { memoryMiB: GUEST_MIB }, [{ kind: "toolsChannel", key: 12000 }]);
    await kernel.client.request({ kind: "powerOn", machine });
  }
  for (const id of [reserved, lender]) await until("its agent answers", () => isUp(id), GUEST_MS, 300);
}, 2 * GUEST_MS);
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});

test.skipIf(!canSqueeze)(
  "guests that want more than there is go on with all they had: one gives, what the other reserved stays",
  async () => {
    const eat = `dd if=/dev/urandom of=/eaten bs=1M count=${EATEN_MIB} 2>/dev/null; md5sum /eaten`;
    const sums = await Promise.all([reserved, lender].map((id) => run(id, eat)));
    await until(
      "memory was taken back",
      async () => {
        const { balloonedBytes, swappedBytes } = await memoryOf(lender);
        return balloonedBytes + swappedBytes > 16 * 2 ** 20;
      },
      GUEST_MS,
      500,
    );
    expect(await memoryOf(reserved)).toMatchObject({ balloonedBytes: 0, swappedBytes: 0 });
    const before = [reserved, lender].map((id) => kernel.tick(id));
    expect(await Promise.all([reserved, lender].map((id) => run(id, "md5sum /eaten")))).toEqual(sums);
    await until("both count on", () => [reserved, lender].every((id, index) => kernel.tick(id) > (before[index] ?? 0)), GUEST_MS);
  },
);

test.skipIf(!canSqueeze)("a limit lowered under a guest that runs is kept, and the guest loses nothing", async () => {
  const sum = await run(lender, "md5sum /eaten");
  await configure({ [reserved]: { reservationMiB: GUEST_MIB }, [lender]: { limitMiB: 128 } });
  await until("it has no more than its limit", async () => (await memoryOf(lender)).residentBytes <= 132 * 2 ** 20, GUEST_MS, 500);
  expect(await run(lender, "md5sum /eaten")).toBe(sum);
  expect((await memoryOf(lender)).residentBytes).toBeLessThanOrEqual(132 * 2 ** 20);
  const [{ memoryLimitMiB } = {}] = (await kernel.client.request({ kind: "listMonitors" })).filter(({ vm }) => vm === lender);
  expect(memoryLimitMiB).toBe(128);
});

test.skipIf(!canSqueeze)("a VM for which there is neither memory nor room to swap is refused before anything of it starts", async () => {
  const machine = await kernel.makeGuest("3", { memoryMiB: 512 });
  const taken = [1, 2, 3, 4, 5].map((number) => join(kernel.paths.swap, `swap-${number}`)).filter((path) => !existsSync(path));
  for (const path of taken) mkdirSync(path);
  try {
    await expect(kernel.client.request({ kind: "powerOn", machine })).rejects.toMatchObject({
      fault: "InsufficientHostMemoryCapacityFault",
    });
  } finally {
    for (const path of taken) rmdirSync(path);
  }
  expect(kernel.processes("3")).toEqual([]);
  expect(await kernel.runningVms()).toEqual([reserved, lender]);
  // and with room it is not
  await kernel.client.request({ kind: "powerOn", machine });
  await kernel.client.request({ kind: "powerOff", vm: machine.vm });
});
