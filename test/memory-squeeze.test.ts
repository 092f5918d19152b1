/**
 * A host that has less memory than its guests want: who gives, by which means, and that nobody loses anything by it. The host is given a
 * part of this machine's memory, which the kernel holds it to. Paper «Resource Provisioning, Shares, and Limits».
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { cgroupControllers, framesBehind, residentRuns } from "../src/system/index.ts";
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
const vmLog = (id: string): string => readFileSync(kernel.hostPath(`${id}/vmware.log`), "utf8");

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

/** Looks through all of a guest's memory that is in the machine's, from outside. */
async function search(id: string, secret: string): Promise<{ readonly found: number; readonly searchedBytes: number }> {
  const { description } = await kernel.client.request({ kind: "inspectMonitor", vm: id as VmId });
  const mappings = await kernel.client.request({ kind: "mapMemory", vm: id as VmId });
  const memory = openSync(`/proc/${description.pid}/mem`, "r");
  try {
    const pieces = mappings
      .filter(({ region }) => region === "pc.ram")
      .flatMap(({ hostStart: start, bytes }) => residentRuns(framesBehind(description.pid, { start, bytes }), start));
    let [found, searchedBytes] = [0, 0];
    for (const { start, bytes } of pieces) {
      const piece = Buffer.alloc(bytes);
      searchedBytes += readSync(memory, piece, 0, bytes, start);
      for (let at = piece.indexOf(secret); at !== -1; at = piece.indexOf(secret, at + secret.length)) found += 1;
    }
    return { found, searchedBytes };
  } finally {
    closeSync(memory);
  }
}

beforeAll(async () => {
  if (!canSqueeze) return;
  kernel = new TestKernel();
  await kernel.start("--memory", String(HOST_MIB));
  await configure({ [reserved]: { reservationMiB: GUEST_MIB }, [lender]: {} });
  for (const id of [reserved, lender]) {
    const machine = await kernel.makeGuest(id, { memoryMiB: GUEST_MIB, log: { keepOld: 1, rotateBytes: 2 ** 20 } }, [
      { kind: "toolsChannel", key: 12000 },
    ]);
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
  await until("it has no more than its limit", async () => (await memoryOf(lender)).residentBytes <= 136 * 2 ** 20, GUEST_MS, 500);
  expect(await run(lender, "md5sum /eaten")).toBe(sum);
  expect((await memoryOf(lender)).residentBytes).toBeLessThanOrEqual(136 * 2 ** 20);
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

test.skipIf(!canSqueeze)(
  "a secret that a guest had is nowhere in the memory of the next one, and is overwritten before it is given up",
  async () => {
    const secret = "this is what the first guest knew";
    await run(
      lender,
      `rm /eaten; i=0; while [ $i -lt 12 ]; do echo "${secret}" >> /secret; cat /secret /secret > /more; cat /more >> /secret; i=$((i + 1)); done`,
    );
    expect((await search(lender, secret)).found).toBeGreaterThan(1000);
    await kernel.client.request({
      kind: "configureResources",
      resources: { ...config({ [reserved]: {}, [lender]: {} }), memory: { ...NO_POOLS.memory, wipesOnRelease: true } },
    });
    await kernel.client.request({ kind: "powerOff", vm: lender as VmId });
    expect(Number(/memory has been overwritten: (\d+) MiB/.exec(vmLog(lender))?.[1])).toBeGreaterThan(32);
    const next = await kernel.makeGuest("4", { log: { keepOld: 1, rotateBytes: 2 ** 20 } });
    await kernel.client.request({ kind: "powerOn", machine: next });
    await until("the next one counts", () => kernel.tick("4") >= 1, GUEST_MS);
    const { found, searchedBytes } = await search("4", secret);
    expect(found).toBe(0);
    expect(searchedBytes).toBeGreaterThan(48 * 2 ** 20);
  },
);

test.skipIf(!canSqueeze)(
  "the memory of a guest that shuts itself down is overwritten too, and so is that of one that is killed",
  async () => {
    await kernel.client.request({ kind: "shutdownGuest", vm: reserved as VmId });
    const endOf = (id: string) => kernel.events.find((event) => event.kind === "monitorEnded" && event.vm === id);
    await until("it has shut down", () => endOf(reserved) !== undefined, GUEST_MS);
    expect(endOf(reserved)).toMatchObject({ because: "guestShutdown" });
    expect(vmLog(reserved)).toMatch(/memory has been overwritten: \d{2,} MiB/);
    await kernel.client.request({ kind: "terminate", vm: "4" as VmId });
    expect(kernel.processes("4")).toEqual([]);
    expect(vmLog("4")).toMatch(/memory has been overwritten: \d{2,} MiB/);
  },
);
