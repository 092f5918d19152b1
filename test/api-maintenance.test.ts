import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { Event, HostListSummary, HostRuntimeInfo, MoRef, TaskInfo } from "../src/wire/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";
import { waitFor } from "./harness.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** Maintenance mode and the end of the host over the wire: what is refused meanwhile, what is waited for, and what outlasts a restart. */
const HOST = moRef("HostSystem", "ha-host");
const EVENTS = moRef("EventManager", "ha-eventmgr");
const TASKS = moRef("TaskManager", "ha-taskmgr");
const READ_ONLY = -2;
let host: TestAgent;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
  vm = await createVm(client, { name: "guarded", files: { vmPathName: "[datastore1]" } });
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const enter = (timeout: number) => client.call(HOST, "EnterMaintenanceMode_Task", { timeout });
const exit = () => client.call(HOST, "ExitMaintenanceMode_Task", { timeout: 0 });
const failure = async (task: MoRef<"Task">) => (await ended(client, task)).error?.fault.$type;
const isIn = async () => ((await read(client, HOST, "runtime")) as HostRuntimeInfo).inMaintenanceMode;
const eventsSince = async (key: number) =>
  ((await client.call(EVENTS, "QueryEvents", { filter: {} })) as readonly Event[])
    .filter((event) => event.key > key)
    .map(({ $type }) => $type);
const latest = async () => ((await read(client, EVENTS, "latestEvent")) as Event).key;

test("an entry waits for the guests that run, starts nothing meanwhile, and can be called off", async () => {
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  const before = await latest();
  expect(await failure(await enter(1))).toBe("Timedout");
  const task = await enter(0);
  await waitFor(async () => ((await read(client, task, "info")) as TaskInfo).cancelable, 5000);
  expect(await isIn()).toBe(false);
  expect(await failure(await enter(0)), "one is enough").toBe("InvalidState");
  const other = await client.call(moRef("Folder", "ha-folder-vm"), "CreateVM_Task", {
    config: { name: "late", files: { vmPathName: "[datastore1]" } },
    pool: moRef("ResourcePool", "ha-root-pool"),
  });
  expect(await failure(other)).toBe("InvalidState");
  await client.call(task, "CancelTask", {});
  expect(await failure(task)).toBe("RequestCanceled");
  expect(await eventsSince(before)).toEqual([
    ...["EnteringMaintenanceModeEvent", "CanceledHostOperationEvent"],
    ...["EnteringMaintenanceModeEvent", "CanceledHostOperationEvent"],
  ]);
  await succeeded(
    client,
    await createVm(client, { name: "free again", files: { vmPathName: "[datastore1]" } }).then((made) =>
      client.call(made, "Destroy_Task", {}),
    ),
  );
});

test("once the last guest is off the host is in maintenance mode, starts and makes nothing, also after a restart, until it is taken back", async () => {
  const before = await latest();
  const task = await enter(60);
  await waitFor(async () => ((await read(client, task, "info")) as TaskInfo).state === "running", 5000);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await succeeded(client, task);
  expect(await eventsSince(before)).toContain("EnteredMaintenanceModeEvent");
  expect(((await read(client, HOST, "summary")) as HostListSummary).runtime?.inMaintenanceMode).toBe(true);
  expect(await failure(await client.call(vm, "PowerOnVM_Task", {}))).toBe("InvalidState");

  client.close();
  await host.stop({ keepFolder: true });
  host = await startAgent(host.folder);
  client = await host.login();
  expect(await isIn()).toBe(true);
  expect(await failure(await client.call(vm, "PowerOnVM_Task", {}))).toBe("InvalidState");
  const path = "[datastore1] guarded/guarded.vmx";
  await client.call(vm, "UnregisterVM", {});
  const register = () =>
    client.call(moRef("Folder", "ha-folder-vm"), "RegisterVM_Task", {
      path,
      asTemplate: false,
      pool: moRef("ResourcePool", "ha-root-pool"),
    });
  expect(await failure(await register())).toBe("InvalidState");
  expect(await failure(await enter(0))).toBe("InvalidState");

  await succeeded(client, await exit());
  expect(await isIn()).toBe(false);
  expect(await failure(await exit())).toBe("InvalidState");
  vm = (await succeeded(client, await register())) as MoRef<"VirtualMachine">;
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a host in service ends by force alone; one in maintenance mode ends when it is told, and who may only read tells nobody", async () => {
  for (const method of ["RebootHost_Task", "ShutdownHost_Task"] as const) {
    expect((await faultOf(client.call(HOST, method, { force: false }))).fault).toBe("InvalidState");
  }
  await using reader = await host.login(READ_ONLY);
  for (const method of ["RebootHost_Task", "ShutdownHost_Task"] as const) {
    expect((await faultOf(reader.call(HOST, method, { force: true }))).fault).toBe("NoPermission");
  }
  expect(host.powered).toEqual([]);
  await succeeded(client, await client.call(HOST, "RebootHost_Task", { force: true }));
  await succeeded(client, await enter(0));
  await succeeded(client, await client.call(HOST, "ShutdownHost_Task", { force: false }));
  expect(host.powered).toEqual(["reboot", "shutdown"]);
  await succeeded(client, await exit());
  expect((await read(client, TASKS, "recentTask")) as readonly MoRef[]).not.toEqual([]);
});

test("what a VM costs beyond its memory is as much as its monitor may take, and a flag that nothing honours is refused", async () => {
  const overhead = (numVcpus: number, videoRamSize = 0) =>
    client.call(HOST, "QueryMemoryOverhead", { memorySize: 2 ** 30, videoRamSize, numVcpus });
  const [one, two] = [await overhead(1), await overhead(2)];
  expect(one).toBeGreaterThan(97 * 2 ** 20); // what was measured of one
  expect(two).toBeGreaterThan(one);
  expect(await overhead(1, 4 * 2 ** 20)).toBe(one + 8 * 2 ** 20);
  const config = (await read(client, vm, "config")) as Parameters<typeof ofConfig>[0];
  expect(await ofConfig(config)).toBeGreaterThan(one);
  expect((await faultOf(overhead(0))).fault).toBe("InvalidArgument");
  await client.call(HOST, "UpdateFlags", { flagInfo: { backgroundSnapshotsEnabled: false } });
  expect((await faultOf(client.call(HOST, "UpdateFlags", { flagInfo: { backgroundSnapshotsEnabled: true } }))).fault).toBe("NotSupported");
});

function ofConfig(vmConfigInfo: Parameters<typeof client.call<"HostSystem", "QueryMemoryOverheadEx">>[2]["vmConfigInfo"]) {
  return client.call(HOST, "QueryMemoryOverheadEx", { vmConfigInfo });
}
