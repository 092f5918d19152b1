import { expect, test } from "vitest";
import type { MachineSpec } from "./machine.ts";
import { describeChange, describeEvent, describeMachine, formatLogLine, LineBudget } from "./vm-log-lines.ts";

test.each([
  ["plain words", "started", "started"],
  ["two lines", "a\n2026-01-01T00:00:00.000Z In(05) vmx - b", "a?2026-01-01T00:00:00.000Z In(05) vmx - b"],
  ["what steers a terminal", "\u001b[2J\u0007\u009b", "?[2J??"],
  ["other ends of lines", "a\u2028b\u2029c\r", "a?b?c?"],
  ["half of a letter", "\ud800", "?"],
])("a line of %s is one line", (_, text, written) => {
  expect(formatLogLine(0, "warning", text)).toBe(`1970-01-01T00:00:00.000Z Wa(03) vmx - ${written}\n`);
});

test("a line is no longer than one that people read", () => {
  expect(formatLogLine(0, "info", "x".repeat(1_000_000)).length).toBeLessThan(1100);
});

test("a guest that resets without end writes no more than its budget, and how much is missing is told", () => {
  const budget = new LineBudget(0);
  let written = 0;
  for (let n = 0; n < 100_000; n++) if (budget.take(n / 10) !== undefined) written += 1; // in ten seconds
  expect(written).toBeLessThanOrEqual(250);
  expect(written).toBeGreaterThanOrEqual(200);
  expect(budget.take(60_000)?.leftOut).toBeGreaterThan(0);
  expect(budget.take(60_001)?.leftOut).toBe(0);
  const turnedBack = new LineBudget(10_000);
  for (let n = 0; n < 1000; n++) turnedBack.take(0);
  expect(turnedBack.take(0)).toBeUndefined();
});

test.each<[string, Record<string, unknown>, string | undefined]>([
  ["RESET", { guest: true, reason: "guest-reset" }, "The guest resets the machine"],
  ["RESET", { guest: false, reason: "host-qmp-system-reset" }, "The machine is reset"],
  ["SHUTDOWN", { guest: false, reason: "host-qmp-quit" }, "The monitor ends: host-qmp-quit"],
  [
    "BLOCK_IO_ERROR",
    { device: "", "node-name": "disk2000", operation: "write", action: "stop", reason: "No space left" },
    "write of disk2000 failed, stop: No space left",
  ],
  ["DEVICE_TRAY_MOVED", { id: "dev3002", "tray-open": true }, "The tray of dev3002 is open"],
  ["DEVICE_DELETED", { path: "/machine/peripheral/x" }, undefined],
  ["RTC_CHANGE", { offset: 1 }, undefined],
])("QEMU's %s %j", (name, data, text) => {
  expect(describeEvent({ name, data })?.text).toBe(text);
});

const machine = (devices: MachineSpec["devices"], memoryMiB = 64): MachineSpec =>
  ({
    vm: "7",
    name: "web",
    vcpus: 1,
    coresPerSocket: 1,
    memoryMiB,
    firmware: { kind: "bios" },
    biosUuid: "564d",
    devices,
  }) as unknown as MachineSpec;

test("a machine is described by its devices, and a change by what differs", () => {
  const disk = {
    kind: "disk",
    key: 2000,
    controllerKey: 1000,
    unit: 0,
    descriptor: { datastore: "d", path: "web/web.vmdk" },
    mode: "persistent",
  } as const;
  const cd = { kind: "cdrom", key: 3000, controllerKey: 200, unit: 0 } as const;
  const before = machine([disk, cd]);
  expect(describeMachine(before)).toContain("Device 2000 disk: [d] web/web.vmdk, persistent");
  const after = machine(
    [
      { ...cd, image: { datastore: "d", path: "a.iso" } },
      { kind: "xhci", key: 14000 },
    ],
    128,
  );
  expect(describeChange(before, after)).toEqual([
    "Device removed: 2000 disk: [d] web/web.vmdk, persistent",
    "Device added: 14000 xhci",
    "Device changed: 3000 cdrom: [d] a.iso, was 3000 cdrom: no medium",
    "Memory: 128 MB, was 64 MB",
  ]);
  expect(describeChange(before, before)).toEqual([]);
});
