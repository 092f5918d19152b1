import { expect, test } from "vitest";
import type { DeviceSpec, MachineSpec } from "../machine.ts";
import { deviceId } from "./expected-devices.ts";
import { liveMachine, type MonitorAnswers } from "./live-machine.ts";
import { diskOn, everyDevice, fileOf, machineWith } from "./machine.fixture.ts";
import { driveNode } from "./plan-drives.ts";

const before = machineWith(everyDevice, { vcpusMax: 4, memoryHotAdd: { maxMiB: 1024, addedMiB: [] }, bootOrder: [2000, 3002] });

/** What a monitor that is this machine answers. */
function answersOf({ devices, vcpus, memoryHotAdd }: MachineSpec): MonitorAnswers {
  return {
    peripheral: [{ name: "type" }, ...devices.filter(({ kind }) => kind !== "ide").map(({ key }) => ({ name: deviceId(key) }))],
    block: devices.flatMap((device) => {
      if (device.kind !== "disk" && device.kind !== "cdrom" && device.kind !== "floppy") return [];
      const isFull = device.kind === "disk" || device.image !== undefined;
      return [{ qdev: `/machine/peripheral/${deviceId(device.key)}`, ...(isFull && { inserted: { "node-name": driveNode(device) } }) }];
    }),
    cpus: Array.from({ length: vcpus }, () => ({})),
    memory: (memoryHotAdd?.addedMiB ?? []).map((sizeMiB, index) => ({
      type: "dimm",
      data: { id: `dimm${index}`, size: sizeMiB * 2 ** 20 },
    })),
  };
}
const sorted = (machine: MachineSpec) => ({ ...machine, devices: [...machine.devices].sort((a, b) => a.key - b.key) });
const replace = (...devices: readonly DeviceSpec[]) => [
  ...everyDevice.filter(({ key }) => !devices.some((device) => device.key === key)),
  ...devices,
];

const wanted = machineWith(
  replace(
    { kind: "nic", key: 4005, model: "vmxnet3", mac: "00:0c:29:00:00:06" },
    { ...diskOn(1000, 0, 2000), descriptor: fileOf("other.vmdk") },
    { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0, image: fileOf("other.iso") },
    { kind: "floppy", key: 8000, unit: 0 },
  ),
  { vcpusMax: 4, vcpus: 2, memoryMiB: 256, memoryHotAdd: { maxMiB: 1024, addedMiB: [128] }, bootOrder: before.bootOrder },
);

test.each<[string, MachineSpec]>([
  ["nothing of it", before],
  ["all of it", wanted],
])("when %s had been done, that is the machine that is found", (_, live) => {
  expect(sorted(liveMachine(before, wanted, answersOf(live)))).toEqual(sorted(live));
});

test("a change cut in half is found as it stands: one device new, the next one old, a third between two media", () => {
  const devices = replace(
    { ...diskOn(1000, 0, 2000), descriptor: fileOf("other.vmdk") },
    { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0 },
  );
  const half = { ...before, devices: devices.filter(({ key }) => key !== 4000), vcpus: 2 };
  expect(sorted(liveMachine(before, wanted, answersOf(half)))).toEqual(sorted(half));
});

test("what a guest has let go on its own is missing, and nothing boots from it", () => {
  const live = liveMachine(before, before, answersOf({ ...before, devices: everyDevice.filter(({ key }) => key !== 2000) }));
  expect(live.devices.map(({ key }) => key)).not.toContain(2000);
  expect(live.bootOrder).toEqual([3002]);
});

test.each([
  ["nothing", { peripheral: undefined, block: undefined, cpus: undefined, memory: undefined }],
  ["what is no list", { peripheral: {}, block: "x", cpus: 7, memory: null }],
  [
    "lists of what is no object",
    { peripheral: [1], block: [null, { qdev: 1, inserted: "x" }], cpus: [], memory: [{ data: { id: "dimm0", size: "1e999" } }] },
  ],
])("a monitor that answers %s has nothing but its board", (_, answers) => {
  const live = liveMachine(before, wanted, answers);
  expect(live.devices.map(({ kind }) => kind)).toEqual(["ide", "ide"]);
  expect(live).toMatchObject({ vcpus: 1, memoryMiB: 128 });
});
