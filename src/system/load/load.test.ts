import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { parseDisks, parseMemory, parseNics, parseOwnMemoryBytes, parseProcessors, parseProcessStat } from "./parse-load.ts";
import { readMachineLoad, readProcessLoad, readProcessorTime, readTransferredBytes, readWaitedMs } from "./read-load.ts";

test("a processor is busy with all but idling and waiting for disks; the sum line is no processor", () => {
  const text = "cpu  99 99 99 99 99 0 0 0 0 0\ncpu0 1 2 3 40 50 4 5 6 7 8\ncpu12 0 0 0 7 0 0 0 0\nintr 1 2\n";
  expect(parseProcessors(text)).toEqual([
    { busyMs: 210, idleMs: 900 },
    { busyMs: 0, idleMs: 70 },
  ]);
});

test("memory is what is there and what can still be had", () => {
  const text = "MemTotal:       4030280 kB\nMemFree:  1 kB\nMemAvailable:    2000000 kB\n";
  expect(parseMemory(text)).toEqual({ totalBytes: 4030280 * 1024, availableBytes: 2000000 * 1024 });
});

test("whole physical disks count, partitions and loops do not", () => {
  const text = [
    "   7       0 loop0 9 0 9 0 9 0 9 0 0 0 0",
    " 254       0 vda 10 1 20 3 30 4 40 5 0 6 7",
    " 254       1 vda1 9 0 9 0 9 0 9",
    "cut short",
    "",
  ].join("\n");
  expect(parseDisks(text, (name) => name === "vda")).toEqual([
    { name: "vda", reads: 10, writes: 30, readBytes: 20 * 512, writtenBytes: 40 * 512 },
  ]);
});

test("physical network cards count, whether or not a space follows the colon", () => {
  const text = [
    "Inter-|   Receive                 |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0",
    "  eth0:100 2 0 0 0 0 0 0 300 4 0 0 0 0 0 0",
  ].join("\n");
  expect(parseNics(text, (name) => name !== "lo")).toEqual([
    { name: "eth0", receivedBytes: 100, receivedPackets: 2, transmittedBytes: 300, transmittedPackets: 4 },
  ]);
});

test.each([
  ["an ordinary name", "7 (qemu) S"],
  ["a hostile name", "7 (a) R 9 9 (b)) S"],
])("a process with %s has used its user and system time, and has its threads", (_, head) => {
  expect(parseProcessStat(`${head} 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 3 0 999`)).toEqual({ processorMs: 3000, threads: 3 });
});

test("a process's memory is its own, and not its program's", () => {
  const status = "Name:\tqemu\nVmRSS:\t 900 kB\nRssAnon:\t     500 kB\nRssFile:\t     380 kB\nRssShmem:\t      20 kB\n";
  expect(parseOwnMemoryBytes(status)).toBe(520 * 1024);
});

test("this machine tells what it has used, and no counter runs backwards", () => {
  const before = readMachineLoad();
  const after = readMachineLoad();
  expect(before.processors).toHaveLength((readFileSync("/proc/stat", "utf8").match(/^cpu\d/gm) ?? []).length);
  expect(before.memory.totalBytes).toBeGreaterThan(before.memory.availableBytes);
  for (const [index, { busyMs }] of after.processors.entries())
    expect(busyMs).toBeGreaterThanOrEqual(before.processors[index]?.busyMs ?? 0);
  expect(before.nics.map(({ name }) => name)).not.toContain("lo");
});

test("a process that runs has used something, one that has ended tells nothing", async () => {
  expect((await readProcessLoad(process.pid))?.memoryBytes).toBeGreaterThan(10 * 2 ** 20);
  expect((await readProcessLoad(process.pid))?.processorMs).toBeGreaterThan(0);
  expect(await readProcessLoad(2 ** 22 - 1)).toBeUndefined();
  expect(await readProcessorTime(2 ** 22 - 1)).toBeUndefined();
  expect(await readTransferredBytes(2 ** 22 - 1)).toBeUndefined();
});

test("the files of a process that has ended are closed when the next is looked at, or when it is looked at itself", async () => {
  const open = () => readdirSync("/proc/self/fd").length;
  const look = ({ pid = 0 }: ChildProcess) => readProcessorTime(pid) !== undefined && readTransferredBytes(pid) !== undefined;
  const start = () => spawn("sleep", ["100"], { stdio: "ignore" });
  const end = async (child: ChildProcess) => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  const [zeroth, first, second, third] = [start(), start(), start(), start()];
  expect(look(zeroth)).toBe(true); // of what other tests have looked at, nothing is open any more
  const before = open();
  expect([look(first), look(second)]).toEqual([true, true]);
  expect(open() - before).toBe(6); // stat, io, and of the one thread schedstat
  await Promise.all([zeroth, first].map(end));
  expect(look(third)).toBe(true);
  expect(open() - before).toBe(3);
  await Promise.all([second, third].map(end));
  expect([look(second), look(third)]).toEqual([false, false]);
  expect(open() - before).toBe(-3);
});

test("what a process reads is counted, also out of memory", async () => {
  const before = (await readTransferredBytes(process.pid)) ?? 0;
  const { length } = readFileSync(process.execPath);
  const after = (await readTransferredBytes(process.pid)) ?? 0;
  expect(after - before).toBeGreaterThan(0.99 * length);
});

test("of two that want the same processor, each waits while the other runs", async () => {
  const bothMs = 600;
  const spinning = [0, 1].map(() => spawn("taskset", ["-c", "0", process.execPath, "-e", "for (;;);"], { stdio: "ignore" }));
  try {
    await setTimeout(200);
    const read = () => Promise.all(spinning.map(({ pid = 0 }) => readProcessorTime(pid)));
    const before = await read();
    await setTimeout(bothMs);
    for (const [index, time] of (await read()).entries()) {
      const used = (time?.usedMs ?? 0) - (before[index]?.usedMs ?? 0);
      const waited = (time?.waitedMs ?? 0) - (before[index]?.waitedMs ?? 0);
      expect(waited).toBeGreaterThan(0.2 * bothMs);
      expect(used + waited).toBeGreaterThan(0.8 * bothMs);
    }
  } finally {
    for (const program of spinning) program.kill("SIGKILL");
  }
});

test("what threads waited is summed, also when one has come, or has ended and another has come", async () => {
  const threads = () => readdirSync("/proc/self/task");
  const waited = () => readWaitedMs(process.pid, threads().length);
  const start = async () => {
    const worker = new Worker("setInterval(() => {}, 1000)", { eval: true });
    await once(worker, "online");
    return worker;
  };
  const sum = () =>
    threads().reduce((total, thread) => total + Number(readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8").split(" ")[1]) / 1e6, 0);
  const isAsSummed = () => {
    const [before, told, after] = [sum(), waited() ?? Number.NaN, sum()];
    expect(told).toBeGreaterThanOrEqual(before - 1e-6);
    expect(told).toBeLessThanOrEqual(after + 1e-6);
  };
  isAsSummed();
  const first = await start();
  isAsSummed();
  await first.terminate();
  const second = await start();
  isAsSummed();
  await second.terminate();
  expect(readWaitedMs(2 ** 22 - 1, 1)).toBeUndefined();
});
