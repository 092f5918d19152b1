import fc from "fast-check";
import { expect, test } from "vitest";
import type { DatastorePath } from "../../base/index.ts";
import { formatVmx, readVmx, type VirtualDevice, type VirtualDeviceConfigSpec, type Vmx, vmxKeys } from "../../wire/index.ts";
import { esxiVmx } from "./esxi.fixture.ts";
import { machineSpecOf } from "./machine-spec.ts";
import {
  add,
  cdrom,
  create,
  deviceByKey,
  deviceOf,
  disk,
  edit,
  nic,
  place,
  read,
  reconfigure,
  refusal,
  remove,
  scsi,
  serial,
  vm,
  vmxOf,
} from "./vm-config.fixture.ts";

const withDisks = () => create({ deviceChange: [add(scsi(-1)), add(disk(-2, -1), "create"), add(disk(-3, -1), "create"), add(nic(-4))] });
const pathOf = ({ datastore, path }: DatastorePath) => `[${datastore}] ${path}`;

test("units and names are given out in order, past the controller's own id", () => {
  const disks = Array.from({ length: 9 }, (_, i) => add(disk(-10 - i, -1), "create"));
  const plan = create({ deviceChange: [...disks, add(scsi(-1))] });
  const made = read(plan.vmx).hardware.device?.filter(({ $type }) => $type === "VirtualDisk") ?? [];
  expect(made.map(({ unitNumber }) => unitNumber)).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9]);
  expect(plan.disksToCreate.map(({ descriptor }) => descriptor.path)).toEqual([
    "web/web.vmdk",
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => `web/web_${n}.vmdk`),
  ]);
});

test.each([
  ["nothing", "", "[datastore1] web/web.vmdk"],
  ["its datastore", "[datastore1]", "[datastore1] web/web.vmdk"],
  ["another datastore", "[second] ", "[second] web.vmdk"],
  ["a file", "[second] disks/a.vmdk", "[second] disks/a.vmdk"],
  ["a bare name", "a.vmdk", "[datastore1] web/a.vmdk"],
])("a new disk of which the client names %s goes where that says", (_, fileName, expected) => {
  const plan = create({ deviceChange: [add(disk(-1, 200, {}, { fileName }), "create")] });
  expect(plan.disksToCreate.map(({ descriptor }) => pathOf(descriptor))).toEqual([expected]);
  expect(deviceByKey(plan.vmx, 3000)).toMatchObject({ backing: { fileName: expected } });
});

test.each([
  ["AHCI", "VirtualAHCIController", "vmx-09", "vmx-10"],
  ["NVMe", "VirtualNVMEController", "vmx-12", "vmx-13"],
])("an %s controller is not for hardware that is older than it", (_, type, version, since) => {
  const spec = { version, deviceChange: [add(deviceOf(type, -1, { busNumber: 0 }))] };
  const fields = { deviceIndex: 0, property: "virtualDeviceSpec.device", currentVersion: version, expectedVersion: since };
  expect(refusal(() => create(spec))).toMatchObject({ fault: "DeviceUnsupportedForVmVersion", fields });
  expect(create({ ...spec, version: since }).vmx).toBeDefined();
});

test("a new disk does not take the name of a file that is there", () => {
  const taken = ["web/web.vmdk", "web/web_1.vmdk"];
  const plan = create({ deviceChange: [add(disk(-1, 200), "create")] }, { isTaken: ({ path }) => taken.includes(path) });
  expect(plan.disksToCreate[0]?.descriptor.path).toBe("web/web_2.vmdk");
});

test.each([
  ["thin", { thinProvisioned: true }, { provisioning: "thin" }],
  ["eager zeroed", { eagerlyScrub: true }, { provisioning: "eagerZeroedThick" }],
  ["lazy zeroed", {}, { provisioning: "thick" }],
  ["with a UUID", { uuid: "6000C29a-1b2c-3d4e-5f60-718293a4b5c6" }, { uuid: "6000c29a1b2c3d4e5f60718293a4b5c6" }],
])("a %s disk is planned so", (_, backing, expected) => {
  expect(create({ deviceChange: [add(disk(-1, 200, {}, backing), "create")] }).disksToCreate[0]?.disk).toMatchObject({
    adapterType: "ide",
    capacityBytes: 1024 ** 3,
    ...expected,
  });
});

test("bytes are meant where a client says bytes, in whole KB", () => {
  const size = (extra: object) =>
    create({ deviceChange: [add(disk(-1, 200, { ...extra }), "create")] }).disksToCreate[0]?.disk.capacityBytes;
  expect(size({ capacityInKB: 1, capacityInBytes: 5000 })).toBe(5120);
  expect(size({ capacityInKB: 8 })).toBe(8192);
});

test("a disk that is there is attached, and must be looked at", () => {
  const plan = create({ deviceChange: [add(disk(-1, 200, {}, { fileName: "[second] old/old.vmdk" }))] });
  expect([plan.disksToCreate, plan.disksToAttach.map(pathOf)]).toEqual([[], ["[second] old/old.vmdk"]]);
  expect(readVmx(plan.vmx, "ide0:0.fileName")).toBe("/vmfs/volumes/64a1b2c4-0d1e2f3a-4b5c-525400112233/old/old.vmdk");
});

test("a replaced disk is made anew", () => {
  const plan = create({ deviceChange: [add(disk(-1, 200, {}, { fileName: "a.vmdk" }), "replace")] });
  expect(plan.disksToCreate).toMatchObject([{ descriptor: { path: "web/a.vmdk" }, replaces: true }]);
});

test("a removed disk goes from the .vmx with all its keys, and from the datastore only when that is asked", () => {
  const { vmx } = reconfigure(withDisks().vmx, {
    extraConfig: [{ key: "scsi0:1.ctkEnabled", value: { anyType: "string", value: "TRUE" } }],
  });
  const second = deviceByKey(vmx, 2001) as VirtualDevice;
  const kept = reconfigure(vmx, { deviceChange: [remove(second)] });
  expect(kept.disksToDelete).toEqual([]);
  expect(vmxKeys(kept.vmx).filter((key) => key.includes("scsi0:1"))).toEqual([]);
  expect(vmxKeys(kept.vmx).filter((key) => key.includes("scsi0:0")).length).toBeGreaterThan(0);
  expect(reconfigure(vmx, { deviceChange: [remove(second, "destroy")] }).disksToDelete.map(pathOf)).toEqual([
    "[datastore1] web/web_1.vmdk",
  ]);
});

test("a controller goes when nothing hangs on it, also together with what does", () => {
  const { vmx } = withDisks();
  const of = (key: number) => deviceByKey(vmx, key) as VirtualDevice;
  expect(refusal(() => reconfigure(vmx, { deviceChange: [remove(of(1000))] })).message).toContain("Hard disk 1 hangs on SCSI controller 0");
  const { vmx: after } = reconfigure(vmx, { deviceChange: [remove(of(1000)), remove(of(2000)), remove(of(2001))] });
  expect(vmxKeys(after).filter((key) => /scsi/i.test(key))).toEqual([]);
});

test("a place that one change frees is another's in the same spec", () => {
  const { vmx } = withDisks();
  const plan = reconfigure(vmx, {
    deviceChange: [
      add(disk(-1, 1000, { unitNumber: 0 }, { fileName: "new.vmdk" }), "create"),
      remove(deviceByKey(vmx, 2000) as VirtualDevice, "destroy"),
    ],
  });
  expect(deviceByKey(plan.vmx, 2000)).toMatchObject({ backing: { fileName: "[datastore1] web/new.vmdk" } });
  expect(plan.disksToDelete.map(pathOf)).toEqual(["[datastore1] web/web.vmdk"]);
});

test("a disk moves to another unit with all its keys", () => {
  const { vmx } = reconfigure(withDisks().vmx, {
    extraConfig: [{ key: "scsi0:1.ctkEnabled", value: { anyType: "string", value: "TRUE" } }],
  });
  const moved = reconfigure(vmx, { deviceChange: [edit({ ...(deviceByKey(vmx, 2001) as VirtualDevice), unitNumber: 5 })] }).vmx;
  expect(deviceByKey(moved, 2005)).toMatchObject({ unitNumber: 5, backing: { fileName: "[datastore1] web/web_1.vmdk" } });
  expect(readVmx(moved, "scsi0:5.ctkEnabled")).toBe("TRUE");
  expect(vmxKeys(moved).filter((key) => key.includes("scsi0:1"))).toEqual([]);
});

test("a drive gets an image, loses it and gets another", () => {
  const { vmx } = create({ deviceChange: [add(cdrom(-1, 201))] });
  expect(deviceByKey(vmx, 3002)).toMatchObject({ backing: { $type: "VirtualCdromRemotePassthroughBackingInfo" } });
  const inserted = reconfigure(vmx, { deviceChange: [edit(cdrom(3002, 201, "[second] a.iso"))] }).vmx;
  expect(deviceByKey(inserted, 3002)).toMatchObject({
    backing: { fileName: "[second] a.iso" },
    deviceInfo: { summary: "ISO [second] a.iso" },
  });
  const ejected = reconfigure(inserted, {
    deviceChange: [
      edit(
        deviceOf("VirtualCdrom", 3002, { backing: { $type: "VirtualCdromRemoteAtapiBackingInfo", deviceName: "", useAutoDetect: false } }),
      ),
    ],
  }).vmx;
  expect(deviceByKey(ejected, 3002)).toMatchObject({ backing: { $type: "VirtualCdromRemoteAtapiBackingInfo" } });
  expect(readVmx(ejected, "ide1:0.fileName")).toBeUndefined();
});

test("removing the floppy drive leaves the key that says so", () => {
  const { vmx } = create({
    deviceChange: [
      add(deviceOf("VirtualFloppy", -1, { backing: { $type: "VirtualFloppyImageBackingInfo", fileName: "[datastore1] a.flp" } })),
    ],
  });
  expect(deviceByKey(vmx, 8000)).toMatchObject({ backing: { fileName: "[datastore1] a.flp" } });
  const after = reconfigure(vmx, { deviceChange: [remove(deviceByKey(vmx, 8000) as VirtualDevice)] }).vmx;
  expect(vmxKeys(after).filter((key) => key.startsWith("floppy0"))).toEqual(["floppy0.present"]);
  expect(readVmx(after, "floppy0.present")).toBe("FALSE");
});

test("addresses of adapters are generated from the VM's UUID, each another, none that another VM has", () => {
  const changes = [
    add(nic(-1)),
    add(nic(-2, { addressType: "assigned" })),
    add(nic(-3, { addressType: "generated", macAddress: "00:50:56:00:00:01" })),
  ];
  const uuid = "564d0000-0000-0000-0000-0000000000ff";
  const macs = (vmx: Vmx) => read(vmx).hardware.device?.flatMap((device) => ("macAddress" in device ? [device.macAddress] : []));
  expect(macs(create({ uuid, deviceChange: changes }).vmx)).toEqual(["00:0c:29:00:00:ff", "00:0c:29:00:01:09", "00:0c:29:00:01:13"]);
  const macsInUse = new Set(["00:0c:29:00:00:ff", "00:0c:29:00:01:00"]);
  expect(macs(create({ uuid, deviceChange: changes.slice(0, 1) }, { macsInUse }).vmx)).toEqual(["00:0c:29:00:01:01"]);
});

test.each([
  ["00:50:56:00:00:01", "manual", undefined],
  ["00:50:56:3F:FF:FF", "manual", undefined],
  ["52-54-00-12-34-56", "manual", "FALSE"],
  ["00:50:56:80:00:01", "assigned", undefined],
  ["00:50:56:00:00:02", "", undefined],
])("an adapter may have %s, %s", (macAddress, addressType, check) => {
  const { vmx } = create({ deviceChange: [add(nic(-1, { macAddress, addressType }))] });
  expect(deviceByKey(vmx, 4000)).toMatchObject({ macAddress: macAddress.toLowerCase().replaceAll("-", ":") });
  expect(readVmx(vmx, "ethernet0.checkMACAddress")).toBe(check);
  const [machine] = machineSpecOf(vmx, { ...place, vm }).devices.filter(({ kind }) => kind === "nic");
  expect(machine).toMatchObject({ model: "vmxnet3", mac: macAddress.toLowerCase().replaceAll("-", ":") });
});

test.each([
  ["leads to the network that it names", ["VM Network"], { network: "VM Network", connected: true }],
  ["leads nowhere when its network is not there, and is there all the same", ["dmz"], { network: "VM Network" }],
])("the cable of an adapter %s", (_, networks, expected) => {
  const { vmx } = create({ deviceChange: [add(nic(-1))] });
  const [machine] = machineSpecOf(vmx, { ...place, vm, networks }).devices.filter(({ kind }) => kind === "nic");
  expect(machine).toEqual({ kind: "nic", key: 4000, model: "vmxnet3", mac: expect.any(String), ...expected });
});

test.each([
  ["VirtualE1000", "e1000"],
  ["VirtualE1000e", "e1000e"],
  ["VirtualVmxnet3", "vmxnet3"],
  ["VirtualEthernetCard", "virtio"],
])("an adapter of the type %s is %s by name, in its .vmx and in its monitor", (type, name) => {
  const { vmx } = create({ deviceChange: [add(nic(-1, {}, type))] });
  expect(readVmx(vmx, "ethernet0.virtualDev")).toBe(name);
  expect(read(vmx).hardware.device?.find(({ key }) => key === 4000)?.$type).toBe(type);
  expect(machineSpecOf(vmx, { ...place, vm }).devices.find(({ kind }) => kind === "nic")).toMatchObject({ model: name });
});

test("an adapter of a model that nobody knows is refused by name when the VM is started", () => {
  const vmx = vmxOf(`memsize = "64"\nethernet0.present = "TRUE"\nethernet0.virtualDev = "warp"\n`);
  expect(() => machineSpecOf(vmx, { ...place, vm })).toThrow("there is no VMXNET adapter here");
});

test("an adapter is moved to another network of the host, and to none that it has not", () => {
  const to = (deviceName: string) => nic(4000, { backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName } });
  const { vmx } = create({ deviceChange: [add(nic(-1))] });
  expect(readVmx(reconfigure(vmx, { deviceChange: [edit(to("dmz"))] }).vmx, "ethernet0.networkName")).toBe("dmz");
  expect(refusal(() => reconfigure(vmx, { deviceChange: [edit(to("VM network"))] })).fault).toBe("InvalidDeviceBacking");
});

test.each([
  ["00:50:56:00:00:01", "", true],
  ["52:54:00:12:34:56", "", false],
  ["52:54:00:12:34:56", "FALSE", true],
  ["00:50:56:80:00:01", "TRUE", false],
])("a VM that comes with the chosen address %s and checkMACAddress %j is started: %s", (address, check, isStarted) => {
  const text = `ethernet0.present = "TRUE"\nethernet0.virtualDev = "e1000"\nethernet0.addressType = "static"\nethernet0.address = "${address}"\n`;
  const attempt = () =>
    machineSpecOf(vmxOf(`memsize = "64"\n${text}${check && `ethernet0.checkMACAddress = "${check}"\n`}`), { ...place, vm });
  if (isStarted) expect(attempt().devices.filter(({ kind }) => kind === "nic")).toHaveLength(1);
  else expect(refusal(attempt).fault).toBe("DeviceNotSupported");
});

const flatBacking = (changes: Readonly<Record<string, unknown>>) => disk(-1, 200, {}, changes);
test.each<[string, readonly VirtualDeviceConfigSpec[], string, object]>([
  ["no such type", [add(deviceOf("VirtualController", -1, { busNumber: 0 }))], "InvalidDeviceSpec", { deviceIndex: 0 }],
  ["no operation", [{ device: nic(-1) }], "InvalidDeviceSpec", { property: "virtualDeviceSpec.device.operation" }],
  ["no controller", [add(disk(-1, undefined), "create")], "MissingController", { deviceIndex: 0 }],
  [
    "a controller that is not there",
    [add(nic(-2)), add(disk(-1, 1000), "create")],
    "InvalidController",
    { deviceIndex: 1, controllerKey: 1000 },
  ],
  ["a NIC as its controller", [add(nic(-2)), add(disk(-1, 4000), "create")], "InvalidController", { controllerKey: 4000 }],
  [
    "the controller's own unit",
    [add(scsi(-2)), add(disk(-1, -2, { unitNumber: 7 }), "create")],
    "InvalidDeviceSpec",
    { property: "virtualDeviceSpec.device.unitNumber" },
  ],
  ["a unit beyond the bus", [add(disk(-1, 200, { unitNumber: 2 }), "create")], "InvalidDeviceSpec", {}],
  [
    "a unit that is taken",
    [add(disk(-1, 200, { unitNumber: 0 }), "create"), add(disk(-2, 200, { unitNumber: 0 }), "create")],
    "InvalidDeviceSpec",
    { deviceIndex: 1 },
  ],
  ["a third disk on IDE", [-1, -2, -3].map((key) => add(disk(key, 200), "create")), "TooManyDevices", {}],
  ["a fifth SCSI controller", [-1, -2, -3, -4, -5].map((key) => add(scsi(key))), "TooManyDevices", {}],
  ["an eleventh NIC", Array.from({ length: 11 }, (_, i) => add(nic(-1 - i))), "TooManyDevices", {}],
  [
    "a second xHCI controller",
    [-1, -2].map((key) => add(deviceOf("VirtualUSBXHCIController", key, { busNumber: 0 }))),
    "TooManyDevices",
    {},
  ],
  ["a third IDE controller", [add(deviceOf("VirtualIDEController", -1, { busNumber: 2 }))], "InvalidDeviceSpec", {}],
  [
    "a bus that VMs share",
    [add(scsi(-1, { sharedBus: "physicalSharing" }))],
    "InvalidDeviceSpec",
    { property: "virtualDeviceSpec.device.sharedBus" },
  ],
  [
    "no size",
    [add(disk(-1, 200, { capacityInKB: 0 }), "create")],
    "InvalidDeviceSpec",
    { property: "virtualDeviceSpec.device.capacityInKB" },
  ],
  ["a negative size", [add(disk(-1, 200, { capacityInKB: -8 }), "create")], "InvalidDeviceSpec", {}],
  ["a size over 62 TB", [add(disk(-1, 200, { capacityInKB: 63 * 1024 ** 3 }), "create")], "InvalidDeviceSpec", {}],
  [
    "fewer operations a second than can be counted",
    [add(disk(-1, 200, { storageIOAllocation: { limit: 15 } }), "create")],
    "InvalidArgument",
    { invalidProperty: "virtualDeviceSpec.device.storageIOAllocation.limit" },
  ],
  [
    "reserved operations, of which there are none",
    [add(disk(-1, 200, { storageIOAllocation: { reservation: 100 } }), "create")],
    "InvalidArgument",
    { invalidProperty: "storageIOAllocation.reservation" },
  ],
  ["no backing", [add(deviceOf("VirtualDisk", -1, { controllerKey: 200, capacityInKB: 8 }), "create")], "InvalidDeviceBacking", {}],
  [
    "a raw disk",
    [
      add(
        deviceOf("VirtualDisk", -1, {
          controllerKey: 200,
          capacityInKB: 8,
          backing: { $type: "VirtualDiskRawDiskMappingVer1BackingInfo", fileName: "" },
        }),
        "create",
      ),
    ],
    "DeviceBackingNotSupported",
    { backing: "VirtualDiskRawDiskMappingVer1BackingInfo" },
  ],
  ["several writers", [add(flatBacking({ sharing: "sharingMultiWriter" }), "create")], "DeviceBackingNotSupported", {}],
  ["an unknown mode", [add(flatBacking({ diskMode: "forever" }), "create")], "InvalidDeviceBacking", {}],
  [
    "a mode that is not offered",
    [add(flatBacking({ diskMode: "undoable" }), "create")],
    "VirtualDiskModeNotSupported",
    { mode: "undoable" },
  ],
  ["a file outside", [add(flatBacking({ fileName: "[datastore1] ../../etc/x.vmdk" }), "create")], "InvalidDatastorePath", {}],
  ["a path of the host", [add(flatBacking({ fileName: "/etc/x.vmdk" }), "create")], "InvalidDatastorePath", {}],
  ["another host's datastore", [add(flatBacking({ fileName: "[elsewhere] x.vmdk" }), "create")], "InvalidDatastore", { name: "elsewhere" }],
  ["an extent's name", [add(flatBacking({ fileName: "[datastore1] web/x-flat.vmdk" }))], "InvalidDatastorePath", {}],
  ["no disk's name", [add(flatBacking({ fileName: "[datastore1] web/web.vmx" }), "create")], "InvalidDatastorePath", {}],
  ["nothing to attach", [add(flatBacking({ fileName: "" }))], "InvalidDatastorePath", {}],
  [
    "one disk twice",
    [-1, -2].map((key) => add(disk(key, 200, {}, { fileName: "[datastore1] a/a.vmdk" }))),
    "InvalidDeviceSpec",
    { deviceIndex: 1 },
  ],
  [
    "one name for two disks",
    [-1, -2].map((key) => add(disk(key, 200, {}, { fileName: "a.vmdk" }), "create")),
    "InvalidDeviceSpec",
    { deviceIndex: 1 },
  ],
  ["a file to destroy while it comes", [add(disk(-1, 200), "destroy")], "InvalidDeviceSpec", {}],
  ["a file operation on a NIC", [add(nic(-1), "create")], "InvalidDeviceSpec", { property: "virtualDeviceSpec.device.fileOperation" }],
  [
    "a storage policy",
    [{ ...add(disk(-1, 200), "create"), profile: [{ $type: "VirtualMachineDefinedProfileSpec", profileId: "x" } as never] }],
    "InvalidDeviceSpec",
    {},
  ],
  ["another VM's disk as a CD", [add(cdrom(-1, 200, "[datastore1] b/b-flat.vmdk"))], "InvalidDeviceBacking", {}],
  ["a CD outside", [add(cdrom(-1, 200, "[datastore1] ../x.iso"))], "InvalidDatastorePath", {}],
  ["a CD on NVMe", [add(deviceOf("VirtualNVMEController", -2, { busNumber: 0 })), add(cdrom(-1, -2))], "InvalidDeviceBacking", {}],
  ["a serial port into a disk", [add(serial(-1, "[datastore1] b/b-flat.vmdk"))], "InvalidDeviceBacking", {}],
  ["a serial port into a .vmx", [add(serial(-1, "[datastore1] b/b.VMX"))], "InvalidDeviceBacking", {}],
  [
    "a serial port on a TCP port of the machine's own services",
    [
      add(
        deviceOf("VirtualSerialPort", -1, {
          yieldOnPoll: true,
          backing: { $type: "VirtualSerialPortURIBackingInfo", serviceURI: "tcp://:1", direction: "server" },
        }),
      ),
    ],
    "InvalidDeviceBacking",
    {},
  ],
  [
    "a serial port on a device of the host",
    [
      add(
        deviceOf("VirtualSerialPort", -1, {
          yieldOnPoll: true,
          backing: { $type: "VirtualSerialPortDeviceBackingInfo", deviceName: "/dev/ttyS0", useAutoDetect: false },
        }),
      ),
    ],
    "DeviceBackingNotSupported",
    {},
  ],
  ["a fifth serial port", Array.from({ length: 5 }, (_, i) => add(serial(-1 - i, `c${i}.log`))), "TooManyDevices", {}],
  [
    "a port group of another switch",
    [
      add(
        deviceOf("VirtualE1000", -1, {
          backing: { $type: "VirtualEthernetCardDistributedVirtualPortBackingInfo", port: { switchUuid: "x" } },
        }),
      ),
    ],
    "DeviceBackingNotSupported",
    {},
  ],
  [
    "no MAC address",
    [add(nic(-1, { addressType: "manual", macAddress: "hello" }))],
    "InvalidDeviceSpec",
    { property: "virtualDeviceSpec.device.macAddress" },
  ],
  ["the address of all", [add(nic(-1, { addressType: "manual", macAddress: "ff:ff:ff:ff:ff:ff" }))], "InvalidDeviceSpec", {}],
  ["the address of nobody", [add(nic(-1, { addressType: "manual", macAddress: "00:00:00:00:00:00" }))], "InvalidDeviceSpec", {}],
  ["an address of vCenter's", [add(nic(-1, { addressType: "manual", macAddress: "00:50:56:40:00:00" }))], "InvalidDeviceSpec", {}],
  [
    "a network that the host has not",
    [add(nic(-1, { backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "none" } }))],
    "InvalidDeviceBacking",
    { deviceIndex: 0 },
  ],
  [
    "no network by its empty name",
    [add(nic(-1, { backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "" } }))],
    "InvalidDeviceBacking",
    {},
  ],
  ["an address twice", [-1, -2].map((key) => add(nic(key, { macAddress: "00:50:56:00:00:01" }))), "InvalidDeviceSpec", { deviceIndex: 1 }],
  ["an unknown address type", [add(nic(-1, { addressType: "lucky", macAddress: "00:50:56:00:00:01" }))], "InvalidDeviceSpec", {}],
  ["too little video memory", [edit(deviceOf("VirtualMachineVideoCard", 500, { videoRamSizeInKB: 1 }))], "InvalidArgument", {}],
  ["a device to edit that is not there", [edit(nic(4000))], "DeviceNotFound", { deviceIndex: 0 }],
  ["a device to remove that is not there", [remove(nic(4000))], "DeviceNotFound", { deviceIndex: 0 }],
  ["a part of the board to remove", [remove(deviceOf("VirtualKeyboard", 600))], "InvalidDeviceSpec", {}],
  ["a device edited into another", [add(nic(-1)), edit(nic(4000, {}, "VirtualE1000"))], "InvalidDeviceSpec", { deviceIndex: 1 }],
  ["too many changes", Array.from({ length: 600 }, () => add(nic(-1))), "InvalidArgument", { invalidProperty: "configSpec.deviceChange" }],
])("a change with %s is refused", (_, deviceChange, fault, fields) => {
  const refused = refusal(() => create({ deviceChange }));
  expect(refused.fault).toBe(fault);
  expect(refused.fields).toMatchObject(fields);
});

test("an address of another VM is refused", () => {
  const attempt = () =>
    create({ deviceChange: [add(nic(-1, { macAddress: "00:50:56:00:00:01" }))] }, { macsInUse: new Set(["00:50:56:00:00:01"]) });
  expect(refusal(attempt)).toMatchObject({ fault: "InvalidDeviceSpec", message: expect.stringContaining("in use") });
});

test("a disk grows with its file, and never shrinks", () => {
  const { vmx } = withDisks();
  const known = { ...read(vmx) };
  const devices = known.hardware.device?.map((device) =>
    device.key === 2000 ? { ...device, capacityInKB: 1024, capacityInBytes: 1024 ** 2 } : device,
  );
  const config = { hardware: { ...known.hardware, ...(devices && { device: devices }) } };
  const sized = (capacityInKB: number, fileName = "") =>
    reconfigure(vmx, { deviceChange: [edit(disk(2000, 1000, { capacityInKB, unitNumber: 0 }, { fileName }))] }, { config } as never);
  expect(sized(2048).disksToExtend.map(({ descriptor, capacityBytes }) => [descriptor.path, capacityBytes])).toEqual([
    ["web/web.vmdk", 2048 * 1024],
  ]);
  expect(sized(1024).disksToExtend).toEqual([]);
  for (const attempt of [() => sized(512), () => sized(63 * 1024 ** 3), () => sized(2048, "[datastore1] other.vmdk")])
    expect(refusal(attempt).fields).toMatchObject({ property: "virtualDeviceSpec.device.capacityInKB" });
});

test("a device that this host does not offer can be removed from an ESXi-made VM", () => {
  const vmx = vmxOf(
    `${esxiVmx}sound.present = "TRUE"\nsound.virtualDev = "hdaudio"\nscsi3.present = "TRUE"\nscsi3.virtualDev = "buslogic"\n`,
  );
  const devices = [5000, 1003].map((key) => deviceByKey(vmx, key) as VirtualDevice);
  const after = reconfigure(vmx, { deviceChange: devices.map((device) => remove(device)) }).vmx;
  expect(formatVmx(after)).toBe(esxiVmx);
});

type Step = { readonly kind: string; readonly pick: number };
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    "scsi",
    "lsi",
    "sata",
    "nvme",
    "disk",
    "disk",
    "disk",
    "cdrom",
    "nic",
    "nic",
    "e1000",
    "serial",
    "floppy",
    "xhci",
    "usb",
    "remove",
    "remove",
    "edit",
  ),
  pick: fc.nat(1000),
});

/** A change that a client could well make in the VM's present state, or none. */
function changeFor({ kind, pick }: Step, vmx: Vmx): VirtualDeviceConfigSpec | undefined {
  const devices = read(vmx).hardware.device ?? [];
  const any = <T>(list: readonly T[]): T | undefined => list[pick % Math.max(list.length, 1)];
  const controllers = devices.filter(({ $type }) => /(SCSI|SAS|AHCI|NVME|IDE|Logic).*Controller/.test($type ?? ""));
  switch (kind) {
    case "scsi":
      return add(scsi(-1, { busNumber: pick % 4 }));
    case "lsi":
      return add(scsi(-1, {}, pick % 2 === 0 ? "VirtualLsiLogicController" : "VirtualLsiLogicSASController"));
    case "sata":
      return add(deviceOf("VirtualAHCIController", -1, { busNumber: 0 }));
    case "nvme":
      return add(deviceOf("VirtualNVMEController", -1, { busNumber: 0 }));
    case "disk":
      return add(disk(-1, any(controllers)?.key, {}, { diskMode: pick % 2 === 0 ? "persistent" : "independent_nonpersistent" }), "create");
    case "cdrom":
      return add(cdrom(-1, any(controllers)?.key ?? 200, pick % 2 === 0 ? `[second] ${pick}.iso` : undefined));
    case "nic":
      return add(nic(-1, { unitNumber: pick % 20 }));
    case "e1000":
      return add(nic(-1, {}, ["VirtualE1000", "VirtualE1000e", "VirtualEthernetCard"][pick % 3]));
    case "serial":
      return add(serial(-1, `[datastore1] web/${pick}.log`));
    case "floppy":
      return add(deviceOf("VirtualFloppy", -1));
    case "xhci":
      return add(deviceOf("VirtualUSBXHCIController", -1, { busNumber: 0 }));
    case "usb":
      return add(deviceOf("VirtualUSBController", -1, { busNumber: 0, ehciEnabled: pick % 2 === 0 }));
    case "edit": {
      const device = any(devices.filter(({ connectable }) => connectable !== undefined));
      return (
        device && edit({ ...device, connectable: { startConnected: pick % 2 === 0, allowGuestControl: pick % 3 === 0, connected: false } })
      );
    }
    default: {
      const device = any(devices.filter(({ key }) => ![100, 200, 201, 300, 400, 500, 600, 700, 12_000].includes(key)));
      return device && remove(device, device.$type === "VirtualDisk" && pick % 2 === 0 ? "destroy" : undefined);
    }
  }
}

test("any sequence of changes keeps keys, places, files and addresses apart, and says what was asked", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      let { vmx } = create();
      for (const one of steps) {
        const change = changeFor(one, vmx);
        if (change === undefined) continue;
        const before = read(vmx).hardware.device ?? [];
        try {
          const plan = reconfigure(vmx, { deviceChange: [change] });
          vmx = vmxOf(formatVmx(plan.vmx));
          checkResult(before, read(vmx).hardware.device ?? [], change);
        } catch (error) {
          expect(error).toMatchObject({ fault: expect.stringMatching(/^(TooManyDevices|InvalidDeviceSpec|InvalidDeviceBacking)$/) });
        }
        checkApart(read(vmx).hardware.device ?? []);
        expect(machineSpecOf(vmx, { ...place, vm }).devices.length).toBe((read(vmx).hardware.device ?? []).length - 5); // all but the board
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);

function checkApart(devices: readonly VirtualDevice[]): void {
  const unique = (values: readonly unknown[]) => expect(new Set(values).size).toBe(values.length);
  unique(devices.map(({ key }) => key));
  unique(
    devices
      .filter(({ controllerKey }) => controllerKey !== undefined && controllerKey !== 100)
      .map(({ $type, controllerKey, unitNumber }) => `${controllerKey === 400 ? $type : ""} ${controllerKey}:${unitNumber}`),
  );
  unique(devices.flatMap((device) => (isDisk(device) ? [(device.backing as { fileName?: string }).fileName] : [])));
  unique(devices.flatMap((device) => ("macAddress" in device ? [device.macAddress] : [])));
  for (const { controllerKey } of devices)
    if (controllerKey !== undefined) expect(devices.some(({ key }) => key === controllerKey)).toBe(true);
}

function isDisk({ $type }: VirtualDevice): boolean {
  return $type === "VirtualDisk";
}

function checkResult(
  before: readonly VirtualDevice[],
  after: readonly VirtualDevice[],
  { operation, device }: VirtualDeviceConfigSpec,
): void {
  const keys = (devices: readonly VirtualDevice[]) => devices.map(({ key }) => key);
  switch (operation) {
    case "add": {
      const fresh = after.filter(({ key }) => !keys(before).includes(key));
      expect(fresh.length).toBe(1);
      expect(fresh[0]?.$type).toBe(device.$type);
      if (device.controllerKey !== undefined) expect(fresh[0]?.controllerKey).toBe(device.controllerKey);
      const fileName = (device.backing as { fileName?: string } | undefined)?.fileName;
      if (fileName?.includes(".")) expect(fresh[0]?.backing).toMatchObject({ fileName });
      return;
    }
    case "edit":
      expect(keys(after)).toEqual(keys(before));
      expect(after.find(({ key }) => key === device.key)?.connectable).toMatchObject({
        startConnected: device.connectable?.startConnected,
      });
      return;
    default:
      expect(keys(after)).toEqual(keys(before).filter((key) => key !== device.key));
  }
}
