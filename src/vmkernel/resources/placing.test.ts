import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { affinityOf, onlineProcessors } from "../../system/index.ts";
import { type HtSharing, NO_POOLS, type ResourceConfig } from "./config.ts";
import { Placing, type RunningMonitor } from "./placing.ts";

/** Real processes on this machine's processors, two of which are said to be threads of one core. */
const [first = 0, second = 1, ...others] = onlineProcessors();
const ONE_CORE = [[first, second], ...others.map((number) => [number])];
const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
});

async function sleeper(): Promise<number> {
  const child = spawn("sleep", ["60"]);
  started.push(child);
  await new Promise((resolve) => child.once("spawn", resolve));
  return child.pid ?? 0;
}

function placingOf(running: RunningMonitor[], cores: readonly (readonly number[])[] = ONE_CORE) {
  const log: string[] = [];
  const parts = {
    mhz: 2000,
    cores: () => cores,
    hasCoreScheduling: false,
    running: () => running,
    log: (line: string) => void log.push(line),
  };
  return { placing: new Placing(parts), log };
}
const id = (text: string) => text as VmId;
const config = (coreSharing: ResourceConfig["coreSharing"], htSharing: Readonly<Record<string, HtSharing>> = {}): ResourceConfig => ({
  ...{ ...NO_POOLS, ...(coreSharing !== undefined && { coreSharing }) },
  vms: Object.entries(htSharing).map(([vm, sharing]) => ({
    ...{ vm: id(vm), vcpus: 1, memory: { reservationMiB: 0, shares: 10 }, cpu: { reservationMhz: 0, shares: 1000 }, htSharing: sharing },
  })),
});
const NEEDS_TWO = onlineProcessors().length < 2;

test.skipIf(NEEDS_TWO)("a VM is bound before its guest runs, and who shares no core leaves none to the next", async () => {
  const running: RunningMonitor[] = [];
  const { placing } = placingOf(running, [[first, second]]);
  const wanted = config(undefined, { a: "none" });
  const pid = await sleeper();
  {
    using place = placing.reserve(wanted, { vm: id("a"), vcpus: 1 });
    place.bind(pid);
    expect(affinityOf(pid)).toEqual([first]);
    // while it starts, its place is its own already
    expect(() => placing.reserve(wanted, { vm: id("b"), vcpus: 1 })).toThrow(
      expect.objectContaining({ fault: "InsufficientHostCpuCapacityFault", fields: { unreserved: 0, requested: 2000 } }),
    );
    running.push({ vm: id("a"), pid, vcpus: 1 });
  }
  expect(() => placing.reserve(wanted, { vm: id("b"), vcpus: 1 })).toThrow(/finds no processor/);
  running.length = 0;
  placing.reserve(wanted, { vm: id("b"), vcpus: 1 })[Symbol.dispose]();
});

test.skipIf(NEEDS_TWO)("what runs follows the host's option, and one that nothing can keep is not set", async () => {
  const running = await Promise.all(["a", "b"].map(async (vm) => ({ vm: id(vm), pid: await sleeper(), vcpus: 1 })));
  const { placing, log } = placingOf(running, [[first, second]]);
  placing.apply(config("oneThread"));
  expect(running.map(({ pid }) => affinityOf(pid))).toEqual([[first], [first]]);
  placing.apply(config("any"));
  expect(running.map(({ pid }) => affinityOf(pid))).toEqual([
    [first, second],
    [first, second],
  ]);
  expect(() => placing.refuseUnkeepable(config("oneVm"))).toThrow(expect.objectContaining({ fault: "InvalidState" }));
  expect(log).toEqual([]);
});

test("a vmkernel that takes up what runs finds what it was bound to, and leaves it there", async () => {
  const pid = await sleeper();
  const running = [{ vm: id("a"), pid, vcpus: 1 }];
  const wanted = config("oneVm");
  const cores = onlineProcessors().map((number) => [number, number + 1000]); // threads that nothing runs on
  placingOf(running, cores).placing.apply(wanted);
  const before = affinityOf(pid);
  expect(before).toHaveLength(1);
  placingOf(running, cores.toReversed()).placing.apply(wanted);
  expect(affinityOf(pid)).toEqual(before);
});
