import { expect, test } from "vitest";
import type { DiskDescription, MachineSpec } from "../../vmkernel/index.ts";
import {
  updateVmx,
  type VirtualDevice,
  type VirtualDisk,
  type VirtualMachineConfigSpec,
  VMX_BYTES_MAX,
  type Vmx,
} from "../../wire/index.ts";
import { planHotChange } from "./hot-change.ts";
import { machineSpecOf } from "./machine-spec.ts";
import { planReconfigure } from "./plan-config.ts";
import { readConfig } from "./read-config.ts";
import { context, place, read, vm, vmxOf } from "./vm-config.fixture.ts";

const vmx = vmxOf(`
virtualHW.version = "21"
guestOS = "other-64"
memSize = "256"
numvcpus = "1"
vcpu.hotadd = "TRUE"
mem.hotadd = "TRUE"
scsi0.present = "TRUE"
scsi0.virtualDev = "pvscsi"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "vmxnet3"
ethernet0.addressType = "generated"
ethernet0.generatedAddress = "00:0c:29:00:00:01"
ide1:0.present = "TRUE"
ide1:0.deviceType = "cdrom-image"
ide1:0.fileName = "install.iso"
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "console.log"
`);
const running = machineSpecOf(vmx, { ...place, vm, host: context.host });

/** The machine that a spec leads to. */
function hot(spec: VirtualMachineConfigSpec, before: MachineSpec = running, from: Vmx = vmx): MachineSpec {
  const config = read(from);
  const plan = planReconfigure(from, spec, { ...context, config });
  const devices = config.hardware.device ?? [];
  return planHotChange({ ...place, vm, host: context.host, before, vmx: from, plan, devices, changes: spec.deviceChange ?? [] });
}
const edit = (device: VirtualDevice) => [{ operation: "edit" as const, device }];
const deviceAt = (key: number): VirtualDevice => {
  const found = read(vmx).hardware.device?.find((device) => device.key === key);
  if (found === undefined) throw new Error(`there is no device ${key}`);
  return found;
};
const connectable = (connected: boolean, startConnected = true) => ({ startConnected, allowGuestControl: true, connected });
const find = (machine: MachineSpec, key: number) => machine.devices.find((device) => device.key === key);
const without = (key: number, ...others: MachineSpec["devices"]): MachineSpec => ({
  ...running,
  devices: [...running.devices.filter((device) => device.key !== key), ...others],
});
const unplugged = without(4000, { kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01" });
const ejected = without(3002, { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0 });

test("a VM that can grow is powered on with room for its host's processors and sixteen times its memory", () => {
  expect(running).toMatchObject({ vcpusMax: 4, memoryHotAdd: { maxMiB: 4096, addedMiB: [] } });
  const fixed = machineSpecOf(vmxOf('memSize = "256"\n'), { ...place, vm, host: context.host });
  expect([fixed.vcpusMax, fixed.memoryHotAdd]).toEqual([undefined, undefined]);
});

test("a VM that was given memory is resumed with the modules that it had, and its room is what it was", () => {
  const suspended = vmxOf('memSize = "512"\nmem.hotadd = "TRUE"\ncheckpoint.memoryAdded = "128,128"\n');
  const room = (resumeFrom?: MachineSpec["resumeFrom"]) =>
    machineSpecOf(suspended, { ...place, vm, host: context.host, ...(resumeFrom && { resumeFrom }) }).memoryHotAdd;
  expect(room(place.vmxPath)).toEqual({ maxMiB: 4096, addedMiB: [128, 128] });
  expect(room()).toEqual({ maxMiB: 8192, addedMiB: [] });
});

test("what the monitor does not know of changes without a step", () => {
  expect(hot({ annotation: "x".repeat(VMX_BYTES_MAX / 16), cpuAllocation: { reservation: 100 } })).toEqual(running);
  expect(hot({ bootOptions: { bootDelay: 5 } })).toEqual({ ...running, bootDelayMs: 5 }); // of the next power-on
});

test("what a client sends back as it is asks for nothing", () => {
  expect(
    hot({ version: "vmx-21", guestId: "otherGuest64", numCPUs: 1, memoryMB: 256, cpuHotAddEnabled: true, nestedHVEnabled: false }),
  ).toEqual(running);
});

test("memory that is added is one more module, after those that came before", () => {
  const grown = hot({ memoryMB: 384 });
  expect(grown).toMatchObject({ memoryMiB: 384, memoryHotAdd: { maxMiB: 4096, addedMiB: [128] } });
  const again = vmxOf('memSize = "384"\nvcpu.hotadd = "TRUE"\nmem.hotadd = "TRUE"\n');
  const before = { ...machineSpecOf(again, { ...place, vm, host: context.host }), memoryHotAdd: { maxMiB: 4096, addedMiB: [128] } };
  expect(hot({ memoryMB: 640 }, before, again).memoryHotAdd?.addedMiB).toEqual([128, 256]);
});

test.each<[string, VirtualMachineConfigSpec, MachineSpec, number, object]>([
  ["a cable that is pulled", { deviceChange: edit({ ...deviceAt(4000), connectable: connectable(false) }) }, running, 4000, unplugged],
  ["a cable that is plugged in", { deviceChange: edit({ ...deviceAt(4000), connectable: connectable(true) }) }, unplugged, 4000, running],
  [
    "a cable whose place at power-on alone changes",
    { deviceChange: edit({ ...deviceAt(4000), connectable: connectable(true, false) }) },
    running,
    4000,
    running,
  ],
  ["a cable that nobody speaks of", { annotation: "x" }, unplugged, 4000, unplugged],
  ["a medium that is taken out", { deviceChange: edit({ ...deviceAt(3002), connectable: connectable(false) }) }, running, 3002, ejected],
  ["a medium that was taken out, and nobody speaks of", { annotation: "x" }, ejected, 3002, ejected],
])("%s", (_, spec, before, key, after) => {
  const machine = after as MachineSpec;
  expect(find(hot(spec, before), key)).toEqual(find(machine, key));
});

test("an adapter moves to another network, and its firewall changes, while its guest runs", () => {
  const backing = { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "dmz" } as VirtualDevice["backing"];
  const wired = updateVmx(vmx, { "ethernet0.networkName": "VM Network" });
  const before = machineSpecOf(wired, { ...place, vm, host: context.host });
  const moved = hot({ deviceChange: edit({ ...deviceAt(4000), backing, connectable: connectable(true) }) }, before, wired);
  expect(find(moved, 4000)).toMatchObject({ network: "dmz", connected: true });
  const value = { anyType: "string", value: "deny" } as const;
  const guarded = hot({ extraConfig: [{ key: "ethernet0.firewall.otherwise", value }] }, before, wired);
  expect(find(guarded, 4000)).toMatchObject({ connected: true, firewall: { rules: [], otherwise: "deny" } });
});

test("a disk grows while its guest runs, unless a snapshot lies beneath it or it hangs on something else than SCSI", () => {
  const grow = (prefix: string, parents: DiskDescription["parents"]) => {
    const controllers = ["scsi0", "sata0"].map((bus) => `${bus}.present = "TRUE"`).join("\n");
    const from = vmxOf(
      `virtualHW.version = "21"\nguestOS = "other-64"\nmemSize = "256"\nnumvcpus = "1"\n${controllers}\n${prefix}.present = "TRUE"\n${prefix}.fileName = "v.vmdk"\n`,
    );
    const known = {
      capacityBytes: 1024 ** 2,
      allocatedBytes: 0,
      provisioning: "thin",
      adapterType: "lsilogic",
      uuid: "6".repeat(32),
    } as const;
    const more = { contentId: "12345678", extents: [], children: [], geometry: { cylinders: 1, heads: 255, sectors: 63 }, parents };
    const config = readConfig(from, { ...place, disks: new Map([["[datastore1] web/v.vmdk", { ...known, ...more }]]) });
    const devices = config.hardware.device ?? [];
    const [disk] = devices.filter(({ $type }) => $type === "VirtualDisk") as VirtualDisk[];
    const changes = edit({ ...disk, capacityInKB: 2048, capacityInBytes: 2048 * 1024 } as VirtualDisk);
    const before = machineSpecOf(from, { ...place, vm, host: context.host });
    const plan = planReconfigure(from, { deviceChange: changes }, { ...context, config });
    expect(plan.disksToExtend).toHaveLength(1);
    return planHotChange({ ...place, vm, host: context.host, before, vmx: from, plan, devices, changes });
  };
  expect(grow("scsi0:0", []).devices).toContainEqual(expect.objectContaining({ kind: "disk", key: 2000 }));
  expect(() => grow("scsi0:0", [place.vmxPath])).toThrow(expect.objectContaining({ fault: "InvalidState" }));
  const onSata = { fault: "InvalidDeviceOperation", fields: expect.objectContaining({ deviceIndex: 0, badOp: "edit" }) };
  expect(() => grow("sata0:0", [])).toThrow(expect.objectContaining(onSata));
});

test.each<[string, VirtualMachineConfigSpec, string, object]>([
  ["another guest", { guestId: "debian12_64Guest" }, "InvalidPowerState", {}],
  ["another UUID", { uuid: "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f6" }, "InvalidPowerState", {}],
  ["another UUID of the instance", { instanceUuid: "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f6" }, "InvalidPowerState", {}],
  ["no hot add any more", { memoryHotAddEnabled: false }, "InvalidPowerState", {}],
  ["other cores a socket", { numCPUs: 2, numCoresPerSocket: 2 }, "InvalidPowerState", {}],
  ["a share of hyperthreads", { flags: { htSharing: "none" } }, "InvalidPowerState", {}],
  ["memory in odd steps", { memoryMB: 260 }, "MemoryHotPlugNotSupported", {}],
  [
    "a serial port that goes",
    { annotation: "x", deviceChange: [{ operation: "remove", device: { key: 9000, $type: "VirtualSerialPort" } }] },
    "InvalidDeviceOperation",
    { deviceIndex: 0, badOp: "remove" },
  ],
  [
    "an adapter with another address",
    {
      deviceChange: [
        ...edit({ ...deviceAt(3002) }),
        ...edit({ ...deviceAt(4000), addressType: "manual", macAddress: "00:50:56:00:00:09" } as VirtualDevice),
      ],
    },
    "InvalidDeviceOperation",
    { deviceIndex: 1, badOp: "edit" },
  ],
])("%s: what can't be while it runs is refused by name", (_, spec, name, fields) => {
  expect(() => hot(spec)).toThrow(expect.objectContaining({ fault: name, fields: expect.objectContaining(fields) }));
});
