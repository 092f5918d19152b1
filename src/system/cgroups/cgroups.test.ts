import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { cgroupHierarchies } from "./cgroup.ts";
import { type CpuPortion, findHierarchies, type Hierarchy, planCpuPortion, planSettings } from "./hierarchies.ts";
import {
  addToCgroup,
  cgroupControllers,
  createCgroup,
  destroyCgroup,
  listCgroups,
  processesOfCgroup,
  readMemoryUse,
  setMemoryPortion,
} from "./index.ts";
import { type MemoryPortion, parseMemoryUse, planMemoryPortion } from "./memory-portion.ts";

const V1_MOUNTS = `proc /proc proc rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0`;

test("a machine with v1 controllers and an empty v2 tree uses the v1 trees", () => {
  expect(findHierarchies(V1_MOUNTS, () => "")).toEqual([
    { kind: "v1", root: "/sys/fs/cgroup/memory", controllers: ["memory"] },
    { kind: "v1", root: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu"] },
  ]);
});

test("a machine with one v2 tree uses it", () => {
  const mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0";
  expect(findHierarchies(mounts, () => "cpuset cpu io memory pids\n")).toEqual([
    { kind: "v2", root: "/sys/fs/cgroup", controllers: ["memory", "pids", "cpu"] },
  ]);
});

test.each([
  ["nothing", ""],
  ["no cgroups", "proc /proc proc rw 0 0"],
  ["a line cut short", "cgroup /sys/fs/cgroup/memory"],
])("%s in /proc/mounts is no tree", (_, mounts) => {
  expect(findHierarchies(mounts, () => "memory")).toEqual([]);
});

const ALL = { memoryBytes: 1048576, pids: 64 };
const tree = (kind: "v1" | "v2", ...controllers: Hierarchy["controllers"]): Hierarchy => ({ kind, root: "/c", controllers });
const written = (hierarchy: Hierarchy) => planSettings(hierarchy, ALL).map(({ file, value }) => `${file}=${value}`);

test("v1 limits memory before memory with swap, and refuses every device but the monitor's", () => {
  expect(written(tree("v1", "memory"))).toEqual(["memory.limit_in_bytes=1048576", "memory.memsw.limit_in_bytes=1048576"]);
  expect(written(tree("v1", "pids"))).toEqual(["pids.max=64"]);
  expect(written(tree("v1", "devices"))[0]).toBe("devices.deny=a");
});

test("v2 has the same limits by its own names", () => {
  expect(written(tree("v2", "memory", "pids", "cpu", "devices"))).toEqual([
    "memory.max=1048576",
    "memory.swap.max=0",
    "memory.oom.group=1",
    "pids.max=64",
  ]);
});

test.each<[Hierarchy["kind"], CpuPortion, readonly string[]]>([
  ["v1", { shares: 1024 }, ["cpu.shares=1024", "cpu.cfs_period_us=50000", "cpu.cfs_quota_us=-1"]],
  ["v1", { shares: 2, processorsMax: 1.5 }, ["cpu.shares=2", "cpu.cfs_period_us=50000", "cpu.cfs_quota_us=75000"]],
  ["v1", { shares: 2, processorsMax: 0 }, ["cpu.shares=2", "cpu.cfs_period_us=50000", "cpu.cfs_quota_us=1000"]],
  ["v2", { shares: 1024 }, ["cpu.weight=39", "cpu.max=max 50000"]],
  ["v2", { shares: 262_144, processorsMax: 0.25 }, ["cpu.weight=10000", "cpu.max=12500 50000"]],
])("%s writes a portion of the processors by its own names", (kind, portion, expected) => {
  expect(planCpuPortion(tree(kind, "cpu"), portion).map(({ file, value }) => `${file}=${value}`)).toEqual(expected);
  expect(planCpuPortion(tree(kind, "memory"), portion)).toEqual([]);
});

const MOST = { mostBytes: 1000, swapBytesMax: 600 };
test.each<[Hierarchy["kind"], MemoryPortion, readonly string[]]>([
  ["v1", MOST, ["memory.swappiness=60", "memory.oom_control=0", "memory.limit_in_bytes=1000"]],
  ["v1", { ...MOST, keepBytes: 400.5 }, ["memory.swappiness=60", "memory.oom_control=1", "memory.limit_in_bytes=400"]],
  ["v1", { ...MOST, keepBytes: 1200 }, ["memory.swappiness=60", "memory.oom_control=0", "memory.limit_in_bytes=1000"]],
  ["v1", { mostBytes: 1000, swapBytesMax: 0 }, ["memory.swappiness=0", "memory.oom_control=0", "memory.limit_in_bytes=1000"]],
  ["v2", MOST, ["memory.max=1000", "memory.swap.max=600", "memory.high=max"]],
  ["v2", { ...MOST, keepBytes: 400.5 }, ["memory.max=1000", "memory.swap.max=600", "memory.high=400"]],
])("%s writes a portion of the memory by its own names, and ends nobody who takes more than he keeps", (kind, portion, expected) => {
  expect(planMemoryPortion(tree(kind, "memory"), portion).map(({ file, value }) => `${file}=${value}`)).toEqual(expected);
  expect(planMemoryPortion(tree(kind, "cpu"), portion)).toEqual([]);
});

test("what a cgroup uses is read of either version", () => {
  const v1 = {
    used: "4096\n",
    stat: "rss 7\ncache 1\nswap 8192\ntotal_cache 5\ntotal_swap 99\nactive_anon 1024\nactive_file 2\n",
    swap: "",
  };
  expect(parseMemoryUse(v1)).toEqual({
    ...{ usedBytes: 4096, cacheBytes: 5, swappedBytes: 8192, compressedBytes: 0, activeBytes: 1026 },
  });
  const v2 = { used: "4096\n", stat: "anon 7\nfile 5\nzswap 100\nzswapped 300\nactive_anon 1024\n", swap: "500\n" };
  expect(parseMemoryUse(v2)).toEqual({
    ...{ usedBytes: 4096, cacheBytes: 5, swappedBytes: 500, compressedBytes: 300, activeBytes: 1024 },
  });
});

test.each([2, 300, 500, 1000, 65_536])("a weight of v2 is in proportion to %d shares", (shares) => {
  const [{ value = "" } = {}] = planCpuPortion(tree("v2", "cpu"), { shares });
  const exact = shares / 26.2144;
  expect(Math.abs(Number(value) - exact), "it is rounded, and no more").toBeLessThanOrEqual(Math.max(0.5, 1 - exact));
});

const root = process.getuid?.() === 0 && cgroupControllers().includes("pids");

describe.skipIf(!root)("on this machine", () => {
  const parent = `bulkhead-test-${process.pid}`;
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await once(child, "exit");
    }
    await destroyCgroup(parent);
  });

  async function sleeper(): Promise<number> {
    const child = spawn("sleep", ["60"]);
    children.push(child);
    await once(child, "spawn");
    return child.pid ?? 0;
  }

  test("a cgroup holds the process that was added, and has its limits", async () => {
    await createCgroup(`${parent}/vm-1`, { memoryBytes: 64 * 1024 * 1024, pids: 7 });
    const pid = await sleeper();
    await addToCgroup(`${parent}/vm-1`, pid);
    expect(await processesOfCgroup(`${parent}/vm-1`)).toEqual([pid]);
    expect(await processesOfCgroup(parent)).toEqual([pid]);
    expect(await listCgroups(parent)).toEqual([`${parent}/vm-1`]);
    const pids = cgroupHierarchies().find(({ controllers }) => controllers.includes("pids"));
    expect(readFileSync(join(pids?.root ?? "", parent, "vm-1/pids.max"), "utf8").trim()).toBe("7");
  });

  test.skipIf(!cgroupControllers().includes("memory"))("a cgroup that keeps less than it may have says what it uses", async () => {
    await createCgroup(`${parent}/vm-1`, { memoryBytes: 64 * 1024 * 1024, pids: 7 });
    await addToCgroup(`${parent}/vm-1`, await sleeper());
    expect(await setMemoryPortion(`${parent}/vm-1`, { keepBytes: 32 * 2 ** 20, mostBytes: 64 * 2 ** 20, swapBytesMax: 0 })).toBe(true);
    expect((await readMemoryUse(`${parent}/vm-1`))?.usedBytes).toBeLessThan(32 * 2 ** 20);
    expect(await readMemoryUse(`${parent}/vm-2`)).toBeUndefined();
  });

  test("a cgroup with a process in it is not removed, and the process goes on", async () => {
    await createCgroup(`${parent}/vm-1`, { memoryBytes: 64 * 1024 * 1024, pids: 7 });
    const pid = await sleeper();
    await addToCgroup(`${parent}/vm-1`, pid);
    await expect(destroyCgroup(`${parent}/vm-1`)).rejects.toThrow("removing the cgroup");
    process.kill(pid, 0);
  });

  test("one that was removed is gone with its empty parent, and removing it again is no error", async () => {
    await createCgroup(`${parent}/vm-1`, { memoryBytes: 64 * 1024 * 1024, pids: 7 });
    await destroyCgroup(`${parent}/vm-1`);
    expect(await listCgroups(parent)).toEqual([]);
    await destroyCgroup(`${parent}/vm-1`);
    expect(await processesOfCgroup(parent)).toEqual([]);
  });

  test("a cgroup is made while the last of its siblings goes, and takes their parent along", async () => {
    const limits = { memoryBytes: 64 * 1024 * 1024, pids: 7 };
    const [one, other] = [`${parent}/vm-1`, `${parent}/vm-2`];
    await createCgroup(one, limits);
    for (let round = 0; round < 100; round++) {
      await Promise.all([destroyCgroup(one), createCgroup(other, limits)]);
      await Promise.all([destroyCgroup(other), createCgroup(one, limits)]);
    }
    await destroyCgroup(one);
    expect(await listCgroups(parent)).toEqual([]);
  });

  test("a limit that the kernel refuses leaves no cgroup behind", async () => {
    await expect(createCgroup(`${parent}/vm-1`, { memoryBytes: 64 * 1024 * 1024, pids: -5 })).rejects.toThrow("making the cgroup");
    expect(await listCgroups(parent)).toEqual([]);
  });

  test.each([["../x"], ["/x"], ["a/../b"], [""], ["a//b"], ["."]])("the name %j is refused", async (name) => {
    await expect(createCgroup(name, { memoryBytes: 1, pids: 1 })).rejects.toThrow("is no name for a cgroup");
  });
});
