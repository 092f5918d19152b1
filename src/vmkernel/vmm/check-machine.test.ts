import { expect, test } from "vitest";
import type { Fault } from "../../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../machine.ts";
import { checkMachine } from "./check-machine.ts";
import { diskOn, everyDevice, machineWith } from "./machine.fixture.ts";

const host = { memoryMiB: 4096, logicalCpus: 8 };
const pvscsi: DeviceSpec = { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" };
const nvme: DeviceSpec = { kind: "nvme", key: 31000, bus: 0 };
const nic = { kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01" } as const;

function withMemory(memoryHotAdd: NonNullable<MachineSpec["memoryHotAdd"]>): MachineSpec {
  return machineWith([], { memoryMiB: 512, memoryHotAdd });
}

test("a machine with one of everything can exist", () => {
  expect(checkMachine(machineWith(everyDevice, { bootOrder: [3002, 2000] }), host)).toEqual(
    machineWith(everyDevice, { bootOrder: [3002, 2000] }),
  );
});

const refused: readonly [string, string, MachineSpec, RegExp][] = [
  ["no virtual CPU", "NumVirtualCpusNotSupported", machineWith([], { vcpus: 0 }), /0 virtual CPUs/],
  ["more virtual CPUs than the platform", "NumVirtualCpusNotSupported", machineWith([], { vcpus: 256 }), /256/],
  ["more virtual CPUs than the host", "NotEnoughCpus", machineWith([], { vcpus: 9 }), /8 logical CPUs/],
  ["cores that do not divide", "NumVirtualCoresPerSocketNotSupported", machineWith([], { vcpus: 4, coresPerSocket: 3 }), /sockets of 3/],
  ["no core per socket", "NumVirtualCoresPerSocketNotSupported", machineWith([], { coresPerSocket: 0 }), /sockets of 0/],
  ["no memory", "MemorySizeNotSupported", machineWith([], { memoryMiB: 0 }), /0 MB/],
  ["memory that is no multiple of 4", "MemorySizeNotSupported", machineWith([], { memoryMiB: 127 }), /multiple of 4/],
  ["more memory than the host", "InsufficientMemoryResourcesFault", machineWith([], { memoryMiB: 8192 }), /4096 MB/],
  ["room for more virtual CPUs than the host has", "NumVirtualCpusNotSupported", machineWith([], { vcpusMax: 9 }), /from 1 to 9/],
  ["room for fewer virtual CPUs than it has", "NumVirtualCpusNotSupported", machineWith([], { vcpus: 2, vcpusMax: 1 }), /from 2 to 1/],
  ["room for half a socket", "NumVirtualCpusNotSupported", machineWith([], { vcpus: 2, coresPerSocket: 2, vcpusMax: 3 }), /sockets of 2/],
  ["room for more memory than the host has", "MemorySizeNotSupported", withMemory({ maxMiB: 8192, addedMiB: [] }), /of 8192 MB/],
  ["room for less memory than it has", "MemorySizeNotSupported", withMemory({ maxMiB: 64, addedMiB: [] }), /of 64 MB/],
  ["a memory module of odd size", "MemorySizeNotSupported", withMemory({ maxMiB: 1024, addedMiB: [100] }), /modules of 100 MB/],
  ["memory of modules alone", "MemorySizeNotSupported", withMemory({ maxMiB: 1024, addedMiB: [256, 256] }), /modules of 256 and 256 MB/],
  [
    "another try at booting by EFI",
    "InvalidVmConfig",
    machineWith([], { firmware: { kind: "efi", nvram: diskOn(1, 0).descriptor }, bootRetryMs: 1000 }),
    /UEFI firmware does not/,
  ],
  ["two devices of one key", "InvalidDeviceSpec", machineWith([pvscsi, { ...nvme, key: 1000 }]), /nvme 1000 has the key of scsi 1000/],
  ["two controllers on one bus", "InvalidDeviceSpec", machineWith([pvscsi, { ...pvscsi, key: 1001 }]), /scsi bus 0/],
  ["a fifth SCSI bus", "InvalidDeviceSpec", machineWith([{ ...pvscsi, bus: 4 }]), /bus 4/],
  ["a third IDE channel", "InvalidDeviceSpec", machineWith([{ kind: "ide", key: 202, bus: 2 }]), /bus 2/],
  [
    "two disks at one place",
    "InvalidDeviceSpec",
    machineWith([pvscsi, diskOn(1000, 0), diskOn(1000, 0, 2001)]),
    /unit 0 of controller 1000/,
  ],
  ["a disk on the controller's own unit", "InvalidDeviceSpec", machineWith([pvscsi, diskOn(1000, 7)]), /unit 7/],
  ["a disk past the last unit", "InvalidDeviceSpec", machineWith([pvscsi, diskOn(1000, 16)]), /unit 16/],
  ["a disk without its controller", "MissingController", machineWith([diskOn(1000, 0)]), /controller 1000/],
  ["a disk on a NIC", "InvalidController", machineWith([nic, diskOn(4000, 0)]), /nic 4000/],
  ["a CD drive on NVMe", "InvalidController", machineWith([nvme, { kind: "cdrom", key: 2, controllerKey: 31000, unit: 0 }]), /NVMe/],
  [
    "an LSI Logic target that QEMU lacks",
    "DeviceUnsupportedForVmPlatform",
    machineWith([{ ...pvscsi, model: "lsilogic" }, diskOn(1000, 8)]),
    /lsi53c895a has targets 0–6/,
  ],
  [
    "an AHCI port that QEMU lacks",
    "DeviceUnsupportedForVmPlatform",
    machineWith([{ kind: "ahci", key: 15000, bus: 0 }, diskOn(15000, 6)]),
    /ports 0–5/,
  ],
  [
    "a serial port on the machine's SSH port",
    "InvalidDeviceSpec",
    machineWith([{ kind: "serial", key: 9000, unit: 0, wire: { kind: "listen", host: "0.0.0.0", port: 22, telnet: false } }]),
    /port 22/,
  ],
  [
    "a serial port that listens on a name",
    "InvalidDeviceSpec",
    machineWith([{ kind: "serial", key: 9000, unit: 0, wire: { kind: "listen", host: "localhost", port: 2001, telnet: false } }]),
    /no address/,
  ],
  ["a fifth serial port", "DeviceUnsupportedForVmPlatform", machineWith([{ kind: "serial", key: 9004, unit: 4 }]), /port 5/],
  ["a third floppy drive", "InvalidDeviceSpec", machineWith([{ kind: "floppy", key: 8002, unit: 2 }]), /unit 2/],
  ["a NIC without a place", "InvalidDeviceSpec", machineWith([{ ...nic, key: 4010 }]), /4000 to 4009/],
  ["a NIC with a multicast address", "InvalidDeviceSpec", machineWith([{ ...nic, mac: "01:00:5e:00:00:01" }]), /no address of one station/],
  ["a NIC without an address", "InvalidDeviceSpec", machineWith([{ ...nic, mac: "00:00:00:00:00:00" }]), /no address of one station/],
  [
    "two video cards",
    "TooManyDevices",
    machineWith([
      { kind: "video", key: 500, vramKiB: 4096 },
      { kind: "video", key: 501, vramKiB: 4096 },
    ]),
    /1 video/,
  ],
  ["video memory without end", "InvalidDeviceSpec", machineWith([{ kind: "video", key: 500, vramKiB: 1 << 30 }]), /video memory/],
  ["a boot order that names nothing", "InvalidVmConfig", machineWith([], { bootOrder: [2000] }), /2000/],
  ["a boot order that names a controller", "InvalidVmConfig", machineWith([pvscsi], { bootOrder: [1000] }), /scsi 1000/],
  ["a boot order that says a disk twice", "InvalidVmConfig", machineWith([pvscsi, diskOn(1000, 0)], { bootOrder: [2000, 2000] }), /twice/],
];

test.each(refused)("%s is refused with %s", (_, name, machine, message) => {
  const thrown = faultOf(() => checkMachine(machine, host));
  expect(thrown.fault).toBe(name);
  expect(thrown.message).toMatch(message);
});

test("the fault of a device says which one of the list it is", () => {
  expect(faultOf(() => checkMachine(machineWith([pvscsi, nvme, diskOn(4242, 0)]), host)).fields).toMatchObject({ deviceIndex: 2 });
});

function faultOf(deed: () => unknown): Fault {
  try {
    deed();
  } catch (thrown) {
    return thrown as Fault;
  }
  throw new Error("nothing was refused");
}
