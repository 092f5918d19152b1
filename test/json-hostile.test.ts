import { readdirSync, statSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import Database from "libsql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { performedMethods } from "../src/hostd/index.ts";
import { randomOf } from "../src/interfaces/index.ts";
import {
  dataObjectType,
  enumType,
  isFaultType,
  isSubtype,
  type Member,
  type MoRef,
  managedObjectType,
  subtypesOf,
  type TypeRef,
} from "../src/wire/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";

/** Every method that the host performs, called with what no client should send: a fault of the schema, and never a bug of ours. */
const ROOT = "/sdk/vim25/8.0.3.0";
const REQUESTS = 50_000;
/** What takes tenths of a second when it is done: a bundle is packed, a key is made. */
const SLOW: ReadonlySet<string> = new Set([
  "GenerateLogBundles_Task",
  "GenerateCertificateSigningRequest",
  "GenerateCertificateSigningRequestByDn",
]);
const SLOW_REQUESTS = 20;
const STATE_EVERY = 8; // looking at the state takes longer than a call
const MEMORY_GROWTH_MAX_MIB = 60; // of this process, which is host and client in one
const DEPTH_MAX = 4;

/** They end the session that the test needs, or take its datastore's name away; answer when something happens, which here nothing does; or start a monitor. */
const EXCLUDED: ReadonlySet<string> = new Set([
  ...["Logout", "TerminateSession", "ChangeLockdownMode", "EnterLockdownMode", "RenameDatastore", "Datastore.Rename_Task"],
  ...["WaitForUpdates", "WaitForUpdatesEx", "PowerOnVM_Task"],
]);

const SNAPSHOT = "VirtualMachineSnapshot";
const ROOT_FOLDER = { type: "Folder", value: "ha-folder-root" } as const;

let agent: TestAgent;
let database: Database.Database;
let session = "";
const connections = new Agent({ keepAlive: true, rejectUnauthorized: false });

beforeAll(async () => {
  agent = await startAgent();
  database = new Database(join(agent.folder, "hostd.db"), { readonly: true });
  const login = await send("SessionManager/ha-sessionmgr/Login", '{"userName":"root","password":"Correct-Horse-9"}');
  session = login.session;
});
afterAll(async () => {
  connections.destroy();
  database?.close();
  await agent?.stop(); // throws when the agent met a bug
});

interface Answer {
  readonly status: number;
  readonly session: string;
  readonly text: string;
}

async function send(path: string, body?: string): Promise<Answer> {
  const headers = { ...(body === undefined ? {} : { "Content-Type": "application/json" }), "vmware-api-session-id": session };
  const options = { host: "127.0.0.1", port: agent.port, path: `${ROOT}/${path}`, method: body === undefined ? "GET" : "POST", headers };
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({ ...options, agent: connections }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, session: String(response.headers["vmware-api-session-id"] ?? ""), text }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function read<T>(path: string, body?: object): Promise<T> {
  const { status, text } = await send(path, body === undefined ? undefined : JSON.stringify(body));
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text);
}

/** What a session makes for itself, how, and how it ends: whoever asks a method of it gets a new one. */
const made: Readonly<Record<string, { readonly by: string; readonly args: object | (() => object); readonly end: string }>> = {
  ContainerView: {
    by: "ViewManager/ViewManager/CreateContainerView",
    args: { container: ROOT_FOLDER, type: [], recursive: true },
    end: "DestroyView",
  },
  HttpNfcLease: { by: "ResourcePool/ha-root-pool/ImportVApp", args: importArgs, end: "HttpNfcLeaseAbort" },
  InventoryView: { by: "ViewManager/ViewManager/CreateInventoryView", args: {}, end: "DestroyView" },
  ListView: { by: "ViewManager/ViewManager/CreateListView", args: { obj: [ROOT_FOLDER] }, end: "DestroyView" },
  EventHistoryCollector: { by: "EventManager/ha-eventmgr/CreateCollectorForEvents", args: { filter: {} }, end: "DestroyCollector" },
  TaskHistoryCollector: { by: "TaskManager/ha-taskmgr/CreateCollectorForTasks", args: { filter: {} }, end: "DestroyCollector" },
  PropertyCollector: {
    by: "PropertyCollector/ha-property-collector/CreatePropertyCollector",
    args: {},
    end: "DestroyPropertyCollector",
  },
  PropertyFilter: {
    by: "PropertyCollector/ha-property-collector/CreateFilter",
    args: { spec: { propSet: [{ type: "Folder", pathSet: ["name"] }], objectSet: [{ obj: ROOT_FOLDER }] }, partialUpdates: true },
    end: "DestroyPropertyFilter",
  },
};

let imports = 0;
/** A VM of a name that none has yet. */
function importArgs(): object {
  const configSpec = { name: `imported-${imports++}`, guestId: "otherLinux64Guest", memoryMB: 64, files: { vmPathName: "[datastore1]" } };
  return { spec: { _typeName: "VirtualMachineImportSpec", configSpec } };
}

/** @returns the id of a new object of a type that sessions make; undefined for any other */
async function make(type: string): Promise<string | undefined> {
  const how = made[type];
  if (how === undefined) return undefined;
  const { value } = await read<MoRef>(how.by, typeof how.args === "function" ? how.args() : how.args);
  // Until it is ready, a lease changes what there is by itself.
  while (type === "HttpNfcLease" && (await read<string>(`${type}/${encodeURIComponent(value)}/state`)) === "initializing") {}
  return value;
}

/** Ends what a call made for the session: there is room for a thousand. */
async function endMade(answer: string): Promise<void> {
  const ref: Partial<MoRef> | null = answer === "" ? null : JSON.parse(answer);
  const how = made[ref?.type ?? ""];
  if (ref?.value !== undefined && how !== undefined) await send(`${ref.type}/${encodeURIComponent(ref.value)}/${how.end}`, "{}");
}

/** One object of each type that stays: what is in the inventory and in the host's configManager, and what these lead to. */
async function objectsByType(): Promise<ReadonlyMap<string, string>> {
  const objects = new Map<string, string>([["ServiceInstance", "ServiceInstance"]]);
  const view = await make("ContainerView");
  const members = await read<readonly MoRef[]>(`ContainerView/${encodeURIComponent(view ?? "")}/view`);
  const holders = ["ServiceInstance/ServiceInstance/content", "HostSystem/ha-host/configManager", "TaskManager/ha-taskmgr/recentTask"];
  const held = await Promise.all(holders.map((holder) => read<Readonly<Record<string, MoRef>> | readonly MoRef[]>(holder)));
  for (const ref of [...members, ...held.flatMap((refs) => Object.values(refs))])
    if (typeof ref === "object" && "value" in ref) objects.set(ref.type, ref.value);
  const of = (type: string): string => `${type}/${encodeURIComponent(objects.get(type) ?? "")}`;
  for (const path of [
    `${of("ComputeResource")}/environmentBrowser`,
    `${of("Datastore")}/browser`,
    ...["authManager", "fileManager", "processManager"].map((manager) => `${of("GuestOperationsManager")}/${manager}`),
  ]) {
    const { type, value } = await read<MoRef>(path);
    objects.set(type, value);
  }
  for (const method of ["RetrieveManagedMethodExecuter", "RetrieveDynamicTypeManager"]) {
    const { type, value } = await read<MoRef>(`HostSystem/ha-host/${method}`, {});
    objects.set(type, value);
  }
  return objects;
}

/** A VM that is off, for methods to be called on. */
async function createVm(name: string): Promise<string> {
  const files = { vmPathName: "[datastore1]" };
  const pool = { type: "ResourcePool", value: "ha-root-pool" };
  const config = { name, guestId: "otherLinux64Guest", memoryMB: 64, files };
  const { text } = await send("Folder/ha-folder-vm/CreateVM_Task", JSON.stringify({ config, pool }));
  const info = await taskEnd(JSON.parse(text));
  if (info.result === undefined) throw new Error(`${name} was not created: ${JSON.stringify(info.error)}`);
  return info.result.value;
}

/** A snapshot of a VM, for methods to be called on. */
async function createSnapshot(vm: string): Promise<string> {
  const { text } = await send(`VirtualMachine/${vm}/CreateSnapshot_Task`, '{"name":"s","memory":false,"quiesce":false}');
  const info = await taskEnd(JSON.parse(text));
  if (info.result === undefined) throw new Error(`no snapshot was taken: ${JSON.stringify(info.error)}`);
  return info.result.value;
}

interface TaskEnd {
  readonly state: string;
  readonly result?: MoRef;
  readonly error?: { readonly fault: { readonly _typeName: string } };
}

async function taskEnd({ value }: MoRef): Promise<TaskEnd> {
  for (;;) {
    const info: TaskEnd = JSON.parse((await send(`Task/${encodeURIComponent(value)}/info`)).text);
    if (info.state === "success" || info.state === "error") return info;
  }
}

const ABSURD: readonly unknown[] = [
  null,
  -1,
  2 ** 31,
  1e308,
  "",
  "__proto__",
  "x".repeat(5000),
  true,
  [],
  [[]],
  {},
  { _typeName: "VirtualDisk" },
  { _typeName: "__proto__" },
  { type: "VirtualMachine", value: "1" },
  { _typeName: "ArrayOfString", _value: ["a"] },
];
const TEXTS: readonly string[] = [
  "",
  " ",
  "x",
  "*",
  "name",
  "constructor",
  "VirtualMachine",
  "config.hardware.device[-1].backing",
  "[datastore1]",
  "[datastore1] x/x.vmx",
  "[datastore1] ../../../../nowhere/x.vmdk",
  "[] /nowhere",
  "/ha-datacenter/vm/%2f..%2f",
  "\u0000",
  "\ufffe",
  "(((((((((a*)*)*)*)*)*)*)*)*",
];
const NUMBERS: readonly number[] = [-1, 0, 1, 2, 2 ** 31 - 1, -(2 ** 31), Number.MAX_SAFE_INTEGER];

/** What a client might send where `type` is declared: of that type as a rule, and not what anybody would mean by it. */
function makeValue(random: () => number, type: TypeRef, moids: readonly string[], depth: number): unknown {
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  if (random() < 0.1) return pick(ABSURD);
  const makeItem = (): unknown => {
    switch (type.kind) {
      case "primitive":
        if (type.item === "boolean") return random() < 0.5;
        if (type.item === "dateTime") return pick(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-02-30T00:00:00Z"]);
        return /^(byte|short|int|long|float|double)$/.test(type.item) ? pick(NUMBERS) : pick(TEXTS);
      case "enum":
        return pick([...enumType(type.item).values]);
      case "reference":
        return { type: type.item, value: pick([...moids, "9999", "x"]) };
      case "dataObject": {
        const runtime = pick(subtypesOf(type.item));
        return { _typeName: runtime, ...makeMembers(random, dataObjectType(runtime).members, moids, depth + 1) };
      }
      default:
        return pick<unknown>([{ _typeName: "string", _value: pick(TEXTS) }, { _typeName: "int", _value: pick(NUMBERS) }, "x"]);
    }
  };
  return type.array ? Array.from({ length: Math.floor(random() * 3) }, makeItem) : makeItem();
}

function makeMembers(random: () => number, members: ReadonlyMap<string, Member>, moids: readonly string[], depth: number): object {
  const made: Record<string, unknown> = {};
  for (const { name, type, optional } of members.values()) {
    const left = optional ? random() < (depth < DEPTH_MAX ? 0.6 : 1) : random() < 0.02;
    if (!left) made[name] = makeValue(random, type, moids, depth);
  }
  if (random() < 0.02) made.x = 1;
  return made;
}

const methods = performedMethods().filter(({ type, method }) => !EXCLUDED.has(method) && !EXCLUDED.has(`${type}.${method}`));
const requestsPerMethod = Math.ceil((REQUESTS - SLOW.size * SLOW_REQUESTS) / (methods.length - SLOW.size));

/** What is refused by the schema: the faults that a method declares, and those that every method may answer. */
function isDeclared(fault: string, declared: readonly string[]): boolean {
  return isFaultType(fault) && fault !== "SystemError" && ["RuntimeFault", ...declared].some((base) => isSubtype(fault, base));
}

/** What only says what was asked: also a refusal leaves a line there. */
const HISTORY: ReadonlySet<string> = new Set(["task", "event", "sqlite_sequence"]);

/** All that a refused call must have left as it was: what lies on the datastore, and all that the host keeps of what shall be: VMs,
 * accounts, permissions, roles, options, the auto-start list. */
function stateOf(): string {
  const files = readdirSync(agent.datastore, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, statSync(path).mtimeMs, statSync(path).size].join(" "));
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all() as { name: string }[];
  const kept = tables.filter(({ name }) => !HISTORY.has(name)).map(({ name }) => [name, database.prepare(`SELECT * FROM "${name}"`).all()]);
  return JSON.stringify([files.toSorted(), kept]);
}

/** What is still held, once all garbage is gone: the resident set also shows how much garbage there was before the last collection. */
function heldMiB(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

test(`${methods.length} methods, ${requestsPerMethod} absurd calls of each: only faults of the schema, nothing changed by a call that is refused, and the next good call is served`, {
  timeout: 600_000,
}, async () => {
  await createVm("of-a-task");
  const objects = await objectsByType();
  const moids = [...objects.values()];
  const pick = (random: () => number): string => moids[Math.floor(random() * moids.length)] ?? "";
  expect(
    methods.map(({ type }) => type).filter((type) => !(type in made || objects.has(type) || ["ManagedObject", SNAPSHOT].includes(type))),
  ).toEqual([]);
  const counted = new Map<number, number>();
  let memoryMiB = 0;
  const undeclared = new Map<string, string>();
  for (const [index, { type, method }] of methods.entries()) {
    const schemaMethod = managedObjectType(type).methods.get(method);
    if (schemaMethod === undefined) throw new Error(`the schema has no ${type}.${method}`);
    const vm = await createVm(`vm-${index}`);
    const makeOwn = () => (type === SNAPSHOT ? createSnapshot(vm) : make(type));
    let own = await makeOwn();
    let state: string | undefined;
    for (let round = 0; round < (SLOW.has(method) ? SLOW_REQUESTS : requestsPerMethod); round++) {
      const random = randomOf(index * requestsPerMethod + round);
      state ??= stateOf();
      const moid = own ?? (type === "VirtualMachine" ? vm : (objects.get(type) ?? pick(random)));
      const args = JSON.stringify(makeMembers(random, schemaMethod.params, [vm, ...moids], 0));
      const { status, text } = await send(`${type}/${encodeURIComponent(moid)}/${method}`, args);
      const what = `${type}.${method} ${args.slice(0, 2000)}\n→ ${status} ${text.slice(0, 300)}`;
      counted.set(status, (counted.get(status) ?? 0) + 1);
      expect([200, 204, 500], what).toContain(status);
      const fault = status === 500 ? JSON.parse(text)._typeName : await faultOfTask(method, status, text);
      if (isLost(fault, text, moid) && type !== "VirtualMachine" && !args.includes(moid)) undeclared.set(`${method} of nothing`, what);
      if (fault === undefined) {
        state = undefined;
        await endMade(text);
        if (method === made[type]?.end || method === "RemoveSnapshot_Task") own = await makeOwn();
      } else if (!isDeclared(fault, schemaMethod.faults)) undeclared.set(`${method}: ${fault}`, what);
      if (round % STATE_EVERY === 0 && state !== undefined) expect(stateOf(), what).toBe(state);
    }
    const { status, text } = await send(`VirtualMachine/${vm}/Destroy_Task`, "{}");
    if (status === 200) await taskEnd(JSON.parse(text));
    if (method === "EnterMaintenanceMode_Task") await send("HostSystem/ha-host/ExitMaintenanceMode_Task", '{"timeout":0}');
    if (index === Math.floor(methods.length / 5)) memoryMiB = heldMiB();
  }
  expect(Object.fromEntries(undeclared)).toEqual({});
  expect([...counted.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(REQUESTS);
  expect(counted.get(200)).toBeGreaterThan(0); // some make sense, most do not
  expect(counted.get(500)).toBeGreaterThan(counted.get(200) ?? 0);
  expect((await send("HostSystem/ha-host/name")).text).toBe('"host1"');
  expect(heldMiB() - memoryMiB).toBeLessThan(MEMORY_GROWTH_MAX_MIB);
});

/** Whether a call found nothing to be called on: then its method was not reached. */
function isLost(fault: string | undefined, text: string, moid: string): boolean {
  return fault === "ManagedObjectNotFound" && JSON.parse(text).obj?.value === moid;
}

async function faultOfTask(method: string, status: number, text: string): Promise<string | undefined> {
  return status === 200 && method.endsWith("_Task") ? (await taskEnd(JSON.parse(text))).error?.fault._typeName : undefined;
}
