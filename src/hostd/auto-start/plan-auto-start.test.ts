import fc from "fast-check";
import { expect, test } from "vitest";
import type { AutoStartPowerInfo, HostAutoStartManagerConfig } from "../../wire/index.ts";
import { type AutoStartConfig, changeConfig, FIRST_DEFAULTS, planStart, planStop } from "./plan-auto-start.ts";

const info = (vm: string, change: Partial<AutoStartPowerInfo> = {}): AutoStartPowerInfo => ({
  key: { type: "VirtualMachine", value: vm },
  startOrder: -1,
  startDelay: -1,
  waitForHeartbeat: "systemDefault",
  startAction: "powerOn",
  stopDelay: -1,
  stopAction: "systemDefault",
  ...change,
});
const enabled = (...powerInfo: AutoStartPowerInfo[]): AutoStartConfig => ({ defaults: { ...FIRST_DEFAULTS, enabled: true }, powerInfo });
const empty: AutoStartConfig = { defaults: FIRST_DEFAULTS, powerInfo: [] };
const change = (spec: HostAutoStartManagerConfig, current = empty) => changeConfig(current, spec, (moid) => Number(moid) < 10);

test("VMs start by their order, those in any order last, and stop in reverse", () => {
  const config = enabled(info("4"), info("1", { startOrder: 2 }), info("2", { startOrder: 1 }), info("3", { startOrder: 2 }));
  expect(planStart(config).map(({ vm }) => vm)).toEqual(["2", "1", "3", "4"]);
  expect(planStop(config).map(({ vm }) => vm)).toEqual(["4", "3", "1", "2"]);
});

test("a VM has its own delay, heartbeat and action, or the host's", () => {
  const config: AutoStartConfig = {
    defaults: { enabled: true, startDelay: 7, stopDelay: 8, waitForHeartbeat: true, stopAction: "suspend" },
    powerInfo: [
      info("1"),
      info("2", { startDelay: 0, stopDelay: 3, waitForHeartbeat: "no", stopAction: "guestShutdown" }),
      info("3", { startAction: "none", stopAction: "none" }),
    ],
  };
  expect(planStart(config)).toEqual([
    { vm: "1", delayMs: 7000, untilHeartbeat: true },
    { vm: "2", delayMs: 0, untilHeartbeat: false },
  ]);
  expect(planStop(config)).toEqual([
    { vm: "2", action: "guestShutdown", delayMs: 3000 },
    { vm: "1", action: "suspend", delayMs: 8000 },
  ]);
});

test("nothing starts or stops with a host where auto-start is not enabled", () => {
  const config = { ...enabled(info("1")), defaults: FIRST_DEFAULTS };
  expect([planStart(config), planStop(config)]).toEqual([[], []]);
});

test("a VM that is to do nothing is started by nobody, and stops only where it is told to", () => {
  const config = enabled(info("1", { startAction: "none", stopAction: "powerOff" }), info("2", { stopAction: "none" }));
  expect(planStart(config).map(({ vm }) => vm)).toEqual(["2"]);
  expect(planStop(config).map(({ vm }) => vm)).toEqual(["1"]);
});

test("a change replaces what it names and keeps the rest", () => {
  const first = change({ defaults: { enabled: true, startDelay: 5 }, powerInfo: [info("1"), info("2", { startOrder: 1 })] });
  const second = change({ powerInfo: [info("1", { startOrder: 3 })] }, first);
  expect(second.defaults).toEqual({ ...FIRST_DEFAULTS, enabled: true, startDelay: 5 });
  expect(second.powerInfo.map(({ key, startOrder }) => [key.value, startOrder])).toEqual([
    ["2", 1],
    ["1", 3],
  ]);
});

test("a VM that neither starts nor stops with the host leaves the list", () => {
  const listed = change({ powerInfo: [info("1"), info("2")] });
  const { powerInfo } = change({ powerInfo: [info("1", { startAction: "none", stopAction: "none" })] }, listed);
  expect(powerInfo.map(({ key }) => key.value)).toEqual(["2"]);
});

test("actions are read as clients write them", () => {
  const { defaults, powerInfo } = change({
    defaults: { stopAction: "PowerOff" },
    powerInfo: [info("1", { startAction: "PowerOn", stopAction: "GuestShutdown" })],
  });
  expect([defaults.stopAction, powerInfo[0]?.startAction, powerInfo[0]?.stopAction]).toEqual(["powerOff", "powerOn", "guestShutdown"]);
});

test.each<[string, HostAutoStartManagerConfig, string]>([
  ["a VM that is not there", { powerInfo: [info("11")] }, "spec.powerInfo[0].key"],
  ["what is no VM", { powerInfo: [{ ...info("1"), key: { type: "HostSystem", value: "1" } as never }] }, "spec.powerInfo[0].key"],
  ["a VM twice", { powerInfo: [info("1"), info("1")] }, "spec.powerInfo[1].key"],
  ["the order 0", { powerInfo: [info("1", { startOrder: 0 })] }, "spec.powerInfo[0].startOrder"],
  ["the order -2", { powerInfo: [info("1", { startOrder: -2 })] }, "spec.powerInfo[0].startOrder"],
  ["a negative delay", { powerInfo: [info("1", { startDelay: -2 })] }, "spec.powerInfo[0].startDelay"],
  ["a delay of a day", { powerInfo: [info("1", { stopDelay: 86_400 })] }, "spec.powerInfo[0].stopDelay"],
  ["a start by suspending", { powerInfo: [info("1", { startAction: "suspend" })] }, "spec.powerInfo[0].startAction"],
  ["a stop by powering on", { powerInfo: [info("1", { stopAction: "powerOn" })] }, "spec.powerInfo[0].stopAction"],
  ["an action that does not exist", { powerInfo: [info("1", { stopAction: "" })] }, "spec.powerInfo[0].stopAction"],
  ["a default that says to take the default", { defaults: { stopAction: "systemDefault" } }, "spec.defaults.stopAction"],
  ["a default delay that says to take the default", { defaults: { startDelay: -1 } }, "spec.defaults.startDelay"],
  ["a default delay without end", { defaults: { stopDelay: 2 ** 31 - 1 } }, "spec.defaults.stopDelay"],
])("a spec with %s is refused by the name of the property", (_, spec, invalidProperty) => {
  expect(() => change(spec)).toThrow(expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }));
});

test("whatever the orders, the plan to stop is the plan to start in reverse", () => {
  const orders = fc.array(fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 4 })), { maxLength: 9 });
  fc.assert(
    fc.property(orders, (found) => {
      const config = enabled(...found.map((startOrder, vm) => info(String(vm), { startOrder })));
      expect(planStop(config).map(({ vm }) => vm)).toEqual(
        planStart(config)
          .map(({ vm }) => vm)
          .toReversed(),
      );
    }),
  );
});
