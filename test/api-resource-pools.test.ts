import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type {
  MoRef,
  ResourceAllocationInfo,
  ResourceConfigSpec,
  VirtualMachineConfigSpec,
  VirtualMachineSummary,
} from "../src/wire/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";
import { esxcli } from "./esxcli.ts";
import { waitFor } from "./harness.ts";
import { createVm, ended, ROOT_POOL, read, succeeded, VM_FOLDER } from "./vm.ts";

/** Resource pools through the API. Paper «Resource Provisioning, Shares, and Limits». What a pool does to a guest is cpu.test.ts. */
const READ_ONLY = -2;
const NO_ACCESS = -5;
const MIB = 2 ** 20;
let host: TestAgent;
let client: VimClient;
let capacityMhz: number;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
  capacityMhz = ((await read(client, ROOT_POOL, "config")) as ResourceConfigSpec).cpuAllocation.limit ?? 0;
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const spec = (cpu: ResourceAllocationInfo = {}, memory: ResourceAllocationInfo = {}): ResourceConfigSpec => ({
  cpuAllocation: cpu,
  memoryAllocation: memory,
});
const makePool = (name: string, parent: MoRef = ROOT_POOL, config = spec()): Promise<MoRef<"ResourcePool">> =>
  client.call(parent as MoRef<"ResourcePool">, "CreateResourcePool", { name, spec: config });
const vmSpec = (name: string) => ({ name, memoryMB: 64, files: { vmPathName: "[datastore1]" } });
const powerOn = async (vm: MoRef<"VirtualMachine">) => ended(client, await client.call(vm, "PowerOnVM_Task", {}));
const idsOf = async (object: MoRef, property: string) => ((await read(client, object, property)) as MoRef[]).map(({ value }) => value);

test("pools lie in pools, and each is an entity of the inventory with its own place in it", async () => {
  const web = await makePool("web/shop");
  const inner = await makePool("inner", web, spec({ shares: { level: "high", shares: 1 } }));
  expect(await idsOf(ROOT_POOL, "resourcePool")).toContain(web.value);
  expect(await read(client, web, "name")).toBe("web%2fshop");
  expect(await read(client, inner, "parent")).toMatchObject(web);
  expect(await read(client, inner, "config")).toMatchObject({
    cpuAllocation: { reservation: 0, limit: -1, expandableReservation: true, shares: { level: "high", shares: 8000 } },
    memoryAllocation: { shares: { level: "normal", shares: 163_840 } },
  });
  const view = await client.call(moRef("ViewManager", "ViewManager"), "CreateContainerView", {
    ...{ container: moRef("Folder", "ha-folder-root"), type: ["ResourcePool"], recursive: true },
  });
  expect(await idsOf(view, "view")).toEqual(expect.arrayContaining([ROOT_POOL.value, web.value, inner.value]));
  await succeeded(client, await client.call(inner, "Rename_Task", { newName: "deep" }));
  expect(await read(client, inner, "summary.name")).toBe("deep");
  await client.call(web, "DestroyChildren", {});
  expect((await faultOf(read(client, inner, "name"))).fault).toBe("ManagedObjectNotFound");
  await succeeded(client, await client.call(web, "Destroy_Task", {}));
  expect(await idsOf(ROOT_POOL, "resourcePool")).not.toContain(web.value);
});

test("a VM lies in the pool that it was made in, moves, and falls to the parent of a pool that is taken away; vmkernel is told", async () => {
  const outer = await makePool("outer", ROOT_POOL, spec({ limit: 500 }));
  const inner = await makePool("inner", outer);
  const task = await client.call(VM_FOLDER, "CreateVM_Task", { config: vmSpec("member"), pool: inner });
  const vm = (await succeeded(client, task)) as MoRef<"VirtualMachine">;
  expect(await read(client, vm, "resourcePool")).toMatchObject(inner);
  expect(await idsOf(inner, "vm")).toEqual([vm.value]);
  const poolOfVm = () => host.resources().vms.find((told) => told.vm === vm.value)?.pool;
  const idOf = (pool: MoRef) => Number(pool.value.replace("pool", ""));
  await waitFor(() => poolOfVm() === idOf(inner), 5000);
  expect(host.resources().pools).toMatchObject([
    { id: idOf(outer), cpu: { limitMhz: 500 } },
    { id: idOf(inner), parent: idOf(outer) },
  ]);
  await succeeded(client, await client.call(inner, "Destroy_Task", {}));
  expect(await read(client, vm, "resourcePool")).toMatchObject(outer);
  await client.call(ROOT_POOL, "MoveIntoResourcePool", { list: [vm] });
  expect(await read(client, vm, "resourcePool")).toMatchObject(ROOT_POOL);
  await waitFor(() => poolOfVm() === undefined, 5000);
  await succeeded(client, await client.call(outer, "Destroy_Task", {}));
});

test("what runs has what it was guaranteed: a power-on that would break a promise does not begin", async () => {
  const half = Math.floor(capacityMhz / 2);
  const fixed = await makePool("fixed", ROOT_POOL, spec({ reservation: half, expandableReservation: false }));
  const numCPUs = (await read(client, moRef("HostSystem", "ha-host"), "summary.hardware.numCpuCores")) as number;
  const cpuAllocation = { reservation: half };
  const vms = await Promise.all(["first", "second"].map((name) => createVm(client, { ...vmSpec(name), numCPUs, cpuAllocation })));
  const [first, second] = vms as [MoRef<"VirtualMachine">, MoRef<"VirtualMachine">];
  await client.call(fixed, "MoveIntoResourcePool", { list: vms });
  expect((await powerOn(first)).state).toBe("success");
  expect(await read(client, fixed, "runtime.cpu")).toMatchObject({ reservationUsed: half, reservationUsedForVm: half, unreservedForVm: 0 });
  const refused = await powerOn(second);
  expect(refused.error?.fault).toMatchObject({ $type: "InsufficientCpuResourcesFault", unreserved: 0, requested: half });
  expect(await read(client, second, "runtime.powerState")).toBe("poweredOff");
  // what runs in it keeps a pool from being made smaller, and a VM that runs from taking more than there is
  expect((await faultOf(client.call(fixed, "UpdateConfig", { config: spec({ reservation: half - 1 }) }))).fault).toBe(
    "InsufficientCpuResourcesFault",
  );
  const more = { spec: { cpuAllocation: { reservation: half + 1 } } };
  expect((await faultOf(client.call(first, "ReconfigVM_Task", more))).fault).toBe("InsufficientCpuResourcesFault");
  await client.call(fixed, "UpdateConfig", { name: "grown", config: spec({ expandableReservation: true }) });
  expect((await powerOn(second)).state).toBe("success");
  for (const vm of vms) await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await succeeded(client, await client.call(fixed, "Destroy_Task", {}));
});

test("a guest whose reservation the machine has no memory for is not started, and a limit left behind when the memory was raised is warned of", async () => {
  const hostMemoryMb = Math.floor(((await read(client, moRef("HostSystem", "ha-host"), "hardware.memorySize")) as number) / MIB);
  const all = Math.floor(hostMemoryMb / 4) * 4;
  const large = await createVm(client, { ...vmSpec("large"), memoryMB: all, memoryAllocation: { reservation: all } });
  expect((await powerOn(large)).error?.fault).toMatchObject({ $type: "InsufficientMemoryResourcesFault" });
  expect(await read(client, large, "runtime.powerState")).toBe("poweredOff");
  const trapped = await createVm(client, { ...vmSpec("trapped"), memoryAllocation: { limit: 64 } });
  await succeeded(client, await client.call(trapped, "ReconfigVM_Task", { spec: { memoryMB: 128 } }));
  const warning = /memory limit, 64 MB, is below its memory, 128 MB/;
  const events = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  expect(
    events.filter(({ $type, fullFormattedMessage }) => $type === "VmMessageWarningEvent" && warning.test(fullFormattedMessage ?? "")),
  ).toHaveLength(1);
  expect(await read(client, trapped, "configIssue")).toMatchObject([{ fullFormattedMessage: expect.stringMatching(warning) }]);
  expect(await read(client, trapped, "overallStatus")).toBe("yellow");
  await succeeded(client, await client.call(trapped, "ReconfigVM_Task", { spec: { memoryAllocation: { limit: -1 } } }));
  expect(await read(client, trapped, "configIssue")).toEqual([]);
});

test("what a .vmx says of its balloon reaches vmkernel, and locked memory is counted as reserved", async () => {
  const keys = [{ key: "sched.mem.maxmemctl", value: { anyType: "string" as const, value: "16" } }];
  const vm = await createVm(client, { ...vmSpec("locked"), extraConfig: keys });
  const told = () => host.resources().vms.find((one) => one.vm === vm.value);
  await waitFor(() => told()?.balloonMiBMax === 16, 5000);
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { memoryReservationLockedToMax: true } }));
  await waitFor(() => told()?.memory.reservationMiB === 64, 5000);
  const small = await makePool("small", ROOT_POOL, spec({}, { reservation: 64, expandableReservation: false }));
  await client.call(small, "MoveIntoResourcePool", { list: [vm] });
  expect((await powerOn(vm)).error?.fault).toMatchObject({ $type: "InsufficientMemoryResourcesFault" }); // its monitor needs some, too
  await succeeded(client, await client.call(small, "Destroy_Task", {}));
});

test("what a VM may use at most, has reserved and would get in the worst case is in its summary, and its pool adds it up", async () => {
  const pool = await makePool("shown");
  const reserved = { cpuAllocation: { reservation: 10 }, memoryAllocation: { reservation: 32 } };
  const vm = await createVm(client, { ...vmSpec("shown"), ...reserved });
  await client.call(pool, "MoveIntoResourcePool", { list: [vm] });
  const mhz = (await read(client, moRef("HostSystem", "ha-host"), "summary.hardware.cpuMhz")) as number;
  const summary = async () => (await read(client, vm, "summary")) as VirtualMachineSummary;
  expect(await summary()).toMatchObject({
    config: { cpuReservation: 10, memoryReservation: 32 },
    runtime: { maxCpuUsage: mhz, maxMemoryUsage: 64 },
    quickStats: { staticMemoryEntitlement: 0 },
  });
  expect((await summary()).runtime.memoryOverhead).toBeUndefined();
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  const { runtime, quickStats } = await summary();
  expect(runtime.memoryOverhead).toBeGreaterThan(64 * MIB);
  expect(quickStats.staticMemoryEntitlement).toBe(64);
  expect(quickStats.overallCpuUsage).toBeUndefined(); // it runs, and was not measured yet
  const ofPool = { staticMemoryEntitlement: 64, overheadMemory: (runtime.memoryOverhead ?? 0) / MIB };
  expect(await read(client, pool, "summary.quickStats")).toMatchObject(ofPool);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await succeeded(client, await client.call(pool, "Destroy_Task", {}));
});

test("page sharing that is switched off or on is told of, with what it had saved", async () => {
  const OPTIONS = moRef("OptionManager", "ha-adv-options");
  const setRate = (value: number) =>
    client.call(OPTIONS, "UpdateOptions", {
      changedValue: [{ $type: "OptionValue", key: "Mem.ShareRateMax", value: { anyType: "int", value } }],
    });
  for (const rate of [0, 0, 2048, 1024]) await setRate(rate);
  const events = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  const told = events.flatMap(({ fullFormattedMessage = "" }) =>
    fullFormattedMessage.startsWith("Page sharing is") ? [fullFormattedMessage] : [],
  );
  expect(told).toEqual([
    "Page sharing is switched off, and each VM has pages of its own again: 24 MB were kept in 6 MB, which saved 18 MB",
    "Page sharing is switched on: 2048 pages a second are scanned of each VM that shares",
  ]);
});

test("of VMs of different salts that are powered on at the same time one shares memory, and the others start without and say so", async () => {
  const vms = await Promise.all(
    ["red", "green", "blue"].map((salt) =>
      createVm(client, { ...vmSpec(salt), extraConfig: [{ key: "sched.mem.pshare.salt", value: { anyType: "string", value: salt } }] }),
    ),
  );
  expect((await Promise.all(vms.map(powerOn))).map(({ state }) => state)).toEqual(["success", "success", "success"]);
  const groups = vms.map(({ value }) => host.monitors().find(({ vm }) => vm === value)?.sharingGroup);
  expect(groups.filter((group) => group !== undefined)).toHaveLength(1);
  const events = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  const shares = /shares equal pages of its memory with VMs of the group «salt /;
  expect(events.filter(({ fullFormattedMessage = "" }) => shares.test(fullFormattedMessage))).toHaveLength(1);
  const listed = (await esxcli(client, "bulkhead memory sharing list")).rows ?? [];
  // of the machine's, ¾ are saved
  expect(listed.map(({ SharedMB, SavedMB }) => [SharedMB?.[0], SavedMB?.[0]]).sort()).toEqual([
    ["0", "0"],
    ["0", "0"],
    ["8", "6"],
  ]);
  const whole = { VMsSharing: ["1"], Shared: ["24"], Common: ["6"], Saved: ["18"] };
  expect(await esxcli(client, "bulkhead memory sharing get")).toMatchObject({ rows: [whole] });
  expect(
    events.filter(({ fullFormattedMessage }) => /shared with nobody while VMs of another group/.test(fullFormattedMessage ?? "")),
  ).toHaveLength(2);
  for (const vm of vms) await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test.each<[string, () => Promise<unknown>, string]>([
  ["a name that a sibling has", () => makePool("taken"), "DuplicateName"],
  ["no name", () => makePool(""), "InvalidName"],
  ["a reservation over the host", () => makePool("x", ROOT_POOL, spec({ reservation: capacityMhz + 1 })), "InsufficientCpuResourcesFault"],
  ["a limit below a reservation", () => makePool("x", ROOT_POOL, spec({ reservation: 2, limit: 1 })), "InvalidArgument"],
  ["a negative reservation", () => makePool("x", ROOT_POOL, spec({ reservation: -1 })), "InvalidArgument"],
  ["a limit that no machine reaches", () => makePool("x", ROOT_POOL, spec({ limit: 2 ** 33 })), "InvalidArgument"],
  ["memory that no number of bytes tells", () => makePool("x", ROOT_POOL, spec({}, { reservation: 2 ** 40 })), "InvalidArgument"],
  ["memory of petabytes", () => makePool("x", ROOT_POOL, spec({}, { reservation: 2 ** 31 })), "InsufficientMemoryResourcesFault"],
  ["a pool that is not there", () => makePool("x", moRef("ResourcePool", "pool9999")), "ManagedObjectNotFound"],
  ["a move of the root pool", () => client.call(ROOT_POOL, "MoveIntoResourcePool", { list: [ROOT_POOL] }), "InvalidArgument"],
  [
    "a move of what is no VM",
    () => client.call(ROOT_POOL, "MoveIntoResourcePool", { list: [moRef("VirtualMachine", "9999")] }),
    "ManagedObjectNotFound",
  ],
  ["another name for the root pool", () => client.call(ROOT_POOL, "UpdateConfig", { name: "mine" }), "NotSupported"],
  [
    "a change of what does not lie in the pool",
    () => client.call(ROOT_POOL, "UpdateChildResourceConfiguration", { spec: [{ ...spec(), entity: VM_FOLDER }] }),
    "InvalidArgument",
  ],
  [
    "a VM in a pool that is not there",
    () => client.call(VM_FOLDER, "CreateVM_Task", { config: vmSpec("lost"), pool: moRef("ResourcePool", "pool9999") }),
    "ManagedObjectNotFound",
  ],
])("%s is refused, and nothing has changed", async (_, deed, fault) => {
  const before = await idsOf(ROOT_POOL, "resourcePool");
  if (before.length === 0) before.push((await makePool("taken")).value);
  expect((await faultOf(deed())).fault).toBe(fault);
  expect(await idsOf(ROOT_POOL, "resourcePool")).toEqual(before);
});

/** What no VM can have, and the fault that says so, whoever makes or changes it. */
const absurd: readonly [string, Partial<VirtualMachineConfigSpec>, string][] = [
  ["a negative reservation", { cpuAllocation: { reservation: -1 } }, "InvalidArgument"],
  ["a negative limit that is not -1", { memoryAllocation: { limit: -2 } }, "InvalidArgument"],
  ["a limit below its reservation", { memoryAllocation: { reservation: 32, limit: 16 } }, "InvalidArgument"],
  ["more memory reserved than it has", { memoryAllocation: { reservation: 128 } }, "InvalidArgument"],
  ["a limit that no machine reaches", { cpuAllocation: { limit: 2 ** 40 } }, "InvalidArgument"],
  ["no shares", { cpuAllocation: { shares: { level: "custom", shares: 0 } } }, "InvalidArgument"],
  ["a processor that is not there", { cpuAffinity: { affinitySet: [1023] } }, "InvalidArgument"],
  ["more memory than the host", { memoryMB: 2 ** 30 }, "MemorySizeNotSupported"],
  ["more processors than the host", { numCPUs: 250 }, "NotEnoughCpus"],
];

test.each(absurd)("a VM with %s is neither made, changed nor imported, and nothing of it is left", async (_, bad, fault) => {
  const vms = async () => (await idsOf(VM_FOLDER, "childEntity")).join();
  const [listed, files] = [await vms(), readdirSync(host.datastore).join()];
  const whole = { ...vmSpec("absurd"), ...bad };
  expect((await faultOf(client.call(VM_FOLDER, "CreateVM_Task", { config: whole, pool: ROOT_POOL }))).fault).toBe(fault);
  const spec = { $type: "VirtualMachineImportSpec", configSpec: whole } as const;
  expect((await faultOf(client.call(ROOT_POOL as MoRef<"ResourcePool">, "ImportVApp", { spec }))).fault).toBe(fault);
  expect([await vms(), readdirSync(host.datastore).join()]).toEqual([listed, files]);
  const sane = await createVm(client, vmSpec("sane"));
  const vmx = () => readFileSync(join(host.datastore, "sane", "sane.vmx"), "utf8");
  const before = vmx();
  expect((await faultOf(client.call(sane, "ReconfigVM_Task", { spec: bad }))).fault).toBe(fault);
  expect(vmx()).toBe(before);
  await succeeded(client, await client.call(sane, "Destroy_Task", {}));
});

test("a pool moves with what is in it, several change at once, and each change leaves an event", async () => {
  const [from, to] = [await makePool("from"), await makePool("to")];
  const child = await makePool("child", from, spec({ reservation: 10 }));
  await client.call(to, "MoveIntoResourcePool", { list: [child] });
  expect(await read(client, child, "parent")).toMatchObject(to);
  expect((await faultOf(client.call(child, "MoveIntoResourcePool", { list: [to] }))).fault).toBe("InvalidArgument");
  const swap = [{ ...spec({ reservation: 0 }), entity: child }];
  await client.call(to, "UpdateChildResourceConfiguration", { spec: swap });
  expect(await read(client, to, "childConfiguration")).toMatchObject([{ entity: child, cpuAllocation: { reservation: 0 } }]);
  const stale = { config: { ...spec({ reservation: 1 }), changeVersion: "1" } };
  expect((await faultOf(client.call(child, "UpdateConfig", stale))).fault).toBe("ConcurrentAccess");
  await client.call(to, "RefreshRuntime", {});
  expect(await client.call(to, "QueryResourceConfigOption", {})).toMatchObject({
    cpuAllocationOption: { sharesOption: { sharesOption: { min: 1, max: 1_000_000 } } },
  });
  const events = await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} });
  const types = events?.map(({ $type }) => $type);
  expect(types).toEqual(
    expect.arrayContaining([
      "ResourcePoolCreatedEvent",
      "ResourcePoolMovedEvent",
      "ResourcePoolReconfiguredEvent",
      "ResourcePoolDestroyedEvent",
    ]),
  );
});

test("pools and VMs in a pool are changed together, whole or not at all, and each child's own permissions are asked", async () => {
  const parent = await makePool("parent", ROOT_POOL, spec({ reservation: 100, expandableReservation: false }));
  const pool = await makePool("child", parent);
  const [left, right] = [await createVm(client, vmSpec("left")), await createVm(client, vmSpec("right"))];
  const vms = [left, right];
  await client.call(parent, "MoveIntoResourcePool", { list: vms });
  const update = (as: VimClient, specs: readonly ResourceConfigSpec[]) =>
    as.call(parent, "UpdateChildResourceConfiguration", { spec: specs });
  const children = async () =>
    ((await read(client, parent, "childConfiguration")) as ResourceConfigSpec[]).map(({ entity, cpuAllocation, memoryAllocation }) => [
      ...[entity?.value, cpuAllocation.reservation, memoryAllocation.shares?.level],
    ]);
  const high = { shares: { level: "high" as const, shares: 0 } };
  await update(client, [
    { entity: left, ...spec({ reservation: 20 }, high) },
    { entity: pool, ...spec({ reservation: 30 }) },
  ]);
  const before = [
    [pool.value, 30, "normal"],
    [left.value, 20, "high"],
    [right.value, 0, "normal"],
  ];
  expect(await children()).toEqual(before);
  await waitFor(() => host.resources().vms.find(({ vm }) => vm === left.value)?.cpu.reservationMhz === 20, 5000);
  const refused: readonly [readonly ResourceConfigSpec[], string][] = [
    [
      [
        { entity: left, ...spec({ reservation: 40 }) },
        { entity: right, ...spec({ reservation: -1 }) },
      ],
      "InvalidArgument",
    ],
    [
      [
        { entity: left, ...spec({ reservation: 40 }) },
        { entity: pool, ...spec({ reservation: 101 }) },
      ],
      "InsufficientCpuResourcesFault",
    ],
    [
      [
        { entity: left, ...spec({ reservation: 40 }) },
        { entity: parent, ...spec() },
      ],
      "InvalidArgument",
    ],
    [[{ entity: left, ...spec({ limit: 40 }), changeVersion: "of another time" }], "InvalidState"],
  ];
  for (const [specs, fault] of refused) {
    expect((await faultOf(update(client, specs))).fault).toBe(fault);
    expect(await children()).toEqual(before);
  }
  // who edits the parent edits none of its children by that
  const AUTHORIZATION = moRef("AuthorizationManager", "ha-authmgr");
  const editor = { principal: `role${READ_ONLY}`, group: false, roleId: -1, propagate: false };
  await client.call(AUTHORIZATION, "SetEntityPermissions", { entity: parent, permission: [editor] });
  await using reader = await host.login(READ_ONLY);
  for (const entity of [pool, left])
    expect((await faultOf(update(reader, [{ entity, ...spec({ reservation: 1 }) }]))).fault).toBe("NoPermission");
  const groups = async () => ((await esxcli(reader, "sched group list")).rows ?? []).map(({ Group }) => Group?.[0]);
  expect(await groups()).toContain("Resources/parent/child");
  const nobody = { ...editor, roleId: NO_ACCESS };
  await client.call(AUTHORIZATION, "SetEntityPermissions", { entity: pool, permission: [nobody] });
  expect(await groups()).toContain("Resources/parent"); // and what may not be seen is left out
  expect(await groups()).not.toContain("Resources/parent/child");
  const seen = (await read(reader, parent, "childConfiguration")) as ResourceConfigSpec[];
  expect(seen.map(({ entity }) => entity?.value)).toEqual([left.value, right.value]);
  const asEditor = (method: "DestroyChildren" | "Destroy_Task") => faultOf(reader.call(parent, method, {}));
  for (const method of ["DestroyChildren", "Destroy_Task"] as const) expect((await asEditor(method)).fault).toBe("NoPermission");
  expect(await children()).toEqual(before);
  await succeeded(client, await client.call(parent, "Destroy_Task", {}));
});

test("who may only read makes no pool, moves nothing and takes nothing away; pools outlive the host agent", async () => {
  const kept = await makePool("kept", ROOT_POOL, spec({ reservation: 7 }));
  const vm = await createVm(client, vmSpec("kept"));
  await client.call(kept, "MoveIntoResourcePool", { list: [vm] });
  await using reader = await host.login(READ_ONLY);
  const asReader = (call: Promise<unknown>) => faultOf(call).then(({ fault }) => fault);
  expect(await asReader(reader.call(kept, "CreateResourcePool", { name: "x", spec: spec() }))).toBe("NoPermission");
  expect(await asReader(reader.call(ROOT_POOL, "MoveIntoResourcePool", { list: [vm] }))).toBe("NoPermission");
  expect(await asReader(reader.call(kept, "Destroy_Task", {}))).toBe("NoPermission");
  expect(await asReader(reader.call(moRef("ManagedEntity", kept.value) as never, "Rename_Task", { newName: "x" }))).toBe("NoPermission");
  client.close();
  await host.stop({ keepFolder: true });
  host = await startAgent(host.folder);
  client = await host.login();
  expect(await read(client, kept, "config.cpuAllocation.reservation")).toBe(7);
  expect(await idsOf(kept, "vm")).toEqual([vm.value]);
  expect(host.resources().pools.map(({ id }) => `pool${id}`)).toContain(kept.value);
});
