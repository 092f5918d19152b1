import { expect, test } from "vitest";
import { formatVmx, readVmx, type VirtualMachineConfigSpec } from "../../wire/index.ts";
import { planUpgrade } from "./compute.ts";
import { machineSpecOf } from "./machine-spec.ts";
import { planCreate } from "./plan-config.ts";
import {
  add,
  cdrom,
  context,
  create,
  deviceOf,
  disk,
  nic,
  place,
  read,
  reconfigure,
  refusal,
  scsi,
  serial,
  vm,
  vmxOf,
} from "./vm-config.fixture.ts";

test("a VM with one of everything is written as ESXi writes it", () => {
  const plan = create({
    firmware: "efi",
    annotation: 'two\nlines and a "quote"',
    bootOptions: {
      bootDelay: 5000,
      bootOrder: [
        { $type: "VirtualMachineBootOptionsBootableDiskDevice", deviceKey: 2000 } as never,
        { $type: "VirtualMachineBootOptionsBootableEthernetDevice", deviceKey: 4000 } as never,
      ],
    },
    cpuAllocation: { reservation: 500, limit: 2000, shares: { level: "high", shares: 0 } },
    memoryAllocation: { reservation: 256 },
    extraConfig: [{ key: "guestinfo.hello", value: { anyType: "string", value: "world" } }],
    deviceChange: [
      add(disk(-101, -1, {}, { thinProvisioned: true }), "create"),
      add(scsi(-1)),
      add(nic(-103)),
      add(cdrom(-104, 201, "[datastore1] iso/install.iso")),
      add(serial(-105, "[datastore1] web/console.log")),
      add(deviceOf("VirtualUSBXHCIController", -106, { busNumber: 0 })),
    ],
  });
  expect(formatVmx(plan.vmx)).toMatchSnapshot();
  expect(plan.disksToCreate).toEqual([
    {
      descriptor: { datastore: "datastore1", path: "web/web.vmdk" },
      disk: { capacityBytes: 1024 ** 3, provisioning: "thin", adapterType: "lsilogic", uuid: "6000c290102030405060708090a0b0c0" },
      replaces: false,
    },
  ]);
  expect([plan.disksToAttach, plan.disksToDelete]).toEqual([[], []]);
  const { device } = read(plan.vmx).hardware;
  expect(device?.map(({ key }) => key)).toEqual([100, 200, 201, 300, 400, 500, 600, 700, 1000, 2000, 3002, 4000, 9000, 12_000, 14_000]);
});

test("a VM with nothing asked for has the devices that ESXi gives every VM, and runs", () => {
  const { vmx } = create();
  expect(read(vmx).hardware.device?.map(({ $type }) => $type)).toEqual([
    "VirtualPCIController",
    "VirtualIDEController",
    "VirtualIDEController",
    "VirtualPS2Controller",
    "VirtualSIOController",
    "VirtualMachineVideoCard",
    "VirtualKeyboard",
    "VirtualPointingDevice",
    "VirtualMachineVMCIDevice",
  ]);
  expect(machineSpecOf(vmx, { ...place, vm })).toMatchObject({ name: "web", memoryMiB: 512, vcpus: 2, firmware: { kind: "bios" } });
});

test("a client may list the devices that every VM has, and hang things on them by its own keys", () => {
  const { vmx } = create({
    deviceChange: [
      add(deviceOf("VirtualIDEController", -1, { busNumber: 1 })),
      add(deviceOf("VirtualPCIController", -2, { busNumber: 0 })),
      add(deviceOf("VirtualMachineVideoCard", -3, { videoRamSizeInKB: 16_384 })),
      add(disk(-4, -1), "create"),
    ],
  });
  expect(read(vmx).hardware.device?.find(({ $type }) => $type === "VirtualDisk")).toMatchObject({
    key: 3002,
    controllerKey: 201,
    unitNumber: 0,
  });
  expect(readVmx(vmx, "svga.vramSize")).toBe(String(16 * 1024 * 1024));
});

/** Everything that can be stored, one change each: what is asked for is what is read. */
const settable: readonly Partial<VirtualMachineConfigSpec>[] = [
  { name: "another name" },
  { annotation: "" },
  { annotation: 'a|b "c" é\n\tend' },
  { guestId: "windows2019srv_64Guest" },
  { version: "vmx-21" },
  { numCPUs: 4 },
  { memoryMB: 1024 },
  { uuid: "564d0000-1111-2222-3333-444455556666" },
  { instanceUuid: "52000000-1111-2222-3333-444455556666" },
  { locationId: "564d0000-1111-2222-3333-444455556666" },
  { alternateGuestName: "Our Linux" },
  { firmware: "efi" },
  { memoryHotAddEnabled: true },
  { cpuHotAddEnabled: true },
  { cpuHotRemoveEnabled: true },
  { changeTrackingEnabled: true },
  { nestedHVEnabled: true },
  { vPMCEnabled: true },
  { memoryReservationLockedToMax: true },
  { maxMksConnections: 1 },
  { guestAutoLockEnabled: true },
  { swapPlacement: "hostLocal" },
  { migrateEncryption: "required" },
  { ftEncryptionMode: "ftEncryptionRequired" },
  { managedBy: { extensionKey: "com.example", type: "appliance" } },
  { cpuAffinity: { affinitySet: [0, 3] } },
  { latencySensitivity: { level: "high" } },
  { cpuAllocation: { reservation: 100, limit: 200, shares: { level: "custom", shares: 1234 } } },
  { cpuAllocation: { shares: { level: "low", shares: 1000 } } },
  { memoryAllocation: { reservation: 128, limit: -1, shares: { level: "normal", shares: 5120 } } },
  {
    flags: {
      diskUuidEnabled: true,
      enableLogging: false,
      vvtdEnabled: true,
      htSharing: "none",
      virtualMmuUsage: "on",
      virtualExecUsage: "hvOn",
      snapshotPowerOffBehavior: "revert",
    },
  },
  {
    flags: {
      disableAcceleration: true,
      runWithDebugInfo: true,
      monitorType: "debug",
      snapshotDisabled: true,
      snapshotLocked: true,
      recordReplayEnabled: true,
      cbrcCacheEnabled: true,
      vbsEnabled: true,
    },
  },
  {
    bootOptions: {
      bootDelay: 3000,
      enterBIOSSetup: true,
      efiSecureBootEnabled: true,
      bootRetryEnabled: true,
      bootRetryDelay: 2000,
      networkBootProtocol: "ipv6",
    },
  },
  {
    tools: {
      afterPowerOn: false,
      afterResume: false,
      beforeGuestStandby: false,
      beforeGuestShutdown: false,
      beforeGuestReboot: true,
      toolsUpgradePolicy: "upgradeAtPowerCycle",
      syncTimeWithHost: true,
      syncTimeWithHostAllowed: false,
    },
  },
];

test.each(settable.map((spec) => [JSON.stringify(spec), spec] as const))("%s is stored, alone and at a VM's birth", (_, spec) => {
  const { vmx } = create({ version: "vmx-19" });
  for (const after of [reconfigure(vmx, spec).vmx, create(spec).vmx]) {
    const { hardware, ...config } = read(after);
    const shown = { ...config, numCPUs: hardware.numCPU, memoryMB: hardware.memoryMB };
    expect(shown).toMatchObject(spec);
  }
  // A second time it changes nothing.
  const once = reconfigure(vmx, spec).vmx;
  expect(formatVmx(reconfigure(once, spec).vmx)).toBe(formatVmx(once));
});

test("memory whose reservation is locked to it is reserved whole, also when it grows, and whatever a client sends beside it", () => {
  const { vmx } = create({ memoryMB: 512 });
  const locked = reconfigure(vmx, { memoryReservationLockedToMax: true, memoryAllocation: { reservation: 0 } }).vmx;
  expect(read(locked).memoryAllocation?.reservation).toBe(512);
  const grown = reconfigure(locked, { memoryMB: 1024 }).vmx;
  expect(read(grown).memoryAllocation?.reservation).toBe(1024);
  expect(formatVmx(grown)).toContain('sched.mem.min = "1024"');
  const limit = { fault: "InvalidArgument", fields: { invalidProperty: "configSpec.memoryAllocation.limit" } };
  expect(refusal(() => reconfigure(locked, { memoryAllocation: { limit: 511 } }))).toMatchObject(limit);
  const full = reconfigure(locked, { memoryAllocation: { limit: 512 } }).vmx;
  expect(refusal(() => reconfigure(full, { memoryMB: 1024 }))).toMatchObject(limit); // the limit was left behind
  const free = reconfigure(grown, { memoryReservationLockedToMax: false, memoryAllocation: { reservation: 64 } }).vmx;
  expect(read(free).memoryAllocation?.reservation).toBe(64);
  expect(read(vmxOf('memSize = "256"\nsched.mem.pin = "TRUE"\n')).memoryAllocation?.reservation).toBe(256);
});

test.each([
  ["sched.mem.maxmemctl", "-2"],
  ["sched.mem.maxmemctl", "much"],
  ["sched.mem.pshare.enable", "maybe"],
])("%s cannot be %s", (key, value) => {
  const { vmx } = create();
  expect(refusal(() => reconfigure(vmx, { extraConfig: [{ key, value: { anyType: "string", value } }] })).fault).toBe("InvalidArgument");
});

test("power operations are stored under their own name", () => {
  const { vmx } = create({
    powerOpInfo: { powerOffType: "hard", suspendType: "preset", resetType: "soft", standbyAction: "powerOnSuspend" },
  });
  expect(read(vmx).defaultPowerOps).toMatchObject({
    powerOffType: "hard",
    suspendType: "preset",
    resetType: "soft",
    standbyAction: "powerOnSuspend",
  });
});

test("cores a socket are kept, and 0 lets the host choose", () => {
  const { vmx } = create({ numCPUs: 4, numCoresPerSocket: 2 });
  expect(read(vmx).hardware).toMatchObject({ numCoresPerSocket: 2, autoCoresPerSocket: false });
  expect(read(reconfigure(vmx, { numCoresPerSocket: 0 }).vmx).hardware).toMatchObject({ numCoresPerSocket: 1, autoCoresPerSocket: true });
});

test.each<[string, Partial<VirtualMachineConfigSpec>, string, Readonly<Record<string, unknown>>]>([
  ["no name", { name: "" }, "InvalidArgument", { invalidProperty: "configSpec.name" }],
  ["a long name", { name: "x".repeat(81) }, "InvalidArgument", { invalidProperty: "configSpec.name" }],
  ["an unknown guest", { guestId: "beosGuest" }, "InvalidArgument", { invalidProperty: "configSpec.guestId" }],
  ["a guest named __proto__", { guestId: "__proto__" }, "InvalidArgument", { invalidProperty: "configSpec.guestId" }],
  ["no CPUs", { numCPUs: 0 }, "NumVirtualCpusNotSupported", { numCpuVm: 0 }],
  ["more CPUs than any board has", { numCPUs: 1000 }, "NumVirtualCpusNotSupported", { numCpuVm: 1000 }],
  ["more CPUs than the host", { numCPUs: 8 }, "NotEnoughCpus", { numCpuDest: 4, numCpuVm: 8 }],
  [
    "cores that do not divide the CPUs",
    { numCPUs: 3, numCoresPerSocket: 2 },
    "NumVirtualCoresPerSocketNotSupported",
    { numCoresPerSocketVm: 2 },
  ],
  ["negative cores", { numCoresPerSocket: -1 }, "NumVirtualCoresPerSocketNotSupported", {}],
  ["more memory than the host", { memoryMB: 16_384 }, "MemorySizeNotSupported", { memorySizeMB: 16_384, maxMemorySizeMB: 8192 }],
  ["memory of an odd size", { memoryMB: 513 }, "MemorySizeNotSupported", { memorySizeMB: 513 }],
  ["negative memory", { memoryMB: -4 }, "MemorySizeNotSupported", {}],
  ["hardware of the future", { version: "vmx-99" }, "VirtualHardwareVersionNotSupported", { hostName: "esx1" }],
  ["hardware of no version", { version: "latest" }, "VirtualHardwareVersionNotSupported", {}],
  ["a firmware that is none", { firmware: "csm" }, "InvalidArgument", { invalidProperty: "configSpec.firmware" }],
  ["a UUID that is none", { uuid: "1234" }, "InvalidArgument", { invalidProperty: "configSpec.uuid" }],
  [
    "a limit below its reservation",
    { cpuAllocation: { reservation: 10, limit: 5 } },
    "InvalidArgument",
    { invalidProperty: "configSpec.cpuAllocation.limit" },
  ],
  ["a negative limit", { memoryAllocation: { limit: -2 } }, "InvalidArgument", { invalidProperty: "configSpec.memoryAllocation.limit" }],
  [
    "more reservation than memory",
    { memoryAllocation: { reservation: 4096 } },
    "InvalidArgument",
    { invalidProperty: "configSpec.memoryAllocation.reservation" },
  ],
  [
    "shares of nothing",
    { cpuAllocation: { shares: { level: "custom", shares: 0 } } },
    "InvalidArgument",
    { invalidProperty: "configSpec.cpuAllocation.shares" },
  ],
  [
    "an endless boot delay",
    { bootOptions: { bootDelay: 2 ** 31 - 1 } },
    "InvalidArgument",
    { invalidProperty: "configSpec.bootOptions.bootDelay" },
  ],
  [
    "an affinity to CPUs that are not there",
    { cpuAffinity: { affinitySet: [4] } },
    "InvalidArgument",
    { invalidProperty: "configSpec.cpuAffinity.affinitySet" },
  ],
  ["a note of many pages", { annotation: "x".repeat(70_000) }, "InvalidArgument", { invalidProperty: "configSpec.annotation" }],
  [
    "logs in another VM's folder",
    { files: { logDirectory: "[datastore1] other" } },
    "InvalidArgument",
    { invalidProperty: "configSpec.files.logDirectory" },
  ],
  [
    "snapshots outside",
    { files: { snapshotDirectory: "/tmp" } },
    "InvalidArgument",
    { invalidProperty: "configSpec.files.snapshotDirectory" },
  ],
  ["memory encryption", { sevEnabled: true }, "InvalidVmConfig", { property: "configSpec.sevEnabled" }],
  ["memory of a NUMA node", { memoryAffinity: { affinitySet: [0] } }, "InvalidVmConfig", { property: "configSpec.memoryAffinity" }],
  ["a swap file in its folder", { swapPlacement: "vmDirectory" }, "InvalidVmConfig", { property: "configSpec.swapPlacement" }],
  ["hyperthreads", { simultaneousThreads: 2 }, "InvalidVmConfig", { property: "configSpec.simultaneousThreads" }],
  ["encryption", { crypto: { $type: "CryptoSpecEncrypt" } }, "InvalidVmConfig", { property: "configSpec.crypto" }],
  ["a vApp", { vAppConfig: {} }, "InvalidVmConfig", { property: "configSpec.vAppConfig" }],
  [
    "a customization",
    { tools: { pendingCustomization: "/tmp/x" } },
    "InvalidArgument",
    { invalidProperty: "configSpec.tools.pendingCustomization" },
  ],
  [
    "a boot disk that is not there",
    { bootOptions: { bootOrder: [{ $type: "VirtualMachineBootOptionsBootableDiskDevice", deviceKey: 2000 } as never] } },
    "InvalidArgument",
    { invalidProperty: "configSpec.bootOptions.bootOrder[0].deviceKey" },
  ],
])("%s is refused", (_, spec, fault, fields) => {
  const refused = refusal(() => planCreate({ name: "web", guestId: "otherGuest", ...spec }, context));
  expect(refused.fault).toBe(fault);
  expect(refused.fields).toMatchObject(fields);
});

test("what asks for nothing is no reason to refuse", () => {
  const { vmx } = create({
    sevEnabled: false,
    vAppConfigRemoved: true,
    npivTemporaryDisabled: true,
    simultaneousThreads: 1,
    virtualICH7MPresent: false,
    vmProfile: [{ $type: "VirtualMachineEmptyProfileSpec" }],
    files: { vmPathName: "[datastore1]", logDirectory: "[datastore1] web/", snapshotDirectory: "" },
    scheduledHardwareUpgradeInfo: { upgradePolicy: "never" },
    consolePreferences: { powerOnWhenOpened: true },
  });
  expect(formatVmx(vmx)).toBe(formatVmx(create().vmx));
});

test("a change based on a configuration that is no more is refused", () => {
  const { vmx } = create();
  const seen = read(vmx).changeVersion;
  const { vmx: changed } = reconfigure(vmx, { changeVersion: seen, annotation: "first" });
  expect(read(changed).changeVersion).not.toBe(seen);
  expect(refusal(() => reconfigure(changed, { changeVersion: seen, annotation: "second" })).fault).toBe("ConcurrentAccess");
});

test("hardware is raised and not lowered", () => {
  const { vmx } = create({ version: "vmx-17" });
  expect(read(reconfigure(vmx, { version: "vmx-20" }).vmx).version).toBe("vmx-20");
  expect(refusal(() => reconfigure(vmx, { version: "vmx-13" })).fields).toEqual({ invalidProperty: "configSpec.version" });
});

test.each([
  ["the newest", undefined, "21"],
  ["a version", "vmx-19", "19"],
])("hardware is raised to %s", (_, wanted, expected) => {
  expect(planUpgrade(create({ version: "vmx-17" }).vmx, wanted)).toEqual({ "virtualHW.version": expected });
});

test.each([
  ["what it is", "vmx-17", "AlreadyUpgraded"],
  ["what it was", "vmx-09", "AlreadyUpgraded"],
  ["what there is not", "vmx-22", "NotSupported"],
  ["nonsense", "newest", "NotSupported"],
])("hardware is not upgraded to %s", (_, wanted, expected) => {
  expect(refusal(() => planUpgrade(create({ version: "vmx-17" }).vmx, wanted)).fault).toBe(expected);
});

test("a change of CPUs that the sockets do not divide is refused", () => {
  const { vmx } = create({ numCPUs: 4, numCoresPerSocket: 4 });
  expect(refusal(() => reconfigure(vmx, { numCPUs: 3 })).fault).toBe("NumVirtualCoresPerSocketNotSupported");
});

test("a new VM's UUID is what its client says, else one of its own", () => {
  const uuid = "12345678-9abc-def0-1234-56789abcdef0";
  expect(read(create({ uuid }).vmx)).toMatchObject({ uuid, locationId: uuid });
  const random = () => Buffer.alloc(16, Math.floor(Math.random() * 256));
  expect(read(create({}, { random }).vmx).uuid).toMatch(/^564d/);
});

test.each([
  ["nothing", {}, {}],
  ["no delay", { bootDelay: 0, bootRetryDelay: 3000 }, {}],
  ["a delay", { bootDelay: 2500 }, { bootDelayMs: 2500 }],
  ["another try", { bootRetryEnabled: true }, { bootRetryMs: 10_000 }],
  ["another try, soon", { bootRetryEnabled: true, bootRetryDelay: 2001 }, { bootRetryMs: 3000 }],
])("of its firmware's waits a VM is started with %s as it is configured", (_, bootOptions, expected) => {
  const { bootDelayMs, bootRetryMs } = machineSpecOf(create({ bootOptions }).vmx, { ...place, vm });
  expect({ bootDelayMs, bootRetryMs }).toEqual({ bootDelayMs: undefined, bootRetryMs: undefined, ...expected });
});

test.each(["low", "medium", "high", "normal"] as const)("a VM of %s latency sensitivity is run as one", (level) => {
  const { vmx } = create({ latencySensitivity: { level } });
  expect(machineSpecOf(vmx, { ...place, vm }).latency).toBe(level === "normal" ? undefined : level);
  expect(read(vmx).latencySensitivity).toMatchObject({ level });
});

test("a .vmx has the seconds after which a boot is tried again, as ESXi writes them", () => {
  const { vmx } = create({ bootOptions: { bootRetryDelay: 20_000 } });
  expect(readVmx(vmx, "bios.bootRetry.delay")).toBe("20");
  expect(read(vmx).bootOptions).toMatchObject({ bootRetryDelay: 20_000 });
});

test.each([
  ["the firmware's setup", 'bios.forceSetupOnce = "TRUE"', "bios.forceSetupOnce"],
  ["a delay without end", 'bios.bootDelay = "65536"', "bios.bootDelay"],
])("a VM that asks for %s is not started without it", (_, line, property) => {
  const vmx = vmxOf(`${formatVmx(create().vmx)}${line}\n`);
  expect(refusal(() => machineSpecOf(vmx, { ...place, vm }))).toMatchObject({ fault: "InvalidVmConfig", fields: { property } });
});

test("whatever it is asked, a plan is a .vmx that is read again", () => {
  const text = formatVmx(create({ annotation: 'a\n.encoding = "x"\nscsi9.present = "TRUE"', name: 'evil"\nmemSize = "9999' }).vmx);
  const again = vmxOf(text);
  expect(readVmx(again, "memSize")).toBe("512");
  expect(readVmx(again, "scsi9.present")).toBeUndefined();
});
