import { expect, test } from "vitest";
import type { MonitorDescription } from "../vmkernel/index.ts";
import { formatStatus, type HostStatus, statusToJson } from "./host-status.ts";

const monitor = {
  ...{ vm: "7", name: "web", home: { datastore: "d", path: "web" }, pid: 4711, uid: 200_007, startedAtMs: 0, accelerator: "tcg" },
  ...{ weaknesses: [], disconnected: [], guest: { tools: "notRunning" } },
} as unknown as MonitorDescription;
const status = (...monitors: readonly MonitorDescription[]): HostStatus => ({
  kind: "running",
  run: {
    url: "https://127.0.0.1:8443/sdk",
    listen: "127.0.0.1:8443",
    supervisor: { pid: 1, startTicks: 0 },
    vmkernelPid: 2,
    hostdPid: 3,
  } as never,
  host: { hostName: "esx1", accelerator: { kind: "tcg", because: "no KVM" }, weaknesses: [] } as never,
  datastores: [],
  monitors,
});

test("a memory limit that was left behind below a VM's memory is warned of in the line of that VM, and is there for programs", () => {
  const trapped = { ...monitor, memoryLimitMiB: 4096 };
  const lines = formatStatus(status(monitor, { ...trapped, vm: "8" as never, name: "trapped" }), "/").split("\n");
  expect(lines.filter((line) => line.includes("WARNING"))).toEqual([
    expect.stringMatching(/8 trapped: .*WARNING: its memory limit, 4096 MB, is below its memory/),
  ]);
  expect(statusToJson(status(trapped))).toMatchObject({ vms: [{ memoryLimitMiB: 4096 }] });
});
