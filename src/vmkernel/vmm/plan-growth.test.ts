import { expect, test } from "vitest";
import type { DeviceSpec, MachineSpec } from "../machine.ts";
import type { Disk } from "./plan-change.ts";
import { refuseGrowth } from "./plan-growth.ts";

const controllers: readonly DeviceSpec[] = [
  { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" },
  { kind: "ahci", key: 15000, bus: 0 },
  { kind: "nvme", key: 31000, bus: 0 },
  { kind: "ide", key: 200, bus: 0 },
];
const machine = { name: "web", devices: controllers } as unknown as MachineSpec;
const on = (controllerKey: number, mode: Disk["mode"] = "persistent"): Disk => ({
  ...{ kind: "disk", key: 2000, controllerKey, unit: 0, mode },
  descriptor: { datastore: "datastore1", path: "web/web.vmdk" },
});

test.each<[string, Disk, boolean, string | undefined]>([
  ["on SCSI", on(1000), false, undefined],
  ["that snapshots leave alone", on(1000, "independent_persistent"), false, undefined],
  ["with a parent", on(1000), true, "InvalidState"],
  ["that forgets what is written", on(1000, "independent_nonpersistent"), false, "InvalidDeviceOperation"],
  ["on AHCI", on(15000), false, "InvalidDeviceOperation"],
  ["on NVMe", on(31000), false, "InvalidDeviceOperation"],
  ["on IDE", on(200), false, "InvalidDeviceOperation"],
  ["on nothing", on(999), false, "InvalidDeviceOperation"],
])("a disk %s: whether it grows while its guest runs", (_, disk, hasParent, expected) => {
  const refusal = refuseGrowth({ machine, disk, hasParent }, 3);
  expect(refusal?.fault).toBe(expected);
  if (expected === "InvalidDeviceOperation") expect(refusal?.fields).toMatchObject({ deviceIndex: 3, badOp: "edit" });
});
