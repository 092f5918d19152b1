import { readdirSync, statSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { performedApi } from "../src/hostd/index.ts";
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
/** What takes tenths of a second when it is done. */
const FEWER: ReadonlyMap<string, number> = new Map([["GenerateLogBundles_Task", 20]]);
const STATE_EVERY = 8; // looking at the state takes longer than a call
const MEMORY_GROWTH_MAX_MIB = 100; // of this process, which is host and client in one
const DEPTH_MAX = 4;

/** They end the session that the test needs, answer when something happens, which here nothing does, or start a monitor. */
const EXCLUDED: ReadonlySet<string> = new Set(["Logout", "TerminateSession", "WaitForUpdates", "WaitForUpdatesEx", "PowerOnVM_Task"]);

let agent: TestAgent;
let session = "";
const connections = new Agent({ keepAlive: true, rejectUnauthorized: false });

beforeAll(async () => {
  agent = await startAgent();
  const login = await send("SessionManager/ha-sessionmgr/Login", '{"userName":"root","password":"Correct-Horse-9"}');
  session = login.session;
});
afterAll(async () => {
  connections.destroy();
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

/** Everything in the inventory, in ServiceContent and in the host's configManager, and a view: one object of each type. */
async function objectsByType(): Promise<ReadonlyMap<string, string>> {
  const read = async (path: string, body?: string) => JSON.parse((await send(path, body)).text);
  const objects = new Map<string, string>([["ServiceInstance", "ServiceInstance"]]);
  const content: Record<string, MoRef | string> = await read("ServiceInstance/ServiceInstance/content");
  const managers: Record<string, MoRef | string> = await read("HostSystem/ha-host/configManager");
  for (const ref of [...Object.values(managers), ...Object.values(content)])
    if (typeof ref === "object" && "value" in ref) objects.set(ref.type, ref.value);
  const container = JSON.stringify({ container: content.rootFolder, type: [], recursive: true });
  const view: MoRef = await read(`ViewManager/${objects.get("ViewManager")}/CreateContainerView`, container);
  const members: readonly MoRef[] = await read(`ContainerView/${encodeURIComponent(view.value)}/view`);
  for (const { type, value } of [view, ...members]) objects.set(type, value);
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
  "\ud800",
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

const methods = performedApi().flatMap(({ type, methods }) => methods.map((method) => ({ type, method })));

const requestsPerMethod = Math.ceil(REQUESTS / methods.length);

/** What is refused by the schema: the faults that a method declares, and those that every method may answer. */
function isDeclared(fault: string, declared: readonly string[]): boolean {
  return isFaultType(fault) && fault !== "SystemError" && ["RuntimeFault", ...declared].some((base) => isSubtype(fault, base));
}

/** All that a refused call must have left as it was: what lies on the datastore, and the configuration of every VM. */
async function stateOf(): Promise<string> {
  const files = readdirSync(agent.datastore, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, statSync(path).mtimeMs, statSync(path).size].join(" "));
  const vms: readonly MoRef[] = JSON.parse((await send("Folder/ha-folder-vm/childEntity")).text || "[]");
  return JSON.stringify([files.toSorted(), vms]);
}

const rssMiB = (): number => process.memoryUsage.rss() / 2 ** 20;

test(`${methods.length} methods, ${requestsPerMethod} absurd calls of each: only faults of the schema, nothing changed by a call that is refused, and the next good call is served`, {
  timeout: 600_000,
}, async () => {
  const objects = await objectsByType();
  const moids = [...objects.values()];
  const counted = new Map<number, number>();
  let memoryMiB = 0;
  const undeclared = new Map<string, string>();
  for (const [index, { type, method }] of methods.entries()) {
    const schemaMethod = managedObjectType(type).methods.get(method);
    if (schemaMethod === undefined || EXCLUDED.has(method)) continue;
    const vm = await createVm(`vm-${index}`);
    let state: string | undefined;
    for (let round = 0; round < (FEWER.get(method) ?? requestsPerMethod); round++) {
      const random = randomOf(index * requestsPerMethod + round);
      state ??= await stateOf();
      const moid = type === "VirtualMachine" ? vm : (objects.get(type) ?? moids[Math.floor(random() * moids.length)] ?? "");
      const args = JSON.stringify(makeMembers(random, schemaMethod.params, [vm, ...moids], 0));
      const { status, text } = await send(`${type}/${encodeURIComponent(moid)}/${method}`, args);
      const what = `${type}.${method} ${args.slice(0, 2000)}\n→ ${status} ${text.slice(0, 300)}`;
      counted.set(status, (counted.get(status) ?? 0) + 1);
      expect([200, 204, 500], what).toContain(status);
      const fault = status === 500 ? JSON.parse(text)._typeName : await faultOfTask(method, status, text);
      if (fault === undefined) state = undefined;
      else if (!isDeclared(fault, schemaMethod.faults)) undeclared.set(`${method}: ${fault}`, what);
      if (round % STATE_EVERY === 0 && state !== undefined) expect(await stateOf(), what).toBe(state);
    }
    await send(`VirtualMachine/${vm}/Destroy_Task`, "{}");
    if (index === Math.floor(methods.length / 5)) memoryMiB = rssMiB();
  }
  expect(Object.fromEntries(undeclared)).toEqual({});
  expect(counted.get(200)).toBeGreaterThan(0); // some make sense, most do not
  expect(counted.get(500)).toBeGreaterThan(counted.get(200) ?? 0);
  expect((await send("HostSystem/ha-host/name")).text).toBe('"host1"');
  expect(rssMiB() - memoryMiB).toBeLessThan(MEMORY_GROWTH_MAX_MIB);
});

async function faultOfTask(method: string, status: number, text: string): Promise<string | undefined> {
  return status === 200 && method.endsWith("_Task") ? (await taskEnd(JSON.parse(text))).error?.fault._typeName : undefined;
}
