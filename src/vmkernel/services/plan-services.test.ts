import { expect, test } from "vitest";
import { planService } from "./plan-services.ts";

const unit = (name: string, isActive: boolean, isLoaded = true) => ({ name, isActive, isLoaded });
const chrony = "chrony.service";
const timesyncd = "systemd-timesyncd.service";

test.each([
  ["one that runs", [unit(chrony, true)], { running: true, unit: chrony }],
  ["one that does not run", [unit(timesyncd, false)], { running: false, unit: timesyncd }],
  ["two, of which the second runs", [unit(chrony, false), unit(timesyncd, true)], { running: true, unit: timesyncd }],
  ["two that do not run", [unit(timesyncd, false), unit(chrony, false)], { running: false, unit: chrony }],
])("ntpd on a machine of the host's own with %s can be started and stopped", (_, units, expected) => {
  expect(planService("ntpd", { isOwnMachine: true, units })).toEqual({ key: "ntpd", ...expected });
});

test.each([
  ["without systemd", true, undefined, false, "not started by systemd"],
  ["without a daemon", true, [unit(chrony, true, false), unit("sshd.service", true)], false, "has no ntpd"],
  ["that has other work", false, [unit(chrony, true)], true, "chrony.service is the machine's"],
])("ntpd on a machine %s can be neither, and it is said why", (_, isOwnMachine, units, running, because) => {
  expect(planService("ntpd", { isOwnMachine, units })).toMatchObject({ running, because: expect.stringContaining(because) });
});
