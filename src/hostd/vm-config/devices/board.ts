/** What every VM's board has, without a key in the .vmx. Pure. */
import type { VirtualController, VirtualDevice, VirtualPointingDevice } from "../../../wire/index.ts";
import { KEY } from "../limits.ts";
import { type DeviceFamily, describe } from "./family.ts";

const board: readonly VirtualDevice[] = [
  controller("VirtualPCIController", KEY.pci, "PCI controller 0"),
  controller("VirtualPS2Controller", KEY.ps2, "PS2 controller 0"),
  controller("VirtualSIOController", KEY.sio, "SIO controller 0"),
  { $type: "VirtualKeyboard", key: KEY.keyboard, deviceInfo: describe("Keyboard", "Keyboard"), controllerKey: KEY.ps2, unitNumber: 0 },
  {
    $type: "VirtualPointingDevice",
    key: KEY.pointing,
    deviceInfo: describe("Pointing device", "Pointing device; Device"),
    backing: {
      $type: "VirtualPointingDeviceDeviceBackingInfo",
      deviceName: "",
      useAutoDetect: false,
      hostPointingDevice: "autodetect",
    } as VirtualPointingDevice["backing"],
    controllerKey: KEY.ps2,
    unitNumber: 1,
  },
];

function controller(type: string, key: number, label: string): VirtualController {
  return { $type: type, key, deviceInfo: describe(label, label), busNumber: 0 };
}

export const boardFamily: DeviceFamily = {
  read: () => board,
  // There is nothing in them that a client could change.
  accept: (device) => board.find(({ $type }) => $type === device.$type) ?? device,
  write: () => ({}),
  prefixOf: () => "",
  toMachine: () => undefined,
};
