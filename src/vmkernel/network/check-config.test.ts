import { expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { checkConfig } from "./check-config.ts";
import type { NetworkConfig } from "./config.ts";
import { makeGroup, makeSwitch } from "./network.fixture.ts";

function verdictOn(config: NetworkConfig): string {
  try {
    checkConfig(config);
    return "fine";
  } catch (error) {
    return error instanceof Fault ? `${error.fault} ${error.fields.name ?? error.fields.invalidProperty}` : String(error);
  }
}

test("a network of two switches with all kinds of port groups can be", () => {
  const groups = [makeGroup("a", 0), makeGroup("b", 4094), makeGroup("c", 4095, {}, [{ first: 0, last: 4094 }])];
  const switches = [makeSwitch({ uplinks: ["eth1", "eth2"], groups }), makeSwitch({ name: "vSwitch1", uplinks: ["eth3"] })];
  expect(verdictOn({ switches })).toBe("fine");
});

const shaped = { enabled: true, averageBandwidth: 1000, peakBandwidth: 1000, burstSize: 1 };

test.each([
  ["two switches of one name", [makeSwitch(), makeSwitch()], "AlreadyExists vSwitch0"],
  ["two port groups of one name", [makeSwitch({ groups: [makeGroup("a", 0), makeGroup("a", 1)] })], "AlreadyExists a"],
  [
    "two port groups of one name on two switches",
    [makeSwitch({ groups: [makeGroup("a", 0)] }), makeSwitch({ name: "b", groups: [makeGroup("a", 0)] })],
    "AlreadyExists a",
  ],
  ["an uplink of two switches", [makeSwitch({ uplinks: ["eth1"] }), makeSwitch({ name: "b", uplinks: ["eth1"] })], "ResourceInUse eth1"],
  ["127 switches", Array.from({ length: 127 }, (_, at) => makeSwitch({ name: `${at}` })), "InvalidArgument switches"],
  ["an uplink twice", [makeSwitch({ uplinks: ["eth1", "eth1"] })], "ResourceInUse eth1"],
  ["a switch without a name", [makeSwitch({ name: "" })], "InvalidArgument vswitchName"],
  ["a name of 33 characters", [makeSwitch({ name: "a".repeat(33) })], "InvalidArgument vswitchName"],
  ["an MTU that is too large", [{ ...makeSwitch(), mtu: 9001 }], "InvalidArgument mtu"],
  ["an MTU that is too small", [{ ...makeSwitch(), mtu: 1279 }], "InvalidArgument mtu"],
  ["no ports", [{ ...makeSwitch(), numPorts: 0 }], "InvalidArgument numPorts"],
  ["VLAN 4096", [makeSwitch({ groups: [makeGroup("a", 4096)] })], "InvalidArgument vlanId"],
  ["VLAN -1", [makeSwitch({ groups: [makeGroup("a", -1)] })], "InvalidArgument vlanId"],
  ["VLAN 1.5", [makeSwitch({ groups: [makeGroup("a", 1.5)] })], "InvalidArgument vlanId"],
  ["a trunk of VLAN 4095", [makeSwitch({ groups: [makeGroup("a", 4095, {}, [{ first: 1, last: 4095 }])] })], "InvalidArgument trunk"],
  ["a trunk's range backwards", [makeSwitch({ groups: [makeGroup("a", 4095, {}, [{ first: 3, last: 2 }])] })], "InvalidArgument trunk"],
  ["ranges where there is no trunk", [makeSwitch({ groups: [makeGroup("a", 5, {}, [{ first: 5, last: 5 }])] })], "InvalidArgument trunk"],
  ["a peak below the average", [makeSwitch({ shaping: { ...shaped, peakBandwidth: 999 } })], "InvalidArgument shapingPolicy.peakBandwidth"],
  [
    "a peak below the average that is the switch's",
    [makeSwitch({ shaping: shaped, groups: [makeGroup("a", 0, { shaping: { peakBandwidth: 999 } })] })],
    "InvalidArgument shapingPolicy.peakBandwidth",
  ],
  ["no average", [makeSwitch({ shaping: { ...shaped, averageBandwidth: 0 } })], "InvalidArgument shapingPolicy.averageBandwidth"],
  ["no burst", [makeSwitch({ shaping: { ...shaped, burstSize: 0 } })], "InvalidArgument shapingPolicy.burstSize"],
  [
    "no burst inbound",
    [makeSwitch({ shaping: { ...shaped, inbound: { ...shaped, burstSize: 0 } } })],
    "InvalidArgument shapingPolicy.burstSize",
  ],
  [
    "a strange uplink in the order",
    [makeSwitch({ uplinks: ["eth1"], teaming: { active: ["eth2"] } })],
    "InvalidArgument nicTeaming.nicOrder",
  ],
  [
    "a strange uplink in a port group's order",
    [makeSwitch({ uplinks: ["eth1"], groups: [makeGroup("a", 0, { teaming: { standby: ["eth2"] } })] })],
    "InvalidArgument nicTeaming.nicOrder",
  ],
  [
    "an uplink both active and standby",
    [makeSwitch({ uplinks: ["eth1"], teaming: { active: ["eth1"], standby: ["eth1"] } })],
    "InvalidArgument nicTeaming.nicOrder",
  ],
])("%s cannot be", (_, switches, verdict) => {
  expect(verdictOn({ switches })).toBe(verdict);
});

test("a shaping policy that is off may have any numbers: they are kept for when it is on", () => {
  expect(verdictOn({ switches: [makeSwitch({ shaping: { enabled: false, averageBandwidth: 5, peakBandwidth: 1 } })] })).toBe("fine");
});
