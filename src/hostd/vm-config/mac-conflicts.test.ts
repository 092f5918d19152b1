import { expect, test } from "vitest";
import { planMacs } from "./mac-conflicts.ts";
import { nic } from "./vm-config.fixture.ts";

const biosUuid = "564d0000-0000-0000-0000-000000010203";
const GENERATED = "00:0c:29:01:02:03";
const card = (key: number, macAddress: string, addressType: string) => nic(key, { macAddress, addressType });
const ask = (devices: ReturnType<typeof card>[], macs: readonly string[], isResumed = false) =>
  planMacs({ devices, biosUuid, inUse: new Map(macs.map((mac) => [mac, "web"])), isResumed });

test("an address that the host gave is given anew when another VM runs with it", () => {
  const newMac = "00:0c:29:01:02:05"; // the next one belongs to the VM's own second adapter
  const plan = ask([card(4000, GENERATED.toUpperCase(), "generated"), card(4001, "00:0c:29:01:02:04", "generated")], [GENERATED]);
  expect(plan.changes).toEqual({ "ethernet0.generatedAddress": newMac });
  expect(plan.changed).toMatchObject([{ oldMac: GENERATED, newMac }]);
  expect(plan.conflicts).toEqual([]);
});

test("two adapters never get one new address", () => {
  const plan = ask([card(4000, GENERATED, "generated"), card(4001, "00:0c:29:01:02:0d", "generated")], [GENERATED, "00:0c:29:01:02:0d"]);
  expect(new Set(Object.values(plan.changes)).size).toBe(2);
});

test.each([
  ["that somebody chose", "manual", false],
  ["that a vCenter gave", "assigned", false],
  ["that a suspended guest knows", "generated", true],
])("an address %s stays, and the conflict is told", (_, addressType, isResumed) => {
  const plan = ask([card(4000, GENERATED, addressType)], [GENERATED], isResumed);
  expect(plan).toEqual({ changes: {}, changed: [], conflicts: [{ mac: GENERATED, owner: "web" }] });
});

test("an address that no other VM runs with stays", () => {
  expect(ask([card(4000, GENERATED, "generated")], ["00:0c:29:09:09:09"])).toEqual({ changes: {}, changed: [], conflicts: [] });
});
