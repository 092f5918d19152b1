import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { addToCgroup, cgroupHierarchies, coreReader, createCgroup, destroyCgroup, onlineProcessors } from "../../system/index.ts";
import { NO_POOLS } from "./config.ts";
import { CpuScheduler, type ScheduledMonitor } from "./cpu-scheduler.ts";

const tree = cgroupHierarchies().find(({ controllers }) => controllers.includes("cpu"));
const canRun = process.getuid?.() === 0 && tree !== undefined && onlineProcessors().length > 1;

describe.skipIf(!canRun)("on this machine", () => {
  const parent = `bulkhead-test-${process.pid}`;
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) if (child.kill("SIGKILL")) await once(child, "exit");
    for (const number of [1, 2]) await destroyCgroup(`${parent}/vm-${number}`);
  });

  async function monitor(number: number): Promise<ScheduledMonitor> {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    children.push(child);
    await once(child, "spawn");
    const [pid, cgroup] = [child.pid ?? 0, `${parent}/vm-${number}`];
    await createCgroup(cgroup, { memoryBytes: 2 ** 26, pids: 8 });
    await addToCgroup(cgroup, pid);
    return { vm: String(number) as VmId, pid, cgroup, vcpus: 1, latency: undefined };
  }

  const weight = (cgroup = ""): number => {
    const file = tree?.kind === "v2" ? "cpu.weight" : "cpu.shares";
    return Number(readFileSync(join(tree?.root ?? "", cgroup, file), "utf8"));
  };

  test("two VMs that are bound to one processor weigh what their shares say, and alike once each may run on all", async () => {
    const monitors = [await monitor(1), await monitor(2)];
    const count = onlineProcessors().length;
    const parts = { processors: { mhz: 2000, count }, running: () => monitors, cores: coreReader(), hasCoreScheduling: false };
    using scheduler = new CpuScheduler({ ...parts, log: (line) => expect.fail(line) });
    const told = (number: number, shares: number) => ({
      ...{ vm: String(number) as VmId, vcpus: 1, cpu: { reservationMhz: 0, shares }, memory: { reservationMiB: 0, shares: 10 } },
    });
    const vms = [told(1, 1000), told(2, 2000)];
    const ratio = () => weight(monitors[1]?.cgroup) / weight(monitors[0]?.cgroup);
    await scheduler.configure({ ...NO_POOLS, vms: vms.map((vm) => ({ ...vm, affinity: [0] })) });
    await scheduler.divideNow(); // now both are where they are to be
    expect(ratio()).toBeCloseTo(2, 1);
    await scheduler.configure({ ...NO_POOLS, vms });
    await scheduler.divideNow();
    expect(ratio(), "there is a processor for each").toBeCloseTo(1, 1);
  });
});
