import { expect, test } from "vitest";
import { machineWith } from "./machine.fixture.ts";
import type { MonitorPhase, MonitorRecord } from "./monitor-record.ts";
import { parseMonitorRecord } from "./monitor-record.ts";
import { type FoundMonitor, planAdoption } from "./plan-adoption.ts";

const to = { datastore: "datastore1", path: "web/web.vmss" };
const phases: readonly MonitorPhase[] = [
  { kind: "starting" },
  { kind: "running" },
  { kind: "changing", to: machineWith([]) },
  { kind: "suspending", to },
  { kind: "suspended", to },
];
const statuses = [undefined, "prelaunch", "inmigrate", "paused", "running", "finish-migrate", "postmigrate", "io-error"];

function recordIn(phase: MonitorPhase): MonitorRecord {
  return { machine: machineWith([]), uid: 200_001, startedAtMs: 1, accelerator: "tcg", weaknesses: [], phase };
}

function say(found: FoundMonitor): string {
  const plan = planAdoption(found);
  const what =
    plan.kind === "adopt" ? (plan.resumeGuest ? "adopt, guest goes on" : "adopt") : plan.kind === "end" ? `end: ${plan.because}` : "forget";
  return plan.remove === undefined ? what : `${what}; memory file goes`;
}

test("every phase × what QEMU says", () => {
  const rows = phases.flatMap((phase) => [
    `${phase.kind} × no process: ${say({ record: recordIn(phase), hasProcesses: false, status: undefined })}`,
    ...statuses.map((status) => `${phase.kind} × ${status ?? "silent"}: ${say({ record: recordIn(phase), hasProcesses: true, status })}`),
  ]);
  expect(rows).toMatchSnapshot();
});

test("processes without a readable record are ended, whatever they answer", () => {
  for (const status of statuses)
    expect(say({ record: undefined, hasProcesses: true, status })).toBe("end: nothing says which machine it is");
});

test("a folder with neither record nor process is forgotten", () => {
  expect(say({ record: undefined, hasProcesses: false, status: undefined })).toBe("forget");
});

test("a guest that ran is never ended while its monitor answers", () => {
  for (const phase of phases.slice(1)) {
    for (const status of ["running", "paused", "io-error", "postmigrate"]) {
      expect(say({ record: recordIn(phase), hasProcesses: true, status })).toMatch(/^adopt/);
    }
  }
});

test("a record comes back from its file as it was", () => {
  for (const phase of phases) expect(parseMonitorRecord(JSON.parse(JSON.stringify(recordIn(phase))))).toEqual(recordIn(phase));
});

test.each([
  ["no phase", { phase: undefined }],
  ["a uid of root", { uid: 0 }],
  ["a machine that is none", { machine: {} }],
])("a record with %s is not believed", (_, change) => {
  expect(() => parseMonitorRecord({ ...recordIn({ kind: "running" }), ...change })).toThrow();
});
