import { expect, test } from "vitest";
import type { DiskDescription, FolderEntry } from "../../vmkernel/index.ts";
import type { FileQuery, HostDatastoreBrowserSearchSpec, VmDiskFileQuery } from "../../wire/index.ts";
import { kindOf } from "./file-kind.ts";
import { matchesGlob } from "./glob.ts";
import { checkSpec, searchFolder } from "./search-folder.ts";

test.each([
  ["web.vmx", "*", true],
  ["web.vmx", "*.vmx", true],
  ["web.vmx", "w?b.*", true],
  ["web.vmx", "web", false],
  ["web.vmx", "", false],
  ["", "*", true],
  ["", "?", false],
  ["aab", "a*b", true],
  ["axxbxxc", "a*b*c", true],
  ["a.b", "a?b", true],
  ["a+b", "a+b", true],
  ["aab", "a+b", false],
  ["[x]", "[x]", true],
])("the name %j and the pattern %j: %j", (name, pattern, matches) => expect(matchesGlob(name, pattern)).toBe(matches));

test("a pattern that would keep a regular expression busy for years is answered at once", () => {
  const started = performance.now();
  expect(matchesGlob("a".repeat(255), `${"*a".repeat(120)}b`)).toBe(false);
  expect(performance.now() - started).toBeLessThan(100);
});

test.each([
  ["web.vmdk", "disk"],
  ["web-flat.vmdk", "extent"],
  ["web-000001-delta.vmdk", "extent"],
  ["web-s001.vmdk", "extent"],
  ["web-000001.vmdk", "disk"],
  ["my-flat", "other"],
  ["WEB.VMX", "config"],
  ["vmware-3.log", "log"],
  [".vmx", "config"],
  ["constructor", "other"],
])("a file named %j is one of the kind %j", (name, kind) => expect(kindOf({ name, kind: "file" })).toBe(kind));

const entry = (name: string, kind: "file" | "folder" = "file"): FolderEntry => ({
  name,
  kind,
  sizeBytes: 100,
  allocatedBytes: 0,
  modifiedAtMs: 0,
});
const disk: DiskDescription = {
  capacityBytes: 2048,
  allocatedBytes: 1000,
  provisioning: "thin",
  geometry: { cylinders: 1, heads: 64, sectors: 32 },
  adapterType: "ide",
  uuid: "",
  contentId: "",
  extents: [{ datastore: "d", path: "x/b-flat.vmdk" }],
  parents: [],
  children: [],
};
const entries = [entry("b.vmdk"), entry("b-flat.vmdk"), entry("c.vmx"), entry("z", "folder"), entry("broken.vmdk")];
const facts = { disks: new Map([["b.vmdk", disk]]), configVersions: new Map([["c.vmx", 8]]) };
const names = (spec: HostDatastoreBrowserSearchSpec): readonly string[] => searchFolder(entries, spec, facts).map(({ path }) => path);
const query = (one: object): { query: readonly FileQuery[] } => ({ query: [one as FileQuery] });
const disks = (filter: VmDiskFileQuery["filter"]) => query({ $type: "VmDiskFileQuery", filter });

test.each<[string, HostDatastoreBrowserSearchSpec, readonly string[]]>([
  ["everything, by name", {}, ["b-flat.vmdk", "b.vmdk", "broken.vmdk", "c.vmx", "z"]],
  ["folders first", { sortFoldersFirst: true }, ["z", "b-flat.vmdk", "b.vmdk", "broken.vmdk", "c.vmx"]],
  ["folders", query({ $type: "FolderFileQuery" }), ["z"]],
  ["disks, also one that can't be read", query({ $type: "VmDiskFileQuery" }), ["b.vmdk", "broken.vmdk"]],
  ["thin disks", disks({ thin: true }), ["b.vmdk"]],
  ["thick disks", disks({ thin: false }), []],
  ["disks for SCSI", disks({ controllerType: ["VirtualLsiLogicController"] }), []],
  ["disks for IDE", disks({ controllerType: ["VirtualIDEController"] }), ["b.vmdk"]],
  ["encrypted disks", disks({ encrypted: true }), []],
  ["raw device mappings", disks({ diskType: ["VirtualDiskRawDiskMappingVer1BackingInfo"] }), []],
  ["configurations of version 8", query({ $type: "VmConfigFileQuery", filter: { matchConfigVersion: [8] } }), ["c.vmx"]],
  ["configurations of version 9", query({ $type: "VmConfigFileQuery", filter: { matchConfigVersion: [9] } }), []],
])("a search for %s", (_, spec, expected) => expect(names(spec)).toEqual(expected));

test("nothing is said of a file that the client did not ask for", () => {
  expect(searchFolder([entry("b.vmdk")], {}, facts)).toEqual([{ $type: "FileInfo", path: "b.vmdk" }]);
});

test("a disk's size is that of its descriptor and its data", () => {
  const details = { fileType: true, fileSize: true, modification: false, fileOwner: false };
  expect(searchFolder(entries, { ...query({ $type: "VmDiskFileQuery" }), details }, facts)[0]).toEqual({
    $type: "VmDiskFileInfo",
    path: "b.vmdk",
    fileSize: 1100,
  });
});

test.each<[string, HostDatastoreBrowserSearchSpec, string]>([
  ["a thousand patterns", { matchPattern: Array.from({ length: 1000 }, () => "*") }, "InvalidArgument"],
  ["a pattern longer than any name", { matchPattern: ["*".repeat(4000)] }, "InvalidArgument"],
  ["a hardware version, which nobody reads", disks({ matchHardwareVersion: [13] }), "NotSupported"],
])("a search for %s is refused", (_, spec, fault) => {
  expect(() => checkSpec(spec)).toThrow(expect.objectContaining({ fault }));
});
