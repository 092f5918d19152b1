import { expect, test } from "vitest";
import { compareDevices } from "./compare-devices.ts";
import { machineWith } from "./machine.fixture.ts";

const chipset = [
  [0, 0, 0x8086, 0x1237],
  [1, 0, 0x8086, 0x7000],
  [1, 1, 0x8086, 0x7010],
  [1, 3, 0x8086, 0x7113],
] as const;
const pci = (...functions: readonly (readonly [number, number, number, number])[]) => [
  {
    bus: 0,
    devices: functions.map(([slot, pciFunction, vendor, device]) => ({ bus: 0, slot, function: pciFunction, id: { vendor, device } })),
  },
];
const machine = machineWith({ kind: "serial", key: 9000, unit: 0 });
const qmp = { processors: [], pci: pci(...chipset), block: [], chardev: [], vnc: [], qtree: '      dev: isa-serial, id "dev9000"\n' };

test("the chipset and the configured serial port are all that there is", () => {
  expect(compareDevices(machine, qmp)).toMatchObject({ missing: [], surplus: [] });
});

test.each([
  ["a PCI device that nobody configured", { ...qmp, pci: pci(...chipset, [9, 0, 0x15ad, 0x07b0]) }, "PCI 9.0 15ad:07b0"],
  [
    "a disk without a key",
    { ...qmp, block: [{ qdev: "/machine/unattached/device[3]", inserted: { ro: false } }] },
    "block device without a key",
  ],
  ["another VM's disk", { ...qmp, block: [{ qdev: "dev2001", inserted: { ro: false } }] }, "block device 2001"],
  ["a second serial port", { ...qmp, qtree: `${qmp.qtree}dev: isa-serial, id "dev9001"` }, "serial port 9001"],
  ["the same serial port twice", { ...qmp, qtree: qmp.qtree + qmp.qtree }, "serial port 9000"],
])("%s is surplus", (_, found, surplus) => {
  expect(compareDevices(machine, found).surplus).toEqual([surplus]);
});

test("a configured device that QEMU does not show is missing", () => {
  expect(compareDevices(machine, { ...qmp, qtree: "" }).missing).toEqual(["serial port 9000"]);
});

test.each([[undefined], [null], ["text"], [{ devices: 1 }], [[{ devices: [{}] }]]])(
  "an answer of %j is a difference, not a failure",
  (answer) => {
    expect(compareDevices(machine, { ...qmp, pci: answer }).missing).toContain("PCI 0.0 8086:1237");
  },
);
