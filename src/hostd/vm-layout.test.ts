import { expect, test } from "vitest";
import type { DatastorePath, VmId } from "../base/index.ts";
import type { DiskDescription, FolderEntry } from "../vmkernel/index.ts";
import { encodeResponse, NEWEST_VERSION, type VirtualDevice } from "../wire/index.ts";
import { formatLayout, formatLayoutEx, isFileOfVm, planLayout, storageInfo, storageSummary } from "./vm-layout.ts";

const file = (name: string, sizeBytes: number): FolderEntry => ({
  name,
  kind: "file",
  sizeBytes,
  allocatedBytes: sizeBytes,
  modifiedAtMs: 0,
});
const diskAt = (key: number, fileName: string) =>
  ({ $type: "VirtualDisk", key, backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName } }) as unknown as VirtualDevice;
const described = (allocatedBytes: number, ...extents: DatastorePath[]): DiskDescription => ({
  capacityBytes: 1000,
  allocatedBytes,
  provisioning: "thin",
  adapterType: "lsilogic",
  geometry: { cylinders: 1, heads: 1, sectors: 1 },
  uuid: "",
  contentId: "",
  extents,
  parents: [],
  children: [],
});
const vm = "1" as VmId;
const layout = planLayout({
  vmxPath: { datastore: "one", path: "web/web.vmx" },
  entries: [
    file("web.vmx", 20),
    file("web.nvram", 8),
    file("web-1a2b3c4d.vmss", 300),
    file("web.vmdk", 4),
    file("web-flat.vmdk", 1000),
    file("holiday.jpg", 5000),
    file("webshop.nvram", 5000),
    file("vmware.log", 2),
    { ...file("web.vswp", 0), kind: "folder" },
  ],
  devices: [diskAt(2000, "[one] web/web.vmdk"), diskAt(2001, "[two] old.vmdk"), diskAt(2002, "[two] gone.vmdk")],
  disks: new Map([
    ["[one] web/web.vmdk", described(100, { datastore: "one", path: "web/web-flat.vmdk" })],
    ["[two] old.vmdk", described(1000, { datastore: "two", path: "old-flat.vmdk" })],
  ]),
  readAtMs: 1000,
});
const refOf = (name: string) => ({ type: "Datastore", value: `ref-${name}` }) as const;

test("the files of a VM are its own, with their kinds, and nothing else that lies beside them", () => {
  const { file: files = [] } = formatLayoutEx(layout, vm);
  expect(files.map(({ key, name, type, size }) => `${key} ${name} ${type} ${size}`)).toEqual([
    "0 [one] web/web.vmx config 20",
    "1 [one] web/web.nvram nvram 8",
    "2 [one] web/web-1a2b3c4d.vmss suspend 300",
    "3 [one] web/vmware.log log 2",
    "4 [one] web/web.vmdk diskDescriptor 4",
    "5 [one] web/web-flat.vmdk diskExtent 100",
    "6 [two] old.vmdk diskDescriptor 512",
    "7 [two] old-flat.vmdk diskExtent 1000",
  ]);
});

test("a disk names its files by their keys; one that is not there has none", () => {
  expect(formatLayoutEx(layout, vm).disk).toEqual([
    { key: 2000, chain: [{ fileKey: [4, 5] }] },
    { key: 2001, chain: [{ fileKey: [6, 7] }] },
  ]);
  expect(formatLayout(layout, vm)).toMatchObject({
    configFile: ["web.nvram"],
    logFile: ["vmware.log"],
    disk: [
      { key: 2000, diskFile: ["[one] web/web.vmdk"] },
      { key: 2001, diskFile: ["[two] old.vmdk"] },
    ],
  });
});

test("what is taken, and what thin disks can still take, is counted for each datastore and for all", () => {
  expect(storageSummary(layout)).toMatchObject({ committed: 1946, uncommitted: 900, unshared: 1946 });
  expect(storageInfo(layout, refOf).perDatastoreUsage).toEqual([
    { datastore: refOf("one"), committed: 434, uncommitted: 900, unshared: 434 },
    { datastore: refOf("two"), committed: 1512, uncommitted: 0, unshared: 1512 },
  ]);
});

test("a datastore that is gone has no usage", () => {
  expect(storageInfo(layout, () => undefined).perDatastoreUsage).toEqual([]);
});

test("clients can read it: it is what the schema says it is", () => {
  const encode = (returnType: string, returnValue: unknown) =>
    encodeResponse({ method: "Fetch", returnType, returnValue, version: NEWEST_VERSION });
  encode("VirtualMachineFileLayout", formatLayout(layout, vm));
  encode("VirtualMachineFileLayoutEx", formatLayoutEx(layout, vm));
  encode("VirtualMachineStorageInfo", storageInfo(layout, refOf));
  encode("VirtualMachineStorageSummary", storageSummary(layout));
});

test.each([
  ["web.nvram", true],
  ["web-1a2b3c4d.vmss", true],
  ["vmware-3.log", true],
  ["webshop.nvram", false],
  ["web.vmx", false],
  ["vmware.log.txt", false],
])("that %s is a file of the VM web is %s", (name, expected) => {
  expect(isFileOfVm(name, "web")).toBe(expected);
});
