import { expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, read, VM_FOLDER } from "./vm.ts";

/** Views that a client makes of the inventory and of other views. */
const VIEWS = moRef("ViewManager", "ViewManager");
const ROOT = moRef("Folder", "ha-folder-root");
const DATACENTER = moRef("Datacenter", "ha-datacenter");
const { host, client } = await useAgent();

const idsIn = async (view: MoRef): Promise<string[]> => ((await read(client, view, "view")) as MoRef[]).map(({ value }) => value);

test("an inventory view shows the root, and what lies in each folder that is opened", async () => {
  const vm = await createVm(client, { name: "seen", files: { vmPathName: "[datastore1]" } });
  const view = await client.call(VIEWS, "CreateInventoryView", {});
  expect(await idsIn(view)).toEqual([ROOT.value]);
  expect(await client.call(view, "OpenInventoryViewFolder", { entity: [ROOT, DATACENTER, VM_FOLDER] })).toEqual([]);
  expect(await idsIn(view)).toEqual(expect.arrayContaining([ROOT.value, DATACENTER.value, "ha-folder-host", VM_FOLDER.value, vm.value]));
  expect(await client.call(view, "CloseInventoryViewFolder", { entity: [DATACENTER] })).toEqual([]);
  expect(await idsIn(view)).toEqual([ROOT.value, DATACENTER.value]);
  const lost = [moRef("Folder", "group-v9"), vm];
  expect(await client.call(view, "OpenInventoryViewFolder", { entity: lost })).toMatchObject(lost);
  await client.call(view, "DestroyView", {});
  expect((await faultOf(client.call(view, "CloseInventoryViewFolder", { entity: [ROOT] }))).fault).toBe("ManagedObjectNotFound");
});

test("a list view takes over what is in another view, at once or later", async () => {
  const folders = await client.call(VIEWS, "CreateContainerView", { container: ROOT, type: ["Folder"], recursive: true });
  const list = await client.call(VIEWS, "CreateListViewFromView", { view: folders });
  expect(await idsIn(list)).toEqual(await idsIn(folders));
  const inventory = await client.call(VIEWS, "CreateInventoryView", {});
  await client.call(list, "ResetListViewFromView", { view: inventory });
  expect(await idsIn(list)).toEqual([ROOT.value]);
  for (const view of [folders, list, inventory]) await client.call(view, "DestroyView", {});
});

test("the manager lists the views of the session that asks, and of no other", async () => {
  const view = await client.call(VIEWS, "CreateContainerView", { container: ROOT, type: [], recursive: false });
  expect(await read(client, VIEWS, "viewList")).toMatchObject([view]);
  await using other = await host.login();
  expect(await read(other, VIEWS, "viewList")).toEqual([]);
  expect((await faultOf(other.call(VIEWS, "CreateListViewFromView", { view }))).fault).toBe("ManagedObjectNotFound");
  await client.call(view, "DestroyView", {});
  expect(await read(client, VIEWS, "viewList")).toEqual([]);
});

test("a list view is made of views and of nothing else", async () => {
  expect((await faultOf(client.call(VIEWS, "CreateListViewFromView", { view: moRef("ListView", ROOT.value) }))).fault).toBe(
    "ManagedObjectNotFound",
  );
});
