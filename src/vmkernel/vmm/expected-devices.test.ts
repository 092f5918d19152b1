import { expect, test } from "vitest";
import { deviceId, expectedDevices, keyOfDeviceId } from "./expected-devices.ts";
import { everyDevice, machineWith } from "./machine.fixture.ts";

test("a VM without devices still has its chipset, and nothing else", () => {
  expect(expectedDevices(machineWith([]))).toEqual({
    pci: [
      { slot: 0, function: 0, id: "8086:1237", what: "440FX host bridge" },
      { slot: 1, function: 0, id: "8086:7000", what: "PIIX3 ISA bridge" },
      { slot: 1, function: 1, id: "8086:7010", what: "PIIX3 IDE" },
      { slot: 1, function: 3, id: "8086:7113", what: "PIIX4 ACPI" },
    ],
    block: [],
    serial: [],
    flash: [],
  });
});

test("what is expected of a machine with one of everything", () => {
  expect(expectedDevices(machineWith(everyDevice))).toMatchSnapshot();
});

test("an id gives back the key that it was made of; the chipset's ids give none", () => {
  expect(keyOfDeviceId(deviceId(2000))).toBe(2000);
  expect(["", "dev", "dev0", "device2000", "dev2000x"].map(keyOfDeviceId)).toEqual(Array(5).fill(undefined));
});
