import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { HostDatastoreBrowserSearchResults, HostDatastoreBrowserSearchSpec } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, ended, succeeded } from "./vm.ts";

/** Searching a datastore, as clients list it. */
const BROWSER = moRef("HostDatastoreBrowser", "ha-host-datastorebrowser");
const READ_ONLY = -2;
const ALL_DETAILS = { fileType: true, fileSize: true, modification: true, fileOwner: true };
const DISK_DETAILS = { diskType: true, capacityKb: true, hardwareVersion: true, controllerType: true, diskExtents: true, thin: true };
const { host, client } = await useAgent();

beforeAll(async () => {
  await createVm(client, {
    name: "web",
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      { operation: "add", device: { $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" } as never },
      {
        operation: "add",
        fileOperation: "create",
        device: {
          $type: "VirtualDisk",
          key: -2,
          controllerKey: -1,
          unitNumber: 0,
          capacityInKB: 2048,
          backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", thinProvisioned: true },
        } as never,
      },
    ],
  });
  mkdirSync(join(host.datastore, "iso/old"), { recursive: true });
  writeFileSync(join(host.datastore, "iso/Debian.ISO"), "12345");
  writeFileSync(join(host.datastore, "iso/old/lenny.iso"), "");
});

async function search(datastorePath: string, searchSpec: HostDatastoreBrowserSearchSpec) {
  const task = await client.call(BROWSER, "SearchDatastore_Task", { datastorePath, searchSpec });
  return (await succeeded(client, task)) as HostDatastoreBrowserSearchResults;
}
const files = async (path: string, spec: HostDatastoreBrowserSearchSpec) =>
  ((await search(path, spec)).file ?? []).map(({ $type, path: name }) => `${$type} ${name}`);

test("a search without queries lists everything, untyped, and names the folder so that a file's name can follow", async () => {
  expect(await files("[datastore1] web", {})).toEqual(["FileInfo web-flat.vmdk", "FileInfo web.vmdk", "FileInfo web.vmx"]);
  expect((await search("[datastore1] web", {})).folderPath).toBe("[datastore1] web/");
  expect((await search("[datastore1]", {})).folderPath).toBe("[datastore1] ");
});

test("who asks for disks gets each once, with its capacity, and its data counted with it", async () => {
  const spec: HostDatastoreBrowserSearchSpec = {
    query: [{ $type: "VmDiskFileQuery", details: DISK_DETAILS } as never, { $type: "FileQuery" }],
    details: ALL_DETAILS,
  };
  const { file = [] } = await search("[datastore1] web", spec);
  expect(file.map(({ path }) => path)).toEqual(["web.vmdk", "web.vmx"]);
  expect(file[0]).toMatchObject({
    $type: "VmDiskFileInfo",
    capacityKb: 2048,
    thin: true,
    controllerType: "VirtualLsiLogicController",
    diskExtents: ["web-flat.vmdk"],
  });
  expect(file[1]).toMatchObject({ $type: "VmConfigFileInfo", modification: expect.any(Date) });
});

test("patterns find names whatever their case, unless the search says otherwise", async () => {
  const query = [{ $type: "IsoImageFileQuery" }];
  expect(await files("[datastore1] iso", { query, matchPattern: ["deb*.is?"] })).toEqual(["IsoImageFileInfo Debian.ISO"]);
  expect(await files("[datastore1] iso", { query, matchPattern: ["deb*"], searchCaseInsensitive: false })).toEqual([]);
});

test("a search of all folders has a result for each, folders before what is in them", async () => {
  const searchSpec = { query: [{ $type: "IsoImageFileQuery" }], details: ALL_DETAILS };
  const task = await client.call(BROWSER, "SearchDatastoreSubFolders_Task", { datastorePath: "[datastore1] iso", searchSpec });
  const results = (await succeeded(client, task as never)) as readonly HostDatastoreBrowserSearchResults[];
  expect(results.map(({ folderPath, file = [] }) => [folderPath, ...file.map(({ path }) => path)])).toEqual([
    ["[datastore1] iso/", "Debian.ISO"],
    ["[datastore1] iso/old/", "lenny.iso"],
  ]);
  expect(results[0]?.file?.[0]?.fileSize).toBe(5);
});

test.each([
  ["a datastore that is not there", "[elsewhere] web", "InvalidDatastore"],
  ["a way out of the datastore", "[datastore1] ../..", "InvalidDatastorePath"],
  ["no path at all", "", "InvalidDatastorePath"],
])("a search in %s is refused at once", async (_, datastorePath, fault) => {
  expect((await faultOf(client.call(BROWSER, "SearchDatastore_Task", { datastorePath }))).fault).toBe(fault);
});

test.each(["[datastore1] nowhere", "[datastore1] web/web.vmx/x"])("a search in %s ends in a fault that names it", async (path) => {
  const { error } = await ended(client, await client.call(BROWSER, "SearchDatastore_Task", { datastorePath: path }));
  expect(["FileNotFound", "CannotAccessFile"]).toContain(error?.fault.$type);
  expect(error?.localizedMessage).toContain(path);
});

test("who may only read may not browse: the privilege is asked for on the datastore", async () => {
  await using reader = await host.login(READ_ONLY);
  const fault = await faultOf(reader.call(BROWSER, "SearchDatastore_Task", { datastorePath: "[datastore1]" }));
  expect(fault).toMatchObject({ fault: "NoPermission", fields: { privilegeId: "Datastore.Browse", object: { type: "Datastore" } } });
});
