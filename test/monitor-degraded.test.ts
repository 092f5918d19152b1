/** A machine that withholds cgroups: monitors are then known by their users, and found again by them. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { processesOfUid } from "../src/system/index.ts";
import {
  createStorage,
  describeVmmHost,
  FULL_ISOLATION,
  Monitors,
  NoFirewall,
  NoNetwork,
  type VmkernelEvent,
} from "../src/vmkernel/index.ts";
import { machineOf } from "./monitor.fixture.ts";

test.skipIf(process.getuid?.() !== 0)("without cgroups a monitor is adopted and ended by its uid, and says what is weaker", async () => {
  const paths = hostPaths(mkdtempSync(join(tmpdir(), "bulkhead-degraded-")));
  mkdirSync(paths.volumes, { recursive: true });
  mkdirSync(paths.monitors, { recursive: true });
  const isolation = { ...FULL_ISOLATION, memoryCgroup: false, pidsCgroup: false };
  const vmm = await describeVmmHost(paths, { accelerator: "tcg", isolation, weaknesses: ["A monitor can take all memory."] });
  const events: VmkernelEvent[] = [];
  const manage = () =>
    new Monitors({
      pipes: paths.pipes,
      vmm,
      network: new NoNetwork(),
      firewall: new NoFirewall("none"),
      storage: createStorage(paths.volumes),
      limits: { memoryMiB: 4096, logicalCpus: 2 },
      processors: { mhz: 2000, count: 2 },
      memory: { swap: paths.swap, totalBytes: 4096 * 2 ** 20, isBounded: false },
      cores: () => [[0], [1]],
      hasCoreScheduling: false,
      onEvent: (event) => events.push(event),
      hasListeners: () => false,
      log: () => {},
    });
  const machine = machineOf("1", { devices: [] });
  const first = manage();
  const { uid, pid, weaknesses } = await first.powerOn(machine);
  try {
    expect(weaknesses).toEqual(["A monitor can take all memory."]);
    expect(processesOfUid(uid)).toContain(pid);
    first.release();
    const second = manage();
    await second.adopt();
    expect(second.list()).toMatchObject([{ vm: "1", uid, pid }]);
    await second.guests.powerOff(machine.vm);
    expect(events).toMatchObject([{ kind: "monitorEnded", vm: "1", because: "poweredOff" }]);
  } finally {
    for (const left of processesOfUid(uid)) process.kill(left, "SIGKILL");
  }
  expect(readdirSync(paths.monitors)).toEqual([]);
  rmSync(paths.root, { recursive: true });
});
