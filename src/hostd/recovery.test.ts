import { expect, test } from "vitest";
import type { VmId } from "../base/index.ts";
import type { MachineSpec } from "../vmkernel/index.ts";
import { decideRecovery, type Facts, type Journal } from "./recovery.ts";

const path = (name: string) => ({ datastore: "d", path: name });
const vm = "1" as VmId;
const facts: Facts = { registered: true, powerState: "poweredOff", disksInUse: [] };
const create: Journal = { kind: "createVm", vmx: path("v/v.vmx"), created: { folder: path("v"), disks: [path("v/v.vmdk")] } };
const grow: Journal = { kind: "reconfigure", vm, created: { disks: [path("v/v_1.vmdk")] }, becomes: "new" };
const before = { vm } as MachineSpec;
const hot: Journal = { kind: "reconfigure", vm, created: { disks: [] }, becomes: "new", before };
const destroy: Journal = { kind: "destroyVm", vm, doomed: { disks: [path("v/v.vmdk")], files: [path("v/v.vmx")], folder: path("v") } };

test.each<[string, Journal, Partial<Facts>, unknown]>([
  [
    "a power-on whose monitor runs succeeded",
    { kind: "power", vm, wanted: "poweredOn" },
    { powerState: "poweredOn" },
    { kind: "succeeded" },
  ],
  ["a power-on without a monitor failed", { kind: "power", vm, wanted: "poweredOn" }, {}, { kind: "failed", remove: { disks: [] } }],
  ["a create that got registered succeeded", create, {}, { kind: "succeeded" }],
  [
    "a create that did not takes its files back",
    create,
    { registered: false },
    { kind: "failed", remove: { disks: [path("v/v.vmdk")], vmx: path("v/v.vmx"), folder: path("v") } },
  ],
  [
    "a register that was cut short leaves the files that it was given",
    { kind: "registerVm", vmx: path("v/v.vmx") },
    { registered: false },
    { kind: "failed", remove: { disks: [] } },
  ],
  ["a reconfigure whose .vmx is the new one succeeded", grow, { changeVersion: "new" }, { kind: "succeeded" }],
  ["a running VM's reconfigure whose .vmx is the new one succeeded", hot, { changeVersion: "new" }, { kind: "succeeded" }],
  [
    "a running VM's reconfigure whose .vmx is the old one gives the monitor back what it had",
    hot,
    { changeVersion: "old", powerState: "poweredOn" },
    { kind: "failed", remove: { disks: [] }, machine: before },
  ],
  ["a reconfigure whose new disk is not takes it back", grow, {}, { kind: "failed", remove: { disks: [path("v/v_1.vmdk")] } }],
  ["a destruction goes on", destroy, {}, { kind: "finish", doomed: (destroy as { doomed: unknown }).doomed }],
  ["a destruction that got as far as the registration is done", destroy, { registered: false }, { kind: "succeeded" }],
  [
    "an import that was cut short goes with its VM, which is registered already",
    { kind: "importVm", vmx: path("v/v.vmx"), doomed: { disks: [path("v/v.vmdk")], files: [path("v/v.vmx")], folder: path("v") } },
    {},
    { kind: "takeBack", doomed: (destroy as { doomed: unknown }).doomed },
  ],
  ["a deletion goes on", { kind: "deleteFiles", path: path("x") }, { registered: false }, { kind: "deleteRest", path: path("x") }],
])("%s", (_, journal, difference, recovery) => {
  expect(decideRecovery(journal, { ...facts, ...difference })).toEqual(recovery);
});

test("recovery never removes a disk that a .vmx names", () => {
  const inUse = [path("v/v_1.vmdk")];
  const journal: Journal = { kind: "reconfigure", vm, created: { disks: [path("v/v_1.vmdk"), path("v/v_2.vmdk")] }, becomes: "new" };
  expect(decideRecovery(journal, { ...facts, disksInUse: inUse })).toEqual({ kind: "failed", remove: { disks: [path("v/v_2.vmdk")] } });
});
