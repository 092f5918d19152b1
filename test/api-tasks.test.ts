import { expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { TaskDescription, TaskInfo } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, read, succeeded } from "./vm.ts";

/** Reading the tasks of the host page by page, as clients do that show a history. */
const TASKS = moRef("TaskManager", "ha-taskmgr");
const COLLECTOR = moRef("PropertyCollector", "ha-property-collector");
const READ_ONLY = -2;
const NO_ACCESS = -5;
const { host, client } = await useAgent();

const names = (tasks: unknown) => (tasks as readonly TaskInfo[] | undefined)?.map(({ name }) => name);

test("a collector pages through the tasks both ways and ends when it is destroyed", async () => {
  const vm = await createVm(client, { name: "a", files: { vmPathName: "[datastore1]" } });
  await succeeded(client, await client.call(vm, "Rename_Task", { newName: "b" }));
  const history = await client.call(TASKS, "CreateCollectorForTasks", { filter: {} });
  expect(names(await read(client, history, "latestPage"))).toEqual(["Rename_Task", "CreateVM_Task"]);
  expect(names(await client.call(history, "ReadNextTasks", { maxCount: 1 }))).toEqual(["CreateVM_Task"]);
  expect(names(await client.call(history, "ReadNextTasks", { maxCount: 9 }))).toEqual(["Rename_Task"]);
  expect(names(await client.call(history, "ReadPreviousTasks", { maxCount: 1 }))).toEqual(["Rename_Task"]);
  await client.call(history, "RewindCollector", {});
  expect(names(await client.call(history, "ReadNextTasks", { maxCount: 9 }))).toHaveLength(2);
  expect((await faultOf(client.call(history, "ReadNextTasks", { maxCount: 0 }))).fault).toBe("InvalidArgument");
  await client.call(history, "DestroyCollector", {});
  expect((await faultOf(client.call(history, "ReadNextTasks", { maxCount: 1 }))).fault).toBe("ManagedObjectNotFound");
});

test("who waits on the latest page is told how a task went, and filters keep others out", async () => {
  const vm = await createVm(client, { name: "c", files: { vmPathName: "[datastore1]" } });
  const filter = { entity: { entity: vm, recursion: "self" as const }, state: ["success" as const] };
  const history = await client.call(TASKS, "CreateCollectorForTasks", { filter });
  const propSet = [{ type: "TaskHistoryCollector", pathSet: ["latestPage"] }];
  await client.call(COLLECTOR, "CreateFilter", { spec: { propSet, objectSet: [{ obj: history }] }, partialUpdates: false });
  let version = (await client.call(COLLECTOR, "WaitForUpdatesEx", { version: "" }))?.version;
  await succeeded(client, await client.call(vm, "Rename_Task", { newName: "d" }));
  let page: unknown;
  while (names(page)?.[0] !== "Rename_Task") {
    const update = await client.call(COLLECTOR, "WaitForUpdatesEx", { version, options: { maxWaitSeconds: 20 } });
    if (update === undefined) throw new Error("nobody told of the task");
    version = update.version;
    page = (update.filterSet?.[0]?.objectSet?.[0]?.changeSet?.[0]?.val as { readonly value: unknown } | undefined)?.value;
  }
  expect(names(page)).toEqual(["Rename_Task"]);
});

test("who may read sees the tasks of others, who may see nothing collects none", async () => {
  await using reader = await host.login(READ_ONLY);
  const history = await reader.call(TASKS, "CreateCollectorForTasks", { filter: {} });
  expect(names(await reader.call(history, "ReadNextTasks", { maxCount: 100 }))?.length).toBeGreaterThan(0);
  await using nobody = await host.login(NO_ACCESS);
  expect((await faultOf(nobody.call(TASKS, "CreateCollectorForTasks", { filter: {} }))).fault).toBe("NoPermission");
});

test("every task is of a kind that the manager describes", async () => {
  const { methodInfo } = (await read(client, TASKS, "description")) as TaskDescription;
  const recent = (await read(client, TASKS, "recentTask")) as never[];
  const kinds = new Set(methodInfo.map(({ key }) => key));
  for (const task of recent) expect(kinds).toContain(((await read(client, task, "info")) as TaskInfo).descriptionId);
  expect(recent.length).toBeGreaterThan(0);
  expect((await faultOf(client.call(TASKS, "CreateTask", { obj: TASKS, taskTypeId: "x", cancelable: false }))).fault).toBe("NotSupported");
});
