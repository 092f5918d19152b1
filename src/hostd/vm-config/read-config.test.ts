import { expect, test } from "vitest";
import { formatVmx } from "../../wire/index.ts";
import { esxiVmx } from "./esxi.fixture.ts";
import { efiVariablesOf, machineSpecOf, serialFilesOf } from "./machine-spec.ts";
import { asRunning, diskPathsOf, readConfig } from "./read-config.ts";
import { deviceByKey, edit, place, read, reconfigure, refusal, vm, vmxOf } from "./vm-config.fixture.ts";

const vmx = vmxOf(esxiVmx);

test("an ESXi-made .vmx is read whole", () => {
  const { hardware, extraConfig, ...config } = read(vmx);
  expect(config).toMatchObject({
    name: "db-1",
    guestId: "rhel9_64Guest",
    guestFullName: "Red Hat Enterprise Linux 9 (64-bit)",
    version: "vmx-19",
    uuid: "564d0102-0304-0506-0708-090a0b0c0d0e",
    instanceUuid: "52010203-0405-0607-0809-0a0b0c0d0e0f",
    annotation: 'Owner: "ops"\nTicket 42',
    firmware: "efi",
    files: { vmPathName: "[datastore1] web/web.vmx", snapshotDirectory: "[datastore1] web" },
    flags: { diskUuidEnabled: true },
    defaultPowerOps: { powerOffType: "preset", suspendType: "soft" },
    cpuAllocation: { reservation: 0, limit: -1, shares: { level: "high", shares: 8000 } },
    memoryAllocation: { reservation: 1024, limit: -1, shares: { level: "normal", shares: 40_960 } },
    datastoreUrl: [{ name: "datastore1" }, { name: "second" }],
    bootOptions: {
      bootOrder: [
        { $type: "VirtualMachineBootOptionsBootableCdromDevice" },
        { $type: "VirtualMachineBootOptionsBootableDiskDevice", deviceKey: 32_000 },
        { $type: "VirtualMachineBootOptionsBootableDiskDevice", deviceKey: 2000 },
        { $type: "VirtualMachineBootOptionsBootableEthernetDevice", deviceKey: 4000 },
      ],
    },
  });
  expect(hardware).toMatchObject({ numCPU: 4, numCoresPerSocket: 2, memoryMB: 4096 });
  expect(
    hardware.device?.map(({ key, $type, deviceInfo }) => `${key} ${$type} «${deviceInfo?.label}» ${deviceInfo?.summary}`),
  ).toMatchSnapshot();
  expect(extraConfig?.map(({ key }) => key)).toEqual([
    "hpet0.present",
    "RemoteDisplay.maxConnections",
    "bios.bootRetry.delay",
    "powerType.powerOff",
    "powerType.suspend",
    "powerType.reset",
    "tools.upgrade.policy",
    "scsi0.pciSlotNumber",
    "ethernet0.pciSlotNumber",
    "cleanShutdown",
    "disk.EnableUUID",
    "guestinfo.userdata",
    "isolation.tools.copy.disable",
  ]);
});

test("its devices say what they are backed by", () => {
  expect(deviceByKey(vmx, 2016)).toMatchObject({
    controllerKey: 1001,
    unitNumber: 0,
    backing: { fileName: "[second] data/db-data.vmdk", diskMode: "independent_persistent" },
  });
  expect(deviceByKey(vmx, 16_000)).toMatchObject({
    backing: { $type: "VirtualCdromIsoBackingInfo", fileName: "[datastore1] iso/install.iso" },
  });
  expect(deviceByKey(vmx, 3000)).toMatchObject({
    backing: { $type: "VirtualCdromRemoteAtapiBackingInfo" },
    connectable: { startConnected: false },
  });
  expect(deviceByKey(vmx, 4000)).toMatchObject({
    macAddress: "00:0c:29:07:08:09",
    addressType: "generated",
    wakeOnLanEnabled: false,
    slotInfo: { pciSlotNumber: 192 },
  });
  expect(deviceByKey(vmx, 4001)).toMatchObject({ macAddress: "00:50:56:a1:02:03", addressType: "assigned", uptCompatibilityEnabled: true });
  expect(deviceByKey(vmx, 9000)).toMatchObject({ backing: { fileName: "[datastore1] web/console.txt" }, yieldOnPoll: true });
  expect(deviceByKey(vmx, 500)).toMatchObject({ videoRamSizeInKB: 8192 });
  expect(deviceByKey(vmx, 1000)).toMatchObject({ device: [2000], slotInfo: { pciSlotNumber: 160 } });
});

test("it gives the machine that a monitor runs", () => {
  expect(machineSpecOf(vmx, { ...place, vm, resumeFrom: { datastore: "datastore1", path: "web/db-1.vmss" } })).toMatchSnapshot();
});

test("one change of one device changes its lines alone", () => {
  const nic = deviceByKey(vmx, 4001);
  if (nic === undefined) throw new Error("no such device");
  const after = reconfigure(vmx, {
    deviceChange: [edit({ ...nic, connectable: { startConnected: false, allowGuestControl: true, connected: false } })],
  }).vmx;
  const before = esxiVmx.split("\n");
  const changed = formatVmx(after)
    .split("\n")
    .filter((line) => !before.includes(line));
  expect(changed).toEqual(['ethernet1.startConnected = "FALSE"']);
  expect(before.filter((line) => !formatVmx(after).split("\n").includes(line))).toEqual([]);
});

test("an empty spec changes nothing at all", () => {
  expect(formatVmx(reconfigure(vmx, {}).vmx)).toBe(esxiVmx);
});

test("every device edited to what it is leaves the VM as it was", () => {
  const devices = read(vmx).hardware.device ?? [];
  const after = reconfigure(vmx, { deviceChange: devices.map(edit) }).vmx;
  expect(read(after).hardware).toEqual(read(vmx).hardware);
});

test("disks get their sizes from their descriptions", () => {
  const description = {
    capacityBytes: 16 * 1024 ** 3,
    allocatedBytes: 0,
    provisioning: "thin",
    geometry: { cylinders: 1, heads: 64, sectors: 32 },
    adapterType: "lsilogic",
    uuid: "6000c29a1b2c3d4e5f60718293a4b5c6",
    contentId: "fffffffe",
    extents: [],
    parents: [],
    children: [],
  } as const;
  const config = readConfig(vmx, {
    ...place,
    disks: new Map([["[datastore1] web/db-1.vmdk", description]]),
    modifiedAtMs: 1_700_000_000_000,
  });
  expect(config.modified).toEqual(new Date(1_700_000_000_000));
  expect(config.hardware.device?.find(({ key }) => key === 2000)).toMatchObject({
    capacityInKB: 16_777_216,
    deviceInfo: { label: "Hard disk 1", summary: "16,777,216 KB" },
    backing: { thinProvisioned: true, uuid: "6000C29a-1b2c-3d4e-5f60-718293a4b5c6" },
  });
});

test.each([
  ["thin", true, undefined],
  ["thick", false, undefined],
  ["eagerZeroedThick", false, true],
] as const)("a %s disk is shown as one", (provisioning, thinProvisioned, eagerlyScrub) => {
  const disk = {
    capacityBytes: 512,
    allocatedBytes: 0,
    provisioning,
    adapterType: "ide",
    uuid: "0".repeat(32),
    contentId: "fffffffe",
    extents: [],
    parents: [],
    children: [],
  };
  const geometry = { cylinders: 1, heads: 16, sectors: 63 };
  const disks = new Map([["[datastore1] web/db-1.vmdk", { ...disk, geometry }]]);
  const found = readConfig(vmx, { ...place, disks, modifiedAtMs: 0 }).hardware.device?.find(({ key }) => key === 2000);
  const { backing } = found as { backing?: { thinProvisioned?: boolean; eagerlyScrub?: boolean } };
  expect([backing?.thinProvisioned, backing?.eagerlyScrub]).toEqual([thinProvisioned, eagerlyScrub]);
});

test("a running VM shows connected what its monitor has connected", () => {
  const connected = (...disconnected: number[]) => {
    const devices = asRunning(read(vmx), { disconnected }).hardware.device ?? [];
    return [4000, 16_000, 3000].map((key) => devices.find((device) => device.key === key)?.connectable?.connected);
  };
  expect(connected(3000)).toEqual([true, true, false]);
  expect(connected(4000, 16_000, 3000)).toEqual([false, false, false]);
});

test("a running VM that can grow says how far, and in which steps", () => {
  expect(asRunning(read(vmx), { disconnected: [] })).not.toHaveProperty("hotPlugMemoryLimit");
  expect(asRunning(read(vmx), { disconnected: [], memoryHotAdd: { maxMiB: 1024, addedMiB: [] } })).toMatchObject({
    hotPlugMemoryLimit: 1024,
    hotPlugMemoryIncrementSize: 128,
  });
});

test("the files of its devices are named", () => {
  expect(diskPathsOf(vmx, place.vmxPath, place.datastores).map(({ datastore, path }) => `[${datastore}] ${path}`)).toEqual([
    "[datastore1] web/db-1.vmdk",
    "[second] data/db-data.vmdk",
    "[datastore1] web/db-1_1.vmdk",
  ]);
  expect(serialFilesOf(vmx, place.vmxPath, place.datastores)).toEqual([{ datastore: "datastore1", path: "web/console.txt" }]);
  expect(efiVariablesOf(place)).toEqual({ datastore: "datastore1", path: "web/web.efivars" });
});

test("an almost empty .vmx is shown, with what it lacks as it would run", () => {
  const bare = vmxOf('memSize = "64"\n');
  const config = read(bare);
  expect(config).toMatchObject({ name: "web", guestId: "otherGuest", hardware: { numCPU: 1, memoryMB: 64 } });
  expect(config.uuid).toMatch(/^564d[0-9a-f]{4}-/);
  expect(read(bare).uuid).toBe(config.uuid);
  expect(machineSpecOf(bare, { ...place, vm }).devices.map(({ kind }) => kind)).toEqual(["ide", "ide", "video"]);
});

test.each([
  ["no memory size", 'numvcpus = "1"', "InvalidVmConfig", "no proper memSize"],
  ["a memory size that is none", 'memSize = "lots"', "InvalidVmConfig", "no proper memSize"],
  ["a negative memory size", 'memSize = "-4"', "InvalidVmConfig", "no proper memSize"],
  ["half a CPU", 'memSize = "64"\nnumvcpus = "0.5"', "InvalidVmConfig", "no proper numvcpus"],
  ["an unknown firmware", 'memSize = "64"\nfirmware = "coreboot"', "InvalidVmConfig", "no proper firmware"],
  ["secure boot", 'memSize = "64"\nuefi.secureBoot.enabled = "TRUE"', "InvalidVmConfig", "UEFI secure boot"],
  ["memory of one NUMA node", 'memSize = "64"\nnuma.nodeAffinity = "1"', "InvalidVmConfig", "Memory of chosen NUMA nodes"],
  ["swap in its own folder", 'memSize = "64"\nsched.swap.placement = "vmDirectory"', "InvalidVmConfig", "Swap in the VM's folder"],
  ["nested virtualization", 'memSize = "64"\nvhv.enable = "TRUE"', "InvalidVmConfig", "Nested virtualization"],
  ["encryption", 'memSize = "64"\nencryption.keySafe = "vmware:key/list"', "InvalidVmConfig", "Encryption"],
  [
    "a disk in no datastore of this host",
    'memSize = "64"\nide0:0.present = "TRUE"\nide0:0.fileName = "/vmfs/volumes/elsewhere/a.vmdk"',
    "FileNotFound",
    "/vmfs/volumes/elsewhere/a.vmdk",
  ],
  [
    "a disk outside the datastores",
    'memSize = "64"\nide0:0.present = "TRUE"\nide0:0.fileName = "/etc/shadow"',
    "FileNotFound",
    "/etc/shadow",
  ],
  [
    "a disk in the folder above",
    'memSize = "64"\nide0:0.present = "TRUE"\nide0:0.fileName = "../other/a.vmdk"',
    "FileNotFound",
    "../other/a.vmdk",
  ],
  [
    "one disk twice",
    'memSize = "64"\nide0:0.present = "TRUE"\nide0:0.fileName = "a.vmdk"\nide0:1.present = "TRUE"\nide0:1.fileName = "a.vmdk"',
    "FileLocked",
    "twice",
  ],
  [
    "another VM's disk as a CD",
    'memSize = "64"\nide0:0.present = "TRUE"\nide0:0.deviceType = "cdrom-image"\nide0:0.fileName = "/vmfs/volumes/datastore1/b/b-flat.vmdk"',
    "DeviceBackingNotSupported",
    "b-flat.vmdk",
  ],
  [
    "another VM's disk as a serial log",
    'memSize = "64"\nserial0.present = "TRUE"\nserial0.fileName = "/vmfs/volumes/datastore1/b/b-flat.vmdk"',
    "DeviceBackingNotSupported",
    "b-flat.vmdk",
  ],
  [
    "an undoable disk",
    'memSize = "64"\nide0:0.present = "TRUE"\nide0:0.fileName = "a.vmdk"\nide0:0.mode = "undoable"',
    "VirtualDiskModeNotSupported",
    "undoable",
  ],
])("a .vmx with %s does not run", (_, text, fault, message) => {
  const hostile = vmxOf(`${text}\n`);
  read(hostile); // it is shown all the same
  const refused = refusal(() => machineSpecOf(hostile, { ...place, vm }));
  expect(refused.fault).toBe(fault);
  expect(refused.message).toContain(message);
});

test("an empty drive, a drive of the host and one that starts disconnected are empty drives", () => {
  const text = [
    'ide0:0.present = "TRUE"\nide0:0.deviceType = "atapi-cdrom"\nide0:0.fileName = "/vmfs/devices/cdrom/mpx.vmhba1"',
    'ide0:1.present = "TRUE"\nide0:1.deviceType = "cdrom-raw"',
    'ide1:0.present = "TRUE"\nide1:0.deviceType = "cdrom-image"\nide1:0.fileName = "a.iso"\nide1:0.startConnected = "FALSE"',
  ].join("\n");
  const { devices } = machineSpecOf(vmxOf(`memSize = "64"\n${text}\n`), { ...place, vm });
  expect(devices.filter(({ kind }) => kind === "cdrom")).toEqual([
    { kind: "cdrom", key: 3000, controllerKey: 200, unit: 0 },
    { kind: "cdrom", key: 3001, controllerKey: 200, unit: 1 },
    { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0 },
  ]);
});
