import { expect, test } from "vitest";
import type { ServiceDescription } from "../../vmkernel/index.ts";
import { FIRST_FIREWALL } from "../firewall/firewall-settings.ts";
import {
  planSteps,
  refuseDeed,
  refusePolicy,
  type ServiceDeed,
  type ServicePolicies,
  type ServicePolicy,
  showService,
} from "./plan-services.ts";

const ntpd = (running: boolean, because?: string): readonly ServiceDescription[] => [
  { key: "ntpd", running, unit: "chrony.service", ...(because === undefined ? {} : { because }) },
];
const firewallWith = (isNtpOpen: boolean) => ({
  ...FIRST_FIREWALL,
  ruleSets: { ...FIRST_FIREWALL.ruleSets, ntpClient: { enabled: isNtpOpen, allowedHosts: { allIp: true } } },
});

test.each<[ServiceDeed, boolean, string | undefined, string | undefined]>([
  ["start", false, undefined, undefined],
  ["start", true, undefined, "InvalidState"],
  ["stop", true, undefined, undefined],
  ["stop", false, undefined, "InvalidState"],
  ["restart", true, undefined, undefined],
  ["restart", false, undefined, "InvalidState"],
  ["start", false, "It is another's.", "HostConfigFault"],
  ["stop", true, "It is another's.", "HostConfigFault"],
])("to %s ntpd that runs (%s), and cannot be because %s: %s", (deed, running, because, fault) => {
  expect(refuseDeed("ntpd", deed, ntpd(running, because))?.fault).toBe(fault);
});

test("a service that is not here says why it cannot be started, and has no policy that would start it", () => {
  expect(refuseDeed("TSM-SSH", "start", [])?.message).toBe(
    "The service SSH cannot start. This host has no shell yet that SSH could lead to.",
  );
  for (const policy of ["on", "automatic"] as const) expect(refusePolicy("TSM", policy, [])?.fault).toBe("HostConfigFault");
  expect(refusePolicy("TSM", "off", [])).toBeUndefined();
  expect(showService("TSM-SSH", {}, [])).toMatchObject({ running: false, policy: "off", ruleset: ["sshServer"], uninstallable: false });
});

test.each<["hostStart" | "ruleSets", ServicePolicy | undefined, boolean, boolean, "start" | "stop" | undefined]>([
  // when, policy, ntpClient is enabled, it runs
  ["hostStart", undefined, true, false, undefined],
  ["hostStart", undefined, false, true, undefined],
  ["hostStart", "on", false, false, "start"],
  ["hostStart", "on", false, true, undefined],
  ["hostStart", "off", true, true, "stop"],
  ["hostStart", "off", true, false, undefined],
  ["hostStart", "automatic", true, false, "start"],
  ["hostStart", "automatic", false, true, "stop"],
  ["ruleSets", "automatic", true, false, "start"],
  ["ruleSets", "automatic", false, true, "stop"],
  ["ruleSets", "automatic", true, true, undefined],
  ["ruleSets", "on", false, true, undefined],
  ["ruleSets", "off", true, false, undefined],
])("at %s, policy %s, its port open: %s, running: %s: %s", (when, policy, isOpen, running, deed) => {
  const policies: ServicePolicies = policy === undefined ? {} : { ntpd: policy };
  const steps = planSteps(when, policies, { firewall: firewallWith(isOpen), machine: ntpd(running) });
  expect(steps).toEqual(deed === undefined ? [] : [{ key: "ntpd", deed }]);
});

test("what cannot be started is not tried, whatever its policy was when it could", () => {
  const policies = { ntpd: "on", TSM: "on" } as const;
  expect(planSteps("hostStart", policies, { firewall: FIRST_FIREWALL, machine: ntpd(false, "It is gone.") })).toEqual([]);
});
