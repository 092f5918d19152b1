import { expect, test } from "vitest";
import { type HostState, refuseInHostState, refusePowerOperation } from "./host-state.ts";

const normal: HostState = { isShuttingDown: false, maintenance: "none" };
const states = {
  normal,
  entering: { ...normal, maintenance: "entering" },
  maintenance: { ...normal, maintenance: "in" },
  ending: { ...normal, isShuttingDown: true },
} as const satisfies Readonly<Record<string, HostState>>;

test.each<[string, readonly (keyof typeof states)[]]>([
  ["PowerOnVM_Task", ["normal"]],
  ["AutoStartPowerOn", ["normal"]],
  ["CreateVM_Task", ["normal", "ending"]],
  ["RegisterVM_Task", ["normal", "ending"]],
  ["EnterMaintenanceMode_Task", ["normal"]],
  ["ExitMaintenanceMode_Task", ["maintenance"]],
  ["RebootHost_Task", ["normal", "entering", "maintenance"]],
  ["PowerOffVM_Task", ["normal", "entering", "maintenance", "ending"]],
  ["constructor", ["normal", "entering", "maintenance", "ending"]],
])("%s is legal while the host is %j, and otherwise InvalidState", (method, legal) => {
  for (const [name, state] of Object.entries(states)) {
    expect(refuseInHostState(method, state)?.fault, name).toBe((legal as readonly string[]).includes(name) ? undefined : "InvalidState");
  }
});

test.each([
  [false, "none", "InvalidState"],
  [false, "entering", "InvalidState"],
  [false, "in", undefined],
  [true, "none", undefined],
  [true, "entering", undefined],
] as const)("a reboot by force: %s, with maintenance %s: %s", (force, maintenance, refusal) => {
  expect(refusePowerOperation(force, { ...normal, maintenance })?.fault).toBe(refusal);
});
