import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fault, hostPaths } from "../src/base/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { MoRef, VirtualMachineConfigSpec } from "../src/wire/index.ts";
import { installGuestImage, startHost, type TestHost } from "./harness.ts";
import { bootableSpec, createVm, ended, ROOT_POOL, read, succeeded, VM_FOLDER } from "./vm.ts";

/** What a client's mistakes and a datastore's surprises get: the vSphere fault that a client knows, and nothing half-made. */
let host: TestHost;
let client: VimClient;
let datastore: string;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  datastore = join(hostPaths(host.root).volumes, "datastore1");
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

/** The fault of a request, thrown at once or by its task. */
async function faultOf(
  request: () => Promise<MoRef>,
): Promise<{ readonly name: string; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }> {
  try {
    const { error } = await ended(client, await request());
    if (error === undefined) return { name: "no fault", fields: {}, message: "" };
    const { $type = "", ...fields } = error.fault;
    return { name: $type, fields, message: error.localizedMessage ?? "" };
  } catch (error) {
    if (error instanceof Fault) return { name: error.fault, fields: error.fields, message: error.message };
    throw error;
  }
}

const create = (config: VirtualMachineConfigSpec): Promise<MoRef> => client.call(VM_FOLDER, "CreateVM_Task", { config, pool: ROOT_POOL });
const device = (spec: object, rest: object = {}) => ({ operation: "add" as const, ...rest, device: spec as never });
const base = (name: string): VirtualMachineConfigSpec => ({
  name,
  guestId: "otherLinux64Guest",
  numCPUs: 1,
  memoryMB: 64,
  files: { vmPathName: "[datastore1]" },
});
const names = (): readonly string[] => readdirSync(datastore).sort();

const newDisk = (capacityInKB: number) => [
  device({ $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }),
  device(
    {
      $type: "VirtualDisk",
      key: -2,
      controllerKey: -1,
      unitNumber: 0,
      capacityInKB,
      backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent" },
    },
    { fileOperation: "create" },
  ),
];

test.each<[string, VirtualMachineConfigSpec, readonly string[]]>([
  ["no name", { ...base("x"), name: undefined }, ["InvalidArgument"]],
  ["a name of spaces", base("   "), ["InvalidName"]],
  ["a datastore that is not there", { ...base("x"), files: { vmPathName: "[elsewhere]" } }, ["InvalidDatastore"]],
  ["a path out of the datastore", { ...base("x"), files: { vmPathName: "[datastore1] ../../etc/x.vmx" } }, ["InvalidDatastorePath"]],
  ["a guest OS that does not exist", { ...base("x"), guestId: "templeOs64Guest" }, ["InvalidArgument"]],
  ["more CPUs than a VM can have", { ...base("x"), numCPUs: 4096 }, ["NumVirtualCpusNotSupported", "InvalidArgument", "TooManyCpus"]],
  ["no CPU", { ...base("x"), numCPUs: 0 }, ["InvalidArgument", "NumVirtualCpusNotSupported"]],
  [
    "memory without end",
    { ...base("x"), memoryMB: 2 ** 40 },
    ["InvalidArgument", "MemorySizeNotSupported", "MemorySizeNotSupportedByDatastore", "InsufficientMemoryResourcesFault"],
  ],
  ["negative memory", { ...base("x"), memoryMB: -4 }, ["InvalidArgument", "MemorySizeNotSupported"]],
  [
    "a disk larger than the datastore",
    { ...base("x"), deviceChange: newDisk(2 ** 42) },
    ["NoDiskSpace", "InvalidDeviceSpec", "InvalidArgument", "FileTooLarge"],
  ],
  ["a disk of negative size", { ...base("x"), deviceChange: newDisk(-1) }, ["InvalidDeviceSpec", "InvalidArgument"]],
  [
    "a disk on a controller that is not there",
    { ...base("x"), deviceChange: newDisk(1024).slice(1) },
    ["InvalidDeviceSpec", "InvalidController", "DeviceControllerNotPresent"],
  ],
  [
    "a BusLogic controller",
    { ...base("x"), deviceChange: [device({ $type: "VirtualBusLogicController", key: -1, busNumber: 0, sharedBus: "noSharing" })] },
    ["DeviceUnsupportedForVmPlatform", "DeviceNotSupported", "InvalidDeviceSpec"],
  ],
  [
    "a sound card",
    { ...base("x"), deviceChange: [device({ $type: "VirtualSoundCard", key: -1 })] },
    ["DeviceUnsupportedForVmPlatform", "DeviceNotSupported", "InvalidDeviceSpec"],
  ],
  [
    "a device that is none",
    { ...base("x"), deviceChange: [device({ $type: "VirtualDevice", key: -1 })] },
    ["InvalidDeviceSpec", "DeviceUnsupportedForVmPlatform", "DeviceNotSupported"],
  ],
])("CreateVM_Task with %s is refused by name and leaves nothing behind", async (_, spec, faults) => {
  const before = names();
  const fault = await faultOf(() => create(spec));
  expect(faults, fault.message).toContain(fault.name);
  expect(names()).toEqual(before);
  expect(await read(client, VM_FOLDER, "childEntity")).toEqual(await registered());
});

const registered = async (): Promise<unknown> => (await read(client, { type: "HostSystem", value: "ha-host" }, "vm")) ?? [];

test("a VM needs a name of its own", async () => {
  await createVm(client, base("taken"));
  expect((await faultOf(() => create(base("taken")))).name).toBe("DuplicateName");
});

test.each([
  ["memory", { memoryMB: 4096 * 1024 }, "MemorySizeNotSupported"],
  ["processors", { numCPUs: 100, numCoresPerSocket: 1 }, "NotEnoughCpus"],
])("a VM with more %s than the host has is refused when it is made, and nothing of it is there", async (_, more, fault) => {
  expect((await faultOf(() => create({ ...base("huge"), ...more }))).name).toBe(fault);
  expect(names()).not.toContain("huge");
});

/** Disks that a VM can be given and cannot be started with. */
test.each<[string, string, (path: string) => void, readonly string[]]>([
  ["missing", "missing.vmdk", () => {}, ["FileNotFound"]],
  ["text that is no descriptor", "text.vmdk", (path) => writeFileSync(path, "hello"), ["InvalidDiskFormat"]],
  [
    "a sparse one that is cut short",
    "sparse.vmdk",
    (path) => writeFileSync(path, Buffer.from("KDMV\x01\0\0\0".padEnd(1024, "\0"))),
    ["InvalidDiskFormat", "UnsupportedDiskFormat"],
  ],
  [
    "a symlink to the host's secrets",
    "link.vmdk",
    (path) => symlinkSync("/etc/shadow", path),
    ["FileNotFound", "CannotAccessFile", "FileFault", "InvalidDatastorePath", "InvalidDiskFormat"],
  ],
  [
    "a pipe that never ends",
    "pipe.vmdk",
    (path) => execFileSync("mkfifo", [path]),
    ["CannotAccessFile", "FileFault", "InvalidDiskFormat", "FileNotFound"],
  ],
  [
    "a descriptor that points out of the datastore",
    "escape.vmdk",
    (path) => writeFileSync(path, descriptor("../../../../etc/shadow")),
    ["InvalidDiskFormat", "InvalidDatastorePath", "FileNotFound", "CannotAccessFile"],
  ],
  [
    "a descriptor with an absolute extent",
    "absolute.vmdk",
    (path) => writeFileSync(path, descriptor("/etc/shadow")),
    ["InvalidDiskFormat", "InvalidDatastorePath", "FileNotFound", "CannotAccessFile"],
  ],
])("a disk that is %s: the power-on names it, and no monitor is left", async (_, file, make, faults) => {
  mkdirSync(join(datastore, "odd"), { recursive: true });
  make(join(datastore, "odd", file));
  const fault = await faultOf(async () => {
    const vm = await createVm(client, bootableSpec(`vm-${file}`, `[datastore1] odd/${file}`));
    return client.call(vm, "PowerOnVM_Task", {});
  }).catch((error: unknown) => ({ name: String(error), message: "" }));
  expect(
    faults.some((name) => fault.name.includes(name)),
    fault.name,
  ).toBe(true);
  const vmkernel = await host.vmkernel();
  expect(await vmkernel.request({ kind: "listMonitors" })).toEqual([]);
  vmkernel.close();
});

const descriptor = (extent: string): string =>
  `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n\n# Extent description\nRW 2048 VMFS "${extent}"\n\n# The Disk Data Base\n#DDB\nddb.adapterType = "lsilogic"\n`;

test("a disk that a running VM has cannot be started in a second one", async () => {
  const disk = await installGuestImage(host, "shared-boot");
  const first = await createVm(client, bootableSpec("first", disk));
  const second = await createVm(client, bootableSpec("second", disk));
  await succeeded(client, await client.call(first, "PowerOnVM_Task", {}));
  const fault = await faultOf(() => client.call(second, "PowerOnVM_Task", {}));
  expect(fault.name).toBe("FileLocked");
  expect(JSON.stringify(fault)).toContain("shared-boot");
  expect((await faultOf(() => client.call(second, "Destroy_Task", {}))).name, "destroying the second would take the first one's disk").toBe(
    "FileLocked",
  );
  await succeeded(client, await client.call(first, "PowerOffVM_Task", {}));
  await succeeded(client, await client.call(second, "PowerOnVM_Task", {}));
  await succeeded(client, await client.call(second, "PowerOffVM_Task", {}));
});

test.each<[string, string, readonly string[]]>([
  ["that is not there", "[datastore1] nowhere/x.vmx", ["FileNotFound"]],
  ["that is no .vmx", "[datastore1] odd/text.vmdk", ["InvalidDatastorePath"]],
  ["with a line that is none", "[datastore1] broken/broken.vmx", ["InvalidVmConfig"]],
  ["outside of the datastore", "[datastore1] ../x.vmx", ["InvalidDatastorePath"]],
])("RegisterVM_Task of a file %s is refused by name", async (_, path, faults) => {
  mkdirSync(join(datastore, "broken"), { recursive: true });
  writeFileSync(join(datastore, "broken/broken.vmx"), 'displayName = "broken"\nthis is not a line\n');
  const fault = await faultOf(() => client.call(VM_FOLDER, "RegisterVM_Task", { path, asTemplate: false }));
  expect(faults, fault.message).toContain(fault.name);
  expect(existsSync(join(datastore, "broken/broken.vmx"))).toBe(true);
});
