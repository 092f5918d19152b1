import { expect, test } from "vitest";
import { canCutOff } from "./decide-rollback.ts";
import { bond, facts, portGroup, switchSpec, wiredNetwork } from "./network.fixture.ts";
import type { VirtualNetwork } from "./network-config.ts";
import { addHostNic, deselectHostNic, removeHostNic, selectHostNic, updateHostNic } from "./plan-host-nics.ts";
import { addPortGroup, removePortGroup, updatePortGroup, updateSwitch } from "./plan-network.ts";

/** Two interfaces on vSwitch1, of which the first is for management. */
function managed(): VirtualNetwork {
  const groups = ["Management", "Storage"];
  const withGroups = groups.reduce((made, name) => addPortGroup(made, portGroup(name, { vswitchName: "vSwitch1" }), facts), wiredNetwork());
  const withNics = groups.reduce(
    (made, portgroup, n) => addHostNic(made, { portgroup, nic: { ip: { dhcp: false } }, mac: `00:50:56:60:00:0${n}` }, facts),
    withGroups,
  );
  return selectHostNic(withNics, { nicType: "management", device: "vmk0" });
}
const before = managed();
const onSwitch1 = (name: string, extra: object) => ({ name, spec: portGroup(name, { vswitchName: "vSwitch1", ...extra }) });

test.each<[string, (network: VirtualNetwork) => VirtualNetwork, boolean]>([
  ["another VLAN of the management's port group", (n) => updatePortGroup(n, onSwitch1("Management", { vlanId: 9 }), facts), true],
  ["another VLAN of another port group", (n) => updatePortGroup(n, onSwitch1("Storage", { vlanId: 9 }), facts), false],
  [
    "other uplinks of the management's switch",
    (n) => updateSwitch(n, { name: "vSwitch1", spec: switchSpec({ bridge: bond("vmnic1") }) }, facts),
    true,
  ],
  [
    "another policy of the management's switch",
    (n) => updateSwitch(n, { name: "vSwitch1", spec: switchSpec({ policy: { security: { macChanges: true } } }) }, facts),
    true,
  ],
  ["another MTU of another switch", (n) => updateSwitch(n, { name: "vSwitch0", spec: switchSpec({ mtu: 9000 }) }, facts), false],
  [
    "another address of the management's interface",
    (n) => updateHostNic(n, { device: "vmk0", nic: { ip: { dhcp: false, ipAddress: "10.0.0.9", subnetMask: "255.0.0.0" } } }, facts),
    true,
  ],
  ["another MTU of another interface", (n) => updateHostNic(n, { device: "vmk1", nic: { mtu: 1400 } }, facts), false],
  ["another use of the management's interface", (n) => selectHostNic(n, { nicType: "vmotion", device: "vmk0" }), false],
  [
    "the management on another interface alone",
    (n) => deselectHostNic(selectHostNic(n, { nicType: "management", device: "vmk1" }), { nicType: "management", device: "vmk0" }),
    true,
  ],
  ["the management on another interface as well", (n) => selectHostNic(n, { nicType: "management", device: "vmk1" }), false],
  ["an interface less", (n) => removeHostNic(n, "vmk1"), false],
  ["a port group less", (n) => removePortGroup(n, "dmz", facts), false],
])("%s: can cut managers off: %3$s", (_, change, expected) => expect(canCutOff(before, change(before), new Set())).toBe(expected));

test("an adapter by which the machine is on a network can cut managers off when it is taken, not while a switch has it", () => {
  expect(canCutOff({ switches: [], hostNics: [], hostRoutes: [] }, wiredNetwork(), new Set(["eth1"]))).toBe(true);
  expect(canCutOff({ switches: [], hostNics: [], hostRoutes: [] }, wiredNetwork(), new Set(["eth0"]))).toBe(false);
  expect(canCutOff(wiredNetwork(), wiredNetwork(), new Set(["eth1"]))).toBe(false);
});
