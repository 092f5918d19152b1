import { beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { MoRef, UserSession } from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, useAgent } from "./agent.fixture.ts";
import { bootableSpec, createVm, ended, ROOT_POOL, read, VM_FOLDER } from "./vm.ts";

/** How clients find what they are told of by name, and small things that every client asks for. */
const SEARCH = moRef("SearchIndex", "ha-searchindex");
const HOST = moRef("HostSystem", "ha-host");
const NOWHERE = moRef("Datacenter", "nowhere");
const DATACENTER = moRef("Datacenter", "ha-datacenter");

const { host: agent, client } = await useAgent();
let vm: MoRef<"VirtualMachine">;
let uuids: { readonly bios: string; readonly instance: string };

beforeAll(async () => {
  vm = await createVm(client, { ...bootableSpec("web", ""), deviceChange: [] });
  uuids = { bios: String(await read(client, vm, "config.uuid")), instance: String(await read(client, vm, "config.instanceUuid")) };
});

test("a VM is found by either of its UUIDs, and by the one only that was asked for", async () => {
  const find = (uuid: string, instanceUuid: boolean) => client.call(SEARCH, "FindByUuid", { uuid, vmSearch: true, instanceUuid });
  expect(await find(uuids.bios, false)).toEqual(vm);
  expect(await find(uuids.instance, true)).toEqual(vm);
  expect(await find(uuids.instance, false)).toBeUndefined();
  expect(await client.call(SEARCH, "FindAllByUuid", { uuid: uuids.bios, vmSearch: true })).toEqual([vm]);
  expect(await client.call(SEARCH, "FindAllByUuid", { uuid: "x", vmSearch: true })).toEqual([]);
});

test("the host is found by its name and its address", async () => {
  expect(await client.call(SEARCH, "FindByDnsName", { dnsName: "HOST1", vmSearch: false })).toEqual(HOST);
  expect(await client.call(SEARCH, "FindAllByDnsName", { dnsName: "host1", vmSearch: false })).toEqual([HOST]);
  expect(await client.call(SEARCH, "FindByIp", { ip: "127.0.0.1", vmSearch: false })).toEqual(HOST);
  expect(await client.call(SEARCH, "FindAllByIp", { ip: "127.0.0.1", vmSearch: false })).toEqual([HOST]);
});

test("a VM whose guest says nothing is not found by a name or an address", async () => {
  expect(await client.call(SEARCH, "FindByDnsName", { dnsName: "web", vmSearch: true })).toBeUndefined();
  expect(await client.call(SEARCH, "FindAllByIp", { ip: "127.0.0.1", vmSearch: true })).toEqual([]);
});

test("a VM is found by the file that it is described in, and only in the datacenter that it is in", async () => {
  const path = "[datastore1] web/web.vmx";
  expect(await client.call(SEARCH, "FindByDatastorePath", { datacenter: DATACENTER, path })).toEqual(vm);
  expect(await client.call(SEARCH, "FindByDatastorePath", { datacenter: DATACENTER, path: "[datastore1] web/other.vmx" })).toBeUndefined();
  expect(await client.call(SEARCH, "FindByDatastorePath", { datacenter: NOWHERE, path })).toBeUndefined();
  const elsewhere = client.call(SEARCH, "FindByDatastorePath", { datacenter: DATACENTER, path: "[elsewhere] web/web.vmx" });
  expect((await faultOf(elsewhere)).fault).toBe("InvalidDatastore");
});

test("a child is found by its name, and nothing under what has no children", async () => {
  expect(await client.call(SEARCH, "FindChild", { entity: VM_FOLDER, name: "web" })).toEqual(vm);
  expect(await client.call(SEARCH, "FindChild", { entity: VM_FOLDER, name: "constructor" })).toBeUndefined();
  expect(await client.call(SEARCH, "FindChild", { entity: ROOT_POOL, name: "web" })).toBeUndefined();
  expect(await client.call(SEARCH, "FindByInventoryPath", { inventoryPath: "ha-datacenter/vm/web" })).toEqual(vm);
});

test("who may see nothing finds nothing", async () => {
  await using stranger = await agent.login(-5);
  expect(await stranger.call(SEARCH, "FindAllByUuid", { uuid: uuids.bios, vmSearch: true }).catch((error) => error.fault)).toBe(
    "NoPermission",
  );
});

test("a task that has ended cannot be cancelled, and says so", async () => {
  const task = await client.call(vm, "Rename_Task", { newName: "web" });
  expect((await ended(client, task)).cancelable).toBe(false);
  expect((await faultOf(client.call(task, "CancelTask", {}))).fault).toBe("InvalidState");
});

test("a session keeps the locale that its client asks for", async () => {
  await using second = await agent.login();
  await second.call(SESSION_MANAGER, "SetLocale", { locale: "de_DE" });
  expect(((await read(second, SESSION_MANAGER, "currentSession")) as UserSession).locale).toBe("de_DE");
});

test("a datastore's figures are looked at when a client asks for that", async () => {
  const [datastore] = (await read(client, HOST, "datastore")) as readonly MoRef<"Datastore">[];
  if (datastore === undefined) throw new Error("the host has no datastore");
  await client.call(datastore, "RefreshDatastore", {});
  expect(await read(client, datastore, "summary")).toMatchObject({ accessible: true, name: "datastore1" });
});

test("there is no attestation report where no TPM is looked at", async () => {
  expect(await client.call(HOST, "QueryTpmAttestationReport", {})).toBeUndefined();
});

test("a list view holds what it is given, takes more and lets go", async () => {
  const ref = (await client.call(moRef("ViewManager", "ViewManager"), "CreateListView", { obj: [vm] })) as MoRef<"ListView">;
  expect(await read(client, ref, "view")).toEqual([vm]);
  expect(await client.call(ref, "ModifyListView", { add: [HOST, moRef("VirtualMachine", "9999")], remove: [vm] })).toEqual([
    moRef("VirtualMachine", "9999"),
  ]);
  expect(await read(client, ref, "view")).toEqual([HOST]);
  expect(await client.call(ref, "ResetListView", { obj: [vm] })).toEqual([]);
  expect(await read(client, ref, "view")).toEqual([vm]);
  await client.call(ref, "DestroyView", {});
  expect((await faultOf(client.call(ref, "ResetListView", { obj: [] }))).fault).toBe("ManagedObjectNotFound");
});

test("no licence can be had from anywhere, and no feature hangs on one", async () => {
  const licences = moRef("LicenseManager", "ha-license-manager");
  expect(await client.call(licences, "QueryLicenseSourceAvailability", { host: HOST })).toEqual([]);
  expect(await client.call(licences, "QuerySupportedFeatures", { host: HOST })).toEqual([]);
});

test("credentials of a guest that is off are not released, for none were given", async () => {
  const manager = moRef("GuestAuthManager", "ha-guest-operations-auth-manager");
  const auth = { $type: "NamePasswordAuthentication", interactiveSession: false, username: "root", password: "x" } as never;
  expect((await faultOf(client.call(manager, "ReleaseCredentialsInGuest", { vm, auth }))).fault).toBe("InvalidPowerState");
});
