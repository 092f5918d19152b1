import { expect, test } from "vitest";
import { parseRxFilters } from "./parse-rx-filters.ts";

/** As QEMU 7.2 says it of a virtio adapter whose driver asked for two groups. */
const asked = {
  name: "dev4000",
  promiscuous: false,
  multicast: "normal",
  unicast: "normal",
  vlan: "all",
  "broadcast-allowed": true,
  "multicast-overflow": false,
  "unicast-overflow": false,
  "main-mac": "00:0c:29:00:00:01",
  "vlan-table": [],
  "unicast-table": [],
  "multicast-table": ["33:33:00:00:00:01", "01:00:5e:00:00:01"],
};
const of = (changes: object) => parseRxFilters([{ ...asked, ...changes }]).get(4000);

test("an adapter takes the groups that its driver asked for, in their order", () => {
  expect(of({})).toEqual({ broadcast: true, multicast: ["01:00:5e:00:00:01", "33:33:00:00:00:01"] });
});

test.each<[string, object, unknown]>([
  ["that wants no group takes none", { multicast: "none" }, { broadcast: true, multicast: [] }],
  ["that wants no broadcast takes none", { "broadcast-allowed": false, multicast: "none" }, { broadcast: false, multicast: [] }],
  ["that wants all takes all", { multicast: "all" }, { broadcast: true, multicast: "all" }],
  ["that wants more than there is room for takes all", { "multicast-overflow": true }, { broadcast: true, multicast: "all" }],
  [
    "whose table is longer than any takes all",
    { "multicast-table": Array(65).fill("33:33:00:00:00:01") },
    { broadcast: true, multicast: "all" },
  ],
  ["that is promiscuous is not filtered", { promiscuous: true }, undefined],
  ["that says nothing of itself is not filtered", { promiscuous: undefined }, undefined],
  ["of another name is not ours", { name: "eth0" }, undefined],
  [
    "a table that holds no address of a group",
    { "multicast-table": ["00:0c:29:00:00:01", "33:33", 7, "33:33:00:00:00:01", "33:33:00:00:00:01"] },
    { broadcast: true, multicast: ["33:33:00:00:00:01"] },
  ],
])("one %s", (_, changes, expected) => {
  expect(of(changes)).toEqual(expected);
});

test.each([
  ["nothing", undefined],
  ["a text", "x"],
  ["an object", {}],
])("%s tells of no adapter", (_, answer) => {
  expect(parseRxFilters(answer).size).toBe(0);
});
