import { expect, test } from "vitest";
import { failoverChange, shapingChange, showFailover, showShaping } from "./network-policy.ts";
import { nameOfKey, namesIn } from "./network-system.ts";

const nothing = {
  activeuplinks: undefined,
  failback: undefined,
  failuredetection: undefined,
  loadbalancing: undefined,
  notifyswitches: undefined,
  standbyuplinks: undefined,
};
const now = { nicOrder: { activeNic: ["vmnic0", "vmnic1"], standbyNic: ["vmnic2"] } };

test.each<[string, object, object]>([
  ["nothing", {}, {}],
  ["an active uplink", { activeuplinks: "vmnic0" }, { nicOrder: { activeNic: ["vmnic0"], standbyNic: ["vmnic2"] } }],
  [
    "an active uplink that stood by",
    { activeuplinks: "vmnic2, vmnic0" },
    { nicOrder: { activeNic: ["vmnic2", "vmnic0"], standbyNic: [] } },
  ],
  ["one to stand by that was active", { standbyuplinks: "vmnic1" }, { nicOrder: { activeNic: ["vmnic0"], standbyNic: ["vmnic1"] } }],
  ["both", { activeuplinks: "", standbyuplinks: "vmnic0" }, { nicOrder: { activeNic: [], standbyNic: ["vmnic0"] } }],
  ["no failback", { failback: false }, { rollingOrder: true }],
  ["balancing by MAC", { loadbalancing: "mac" }, { policy: "loadbalance_srcmac" }],
  ["link detection", { failuredetection: "link" }, { failureCriteria: { checkBeacon: false } }],
])("of a failover policy %s is changed", (_, args, change) => {
  expect(failoverChange({ ...nothing, ...args } as never, now)).toEqual(change);
});

test("an uplink that is in no order is shown as unused", () => {
  const policy = { nicTeaming: { ...now, policy: "loadbalance_srcid", rollingOrder: false, notifySwitches: true } };
  expect(showFailover(policy, ["vmnic0", "vmnic1", "vmnic2", "vmnic3"])).toMatchObject({
    "Load Balancing": "srcport",
    Failback: true,
    "Active Adapters": ["vmnic0", "vmnic1"],
    "Unused Adapters": ["vmnic3"],
  });
});

test("bandwidths are in thousands of bits, and bursts in 1024 bytes", () => {
  const change = shapingChange({ enabled: true, avgbandwidth: 1000, peakbandwidth: 2000, burstsize: 64 });
  expect(change).toEqual({ enabled: true, averageBandwidth: 1_000_000, peakBandwidth: 2_000_000, burstSize: 65_536 });
  expect(showShaping({ shapingPolicy: change })).toEqual({
    Enabled: true,
    "Average Bandwidth": 1000,
    "Peak Bandwidth": 2000,
    "Burst Size": 64,
  });
});

test("names are taken out of lists and keys", () => {
  expect(namesIn(" vmnic0,, vmnic1 ")).toEqual(["vmnic0", "vmnic1"]);
  expect(nameOfKey("key-vim.host.PortGroup-dmz-1")).toBe("dmz-1");
  expect(nameOfKey("vmnic0")).toBe("vmnic0");
});
