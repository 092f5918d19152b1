import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { PASSWORD, sleep, startHost, type TestHost } from "./harness.ts";
import { openDoor } from "./recording.ts";
import { read } from "./vm.ts";

/** The vSphere API in JSON: another door to the same objects, and each door shows what was done through the other. No guest runs here. */
const run = promisify(execFile);
const ROOT = "/sdk/vim25/8.0.3.0";
const TASK_MS = 30_000;

let host: TestHost;
let soap: VimClient;
let session: string;

beforeAll(async () => {
  host = await startHost();
  soap = await host.login();
  const answer = await login(PASSWORD);
  session = String(answer.headers["vmware-api-session-id"]);
});
afterAll(async () => {
  soap?.close();
  await host?.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** GET without arguments, POST with them. */
async function send(path: string, args?: unknown, sessionKey?: string): Promise<Answer> {
  const headers = {
    ...(args === undefined ? {} : { "Content-Type": "application/json" }),
    ...(sessionKey === undefined ? {} : { "vmware-api-session-id": sessionKey }),
  };
  const method = args === undefined ? "GET" : "POST";
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({ host: "127.0.0.1", port: host.port, path, method, headers, rejectUnauthorized: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bodyOf(text, response.headers["content-type"]) }),
      );
    });
    request.on("error", reject);
    request.end(args === undefined ? undefined : JSON.stringify(args));
  });
}

const bodyOf = (text: string, type: string | undefined): unknown => (type === "application/json" ? JSON.parse(text) : text);

const login = (password: string) => send(`${ROOT}/SessionManager/ha-sessionmgr/Login`, { userName: "root", password });
const get = (object: string, property: string) => send(`${ROOT}/${object}/${property}`, undefined, session);
const call = (object: string, method: string, args: object = {}) => send(`${ROOT}/${object}/${method}`, args, session);
const value = async (object: string, property: string) => (await get(object, property)).body;

/** Calls a method that answers with a task, and waits until that has ended well. @returns its result */
async function done(object: string, method: string, args: object = {}): Promise<unknown> {
  const { status, body } = await call(object, method, args);
  expect(status, JSON.stringify(body)).toBe(200);
  const task = body as { readonly value: string };
  for (const deadline = Date.now() + TASK_MS; Date.now() < deadline; await sleep(30)) {
    const info = (await value(`Task/${encodeURIComponent(task.value)}`, "info")) as { state: string; result?: unknown; error?: unknown };
    if (info.state === "error") throw new Error(JSON.stringify(info.error));
    if (info.state === "success") return info.result;
  }
  throw new Error(`${method} did not end within ${TASK_MS} ms`);
}

const POOL = { _typeName: "ManagedObjectReference", type: "ResourcePool", value: "ha-root-pool" };
const config = (name: string) => ({
  _typeName: "VirtualMachineConfigSpec",
  name,
  guestId: "otherLinux64Guest",
  numCPUs: 1,
  memoryMB: 64,
  files: { _typeName: "VirtualMachineFileInfo", vmPathName: "[datastore1]" },
  extraConfig: [{ _typeName: "OptionValue", key: "guestinfo.origin", value: { _typeName: "string", _value: "<JSON> & ü" } }],
  deviceChange: [
    {
      _typeName: "VirtualDeviceConfigSpec",
      operation: "add",
      device: { _typeName: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" },
    },
    {
      _typeName: "VirtualDeviceConfigSpec",
      operation: "add",
      fileOperation: "create",
      device: {
        _typeName: "VirtualDisk",
        key: -2,
        controllerKey: -1,
        unitNumber: 0,
        capacityInKB: 1024,
        backing: { _typeName: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", thinProvisioned: true },
      },
    },
  ],
});

async function create(name: string): Promise<{ readonly moid: string; readonly path: string }> {
  const result = await done("Folder/ha-folder-vm", "CreateVM_Task", { config: config(name), pool: POOL });
  expect(result).toEqual({ _typeName: "ManagedObjectReference", type: "VirtualMachine", value: expect.any(String) });
  const moid = (result as { readonly value: string }).value;
  return { moid, path: `VirtualMachine/${moid}` };
}

test("what the host is can be read before login, and nothing else", async () => {
  const content = await send(`${ROOT}/ServiceInstance/ServiceInstance/content`);
  expect(content).toMatchObject({ status: 200, body: { _typeName: "ServiceContent", about: { apiType: "HostAgent" } } });
  const name = await send(`${ROOT}/HostSystem/ha-host/name`);
  expect(name).toMatchObject({ status: 500, body: { _typeName: "NotAuthenticated", privilegeId: "System.Read" } });
});

test("a wrong password opens no session, and a right one gives it in the header", async () => {
  const refused = await login("wrong");
  expect(refused).toMatchObject({ status: 500, body: { _typeName: "InvalidLogin", faultstring: expect.stringContaining("incorrect") } });
  expect(refused.headers["vmware-api-session-id"]).toBeUndefined();
  expect(session).toMatch(/^[0-9a-f]{40}$/);
  expect(await value("SessionManager/ha-sessionmgr", "currentSession")).toMatchObject({ _typeName: "UserSession", userName: "root" });
});

test("a VM that is made through JSON is the same VM through SOAP", async () => {
  const { moid, path } = await create("made-by-json");
  const ref = moRef("VirtualMachine", moid);
  expect(await read(soap, ref, "name")).toBe("made-by-json");
  expect(await read(soap, ref, 'config.extraConfig["guestinfo.origin"].value')).toBe("<JSON> & ü");
  expect(await value(path, "config")).toMatchObject({
    _typeName: "VirtualMachineConfigInfo",
    name: "made-by-json",
    modified: expect.stringMatching(/^\d{4}-.*Z$/),
    hardware: {
      _typeName: "VirtualHardware",
      memoryMB: 64,
      device: expect.arrayContaining([
        expect.objectContaining({
          _typeName: "VirtualDisk",
          capacityInKB: 1024,
          backing: expect.objectContaining({
            _typeName: "VirtualDiskFlatVer2BackingInfo",
            fileName: "[datastore1] made-by-json/made-by-json.vmdk",
          }),
        }),
      ]),
    },
  });

  await done(path, "ReconfigVM_Task", { _typeName: "ReconfigVMRequestType", spec: { memoryMB: 128, annotation: "changed" } });
  expect(await read(soap, ref, "config.hardware.memoryMB")).toBe(128);

  await soap.call(ref, "Rename_Task", { newName: "renamed by SOAP" });
  await expect.poll(() => value(path, "name")).toBe("renamed by SOAP");

  await done(path, "Destroy_Task");
  expect(await get(path, "name")).toMatchObject({ status: 500, body: { _typeName: "ManagedObjectNotFound", obj: { value: moid } } });
  await expect(read(soap, ref, "name")).rejects.toMatchObject({ fault: "ManagedObjectNotFound" });
});

test("the property collector answers in JSON, with each value in the box of its type", async () => {
  const { moid, path } = await create("collected");
  const specSet = [
    {
      propSet: [{ type: "VirtualMachine", pathSet: ["name", "config.hardware.numCPU"] }],
      objectSet: [{ obj: { type: "VirtualMachine", value: moid } }],
    },
  ];
  const { body } = await call("PropertyCollector/ha-property-collector", "RetrievePropertiesEx", { specSet, options: {} });
  expect(body).toMatchObject({
    _typeName: "RetrieveResult",
    objects: [
      {
        obj: { _typeName: "ManagedObjectReference", type: "VirtualMachine", value: moid },
        propSet: expect.arrayContaining([
          { _typeName: "DynamicProperty", name: "name", val: { _typeName: "string", _value: "collected" } },
          { _typeName: "DynamicProperty", name: "config.hardware.numCPU", val: { _typeName: "int", _value: 1 } },
        ]),
      },
    ],
  });
  await done(path, "Destroy_Task");
});

test("a task that fails says why, in the fault's own fields", async () => {
  const { moid, path } = await create("powered-off");
  const task = (await call(path, "PowerOffVM_Task")).body as { readonly value: string };
  await expect
    .poll(() => value(`Task/${encodeURIComponent(task.value)}`, "info"))
    .toMatchObject({
      state: "error",
      entity: { value: moid },
      error: { _typeName: "LocalizedMethodFault", fault: { _typeName: "InvalidPowerState", existingState: "poweredOff" } },
    });
  await done(path, "Destroy_Task");
});

test.each([
  ["a method of another type", "Folder/ha-folder-vm/PowerOnVM_Task", {}, 404, undefined],
  ["an object that is not there", "VirtualMachine/9999/PowerOnVM_Task", {}, 500, "ManagedObjectNotFound"],
  ["an object of another type", "VirtualMachine/ha-folder-vm/PowerOnVM_Task", {}, 500, "ManagedObjectNotFound"],
  ["a method that the host does not perform", "HostSystem/ha-host/PowerDownHostToStandBy_Task", { timeoutSec: 0 }, 500, "NotSupported"],
  ["no arguments", "Folder/ha-folder-vm/CreateVM_Task", {}, 500, "InvalidArgument"],
  ["an array", "Folder/ha-folder-vm/CreateVM_Task", [], 400, "InvalidRequest"],
])("%s is refused", async (_, path, args, status, name) => {
  const answer = await send(`${ROOT}/${path}`, args, session);
  expect(answer.status).toBe(status);
  if (name !== undefined) expect(answer.body).toMatchObject({ _typeName: name });
});

test("the audit has the JSON calls, with who made them, and those that were refused", async () => {
  const before = await auditText();
  await call("Folder/ha-folder-vm", "CreateVM_Task", { config: 1 });
  await get("HostSystem/ha-host", "name");
  const added = (await auditText()).slice(before.length);
  expect(added).toContain("config is no VirtualMachineConfigSpec");
  expect(added).toMatch(/root.*HostSystem:ha-host\.Fetch|HostSystem:ha-host\.Fetch.*root/);
});

const auditText = () => readFile(join(hostPaths(host.root).hostdState, "audit.log"), "utf8");

test("the documents are served, and name this host's methods", async () => {
  const openApi = await send(`${ROOT}/openapi.json`);
  expect(openApi.body).toMatchObject({
    openapi: "3.0.3",
    info: { version: "8.0.3.0" },
    paths: { "/VirtualMachine/{moId}/PowerOnVM_Task": { post: { operationId: "VirtualMachine_PowerOnVM_Task" } } },
  });
  expect((await send("/about")).body).toMatchObject({ types: expect.arrayContaining(["HostSystem"]) });
});

test("a session that has logged out is one no longer, on either wire", async () => {
  const other = String((await login(PASSWORD)).headers["vmware-api-session-id"]);
  const name = () => send(`${ROOT}/HostSystem/ha-host/name`, undefined, other);
  expect((await name()).status).toBe(200);
  expect(await send(`${ROOT}/SessionManager/ha-sessionmgr/Logout`, {}, other)).toMatchObject({ status: 204, body: "" });
  expect((await name()).body).toMatchObject({ _typeName: "NotAuthenticated" });
});

test("curl needs no toolkit: it logs in, reads, calls, is told of a fault, and logs out", async () => {
  await using door = await openDoor(host.port, "curl");
  const api = `https://127.0.0.1:${door.port}${ROOT}`;
  const curl = async (...args: readonly string[]) => (await run("curl", ["-sk", ...args])).stdout;
  const post = (path: string, args: object) => ["-H", "Content-Type: application/json", "-d", JSON.stringify(args), `${api}/${path}`];
  const head = await curl(
    "-D",
    "-",
    "-o",
    "/dev/null",
    ...post("SessionManager/ha-sessionmgr/Login", { userName: "root", password: PASSWORD }),
  );
  const as = ["-H", `vmware-api-session-id: ${/^vmware-api-session-id: (\S+)/im.exec(head)?.[1]}`];
  const product = JSON.parse(await curl(...as, `${api}/ServiceInstance/ServiceInstance/content`)).about.productLineId;
  expect(product).toBe("embeddedEsx");
  const inventoryPath = "/ha-datacenter/vm";
  expect(JSON.parse(await curl(...as, ...post("SearchIndex/ha-searchindex/FindByInventoryPath", { inventoryPath })))).toMatchObject({
    type: "Folder",
    value: "ha-folder-vm",
  });
  const nothing = await curl(...as, ...post("VirtualMachine/9999/PowerOnVM_Task", {}));
  expect(JSON.parse(nothing)).toMatchObject({ _typeName: "ManagedObjectNotFound" });
  expect(await curl(...as, "-w", "%{http_code}", ...post("SessionManager/ha-sessionmgr/Logout", {}))).toBe("204");
});
