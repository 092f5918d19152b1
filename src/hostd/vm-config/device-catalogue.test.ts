import { expect, test } from "vitest";
import { subtypesOf } from "../../wire/index.ts";
import { catalogueRow, DEVICE_CATALOGUE, isDeviceType } from "./device-catalogue.ts";
import { machineSpecOf } from "./machine-spec.ts";
import { add, create, deviceOf, place, read, refusal, vm, vmxOf } from "./vm-config.fixture.ts";

test("every device type of the schema has its row, and no row is of another type", () => {
  expect(Object.keys(DEVICE_CATALOGUE).toSorted()).toEqual([...new Set(["VirtualDevice", ...subtypesOf("VirtualDevice")])].toSorted());
});

test.each(["__proto__", "toString", "VirtualDiskFlatVer2BackingInfo", ""])("%j is no device type", (type) => {
  expect(isDeviceType(type)).toBe(false);
  expect(catalogueRow(type)).toBeUndefined();
});

const requiredFields = {
  busNumber: 0,
  sharedBus: "noSharing",
  autoConnectDevices: false,
  connected: false,
  runOnBoot: false,
  running: false,
  capacityInMB: 1,
  yieldOnPoll: false,
  capacityInKB: 1024,
};
const fieldsOf = (type: string) => {
  const known: Readonly<Record<string, readonly (keyof typeof requiredFields)[]>> = {
    VirtualBusLogicController: ["busNumber", "sharedBus"],
    VirtualUSBController: ["busNumber"],
    VirtualNVDIMMController: ["busNumber"],
    VirtualUSB: ["connected"],
    VirtualWDT: ["runOnBoot", "running"],
    VirtualNVDIMM: ["capacityInMB"],
  };
  return Object.fromEntries((known[type] ?? []).map((name) => [name, requiredFields[name]]));
};

test.each(
  Object.entries(DEVICE_CATALOGUE)
    .filter(([, row]) => row.machine === "notOffered")
    .map(([type, row]) => [type, row.name] as const),
)("a client that adds a %s is told that %s is not supported", (type, name) => {
  const change = add(deviceOf(type, -1, fieldsOf(type)));
  const { fault, message, fields } = refusal(() => create({ deviceChange: [change] }));
  expect({ fault, fields }).toEqual({
    fault: "DeviceUnsupportedForVmPlatform",
    fields: { deviceIndex: 0, property: "virtualDeviceSpec.device" },
  });
  expect(message).toContain(name);
});

test.each([
  ["BusLogic", 'scsi0.present = "TRUE"\nscsi0.virtualDev = "buslogic"', "VirtualBusLogicController", 1000],
  ["a shared bus", 'scsi0.present = "TRUE"\nscsi0.sharedBus = "physical"', "VirtualLsiLogicController", 1000],
  ["PCnet32", 'ethernet0.present = "TRUE"', "VirtualPCNet32", 4000],
  ["VMXNET 2", 'ethernet1.present = "TRUE"\nethernet1.virtualDev = "vmxnet2"', "VirtualVmxnet2", 4001],
  ["SR-IOV", 'ethernet0.present = "TRUE"\nethernet0.virtualDev = "sriov"', "VirtualSriovEthernetCard", 4000],
  ["a USB device", 'usb:1.present = "TRUE"\nusb:1.deviceType = "generic"', "VirtualUSB", 7002],
  ["a sound card", 'sound.present = "TRUE"', "VirtualEnsoniq1371", 5000],
  ["HD audio", 'sound.present = "TRUE"\nsound.virtualDev = "hdaudio"', "VirtualHdAudioCard", 5000],
  ["a TPM", 'vtpm.present = "TRUE"', "VirtualTPM", 11_000],
  ["PCI passthrough", 'pciPassthru1.present = "TRUE"', "VirtualPCIPassthrough", 13_001],
  [
    "SCSI passthrough",
    'scsi0.present = "TRUE"\nscsi0:3.present = "TRUE"\nscsi0:3.deviceType = "scsi-passthru"',
    "VirtualSCSIPassthrough",
    2003,
  ],
  ["a parallel port", 'parallel0.present = "TRUE"', "VirtualParallelPort", 10_000],
  ["a precision clock", 'precisionclock0.present = "TRUE"', "VirtualPrecisionClock", 19_000],
  ["a watchdog", 'vwdt.present = "TRUE"', "VirtualWDT", 18_000],
  [
    "an encrypted serial port",
    'serial0.present = "TRUE"\nserial0.fileType = "network"\nserial0.fileName = "telnets://:2001"',
    "VirtualSerialPort",
    9000,
  ],
  [
    "a serial port on a port of the machine's own services",
    'serial0.present = "TRUE"\nserial0.fileType = "network"\nserial0.fileName = "telnet://:22"',
    "VirtualSerialPort",
    9000,
  ],
  [
    "a serial port on a pipe that is a path",
    'serial0.present = "TRUE"\nserial0.fileType = "pipe"\nserial0.fileName = "/tmp/pipe"',
    "VirtualSerialPort",
    9000,
  ],
  [
    "a serial port on a device",
    'serial0.present = "TRUE"\nserial0.fileType = "device"\nserial0.fileName = "/dev/ttyS0"',
    "VirtualSerialPort",
    9000,
  ],
  [
    "a disk that several VMs write",
    'sata0.present = "TRUE"\nsata0:0.present = "TRUE"\nsata0:0.fileName = "a.vmdk"\nsata0:0.sharing = "multi-writer"',
    "VirtualDisk",
    16_000,
  ],
])("a .vmx with %s is shown whole and refused at power-on", (_, text, type, key) => {
  const vmx = vmxOf(`memSize = "512"\n${text}\n`);
  expect(read(vmx).hardware.device?.find((device) => device.key === key)?.$type).toBe(type);
  const { fault, message } = refusal(() => machineSpecOf(vmx, { ...place, vm }));
  expect(fault).toMatch(/^Device(Backing)?NotSupported$/);
  expect(message).toMatch(/SCSI|adapter|USB|[Ss]ound|audio|TPM|PCI|Parallel|clock|Watchdog|Serial|disk/);
});

test.each([
  ["USB 1", 'usb.present = "TRUE"', { ehciEnabled: false }, "uhci"],
  ["USB 2", 'usb.present = "TRUE"\nehci.present = "TRUE"', { ehciEnabled: true }, "ehci"],
])("a .vmx with a %s controller gives the machine one", (_, text, fields, model) => {
  const vmx = vmxOf(`memSize = "512"\n${text}\n`);
  expect(read(vmx).hardware.device?.find(({ key }) => key === 7000)).toMatchObject({ $type: "VirtualUSBController", ...fields });
  expect(machineSpecOf(vmx, { ...place, vm }).devices).toContainEqual({ kind: "usb", key: 7000, model });
});
