import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { type HostCertificate, loadOrCreateCertificate } from "../../management/index.ts";
import { fault } from "../../wire/index.ts";
import type { SdkCall, SdkRefusal, SdkReply } from "../sdk/answer.ts";
import type { SdkLimits } from "../sdk/endpoint.ts";
import { randomOf } from "../sdk/mutate.ts";
import { type SdkServer, startSdkServer } from "../sdk/server.ts";

const KEY = "0123456789abcdef0123456789abcdef01234567";
const ROOT = "/sdk/vim25/8.0.3.0";
const CURRENT_TIME = `${ROOT}/ServiceInstance/ServiceInstance/CurrentTime`;
const LOGIN = `${ROOT}/SessionManager/ha-sessionmgr/Login`;
const RECONFIGURE = `${ROOT}/VirtualMachine/1/ReconfigVM_Task`;
const JSON_TYPE = { "Content-Type": "application/json" };

let certificate: HostCertificate;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "json-server-"));
  certificate = await loadOrCreateCertificate(folder, { hostName: "host1", addresses: ["127.0.0.1"] });
  await rm(folder, { recursive: true });
});

let server: SdkServer;
let calls: SdkCall[];
let refusals: SdkRefusal[];
let bugs: unknown[];
afterEach(async () => {
  await server.close();
});

async function start(invoke: (call: SdkCall) => Promise<SdkReply>, limits: Partial<SdkLimits> = {}): Promise<void> {
  calls = [];
  refusals = [];
  bugs = [];
  server = await startSdkServer({
    listen: { host: "127.0.0.1", port: 0 },
    tls: certificate,
    invoke: (call) => {
      calls.push(call);
      return invoke(call);
    },
    onRefused: (refusal) => void refusals.push(refusal),
    onBug: (bug) => void bugs.push(bug),
    limits,
  });
}

const time = async (): Promise<SdkReply> => ({ returnValue: new Date(0), returnType: "dateTime" });

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

async function send(path: string, body?: string | Buffer, options: RequestOptions = {}): Promise<Answer> {
  const given = { path, method: body === undefined ? "GET" : "POST", headers: body === undefined ? {} : JSON_TYPE, ...options };
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({ host: "127.0.0.1", port: server.port, ca: certificate.cert, ...given }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

test("a method reaches invoke as it was called, and its result the client", async () => {
  await start(time);
  const answer = await send(CURRENT_TIME, "{}");
  expect(answer).toMatchObject({ status: 200, headers: { "content-type": "application/json", "cache-control": "no-store" } });
  expect(JSON.parse(answer.text)).toBe("1970-01-01T00:00:00.000Z");
  const thisRef = { type: "ServiceInstance", value: "ServiceInstance" };
  expect(calls).toMatchObject([
    { method: "CurrentTime", thisRef, args: {}, version: "8.0.3.0", sessionKey: undefined, clientAddress: "127.0.0.1" },
  ]);
});

test("a property is read by Fetch, and answered unboxed", async () => {
  const name = { anyType: "string", value: "vm1" };
  await start(async () => ({ returnValue: name, returnType: "anyType" }));
  expect(await send(`${ROOT}/VirtualMachine/1/name`)).toMatchObject({ status: 200, text: '"vm1"' });
  expect(calls).toMatchObject([{ method: "Fetch", thisRef: { type: "VirtualMachine", value: "1" }, args: { prop: "name" } }]);
});

test("the session of a login is in the answer's header, is taken from that header, and from no cookie", async () => {
  await start(async () => ({ ...(await time()), ...(calls.length === 1 && { setSession: KEY }) }));
  const login = await send(LOGIN, '{"userName":"root","password":"x"}');
  expect(login.headers).toMatchObject({ "vmware-api-session-id": KEY });
  expect(login.headers["set-cookie"]).toBeUndefined();
  const after = await send(CURRENT_TIME, "{}", { headers: { ...JSON_TYPE, "vmware-api-session-id": KEY } });
  expect(after.headers["vmware-api-session-id"]).toBeUndefined();
  await send(CURRENT_TIME, "{}", { headers: { ...JSON_TYPE, Cookie: `vmware_soap_session="${KEY}"` } });
  await send(CURRENT_TIME, "{}", { headers: { ...JSON_TYPE, "vmware-api-session-id": "x".repeat(200) } });
  expect(calls.map(({ sessionKey }) => sessionKey)).toEqual([undefined, KEY, undefined, undefined]);
});

test("a void method is answered without a body", async () => {
  await start(async () => ({ returnValue: undefined, returnType: "void" }));
  const answer = await send(`${ROOT}/SessionManager/ha-sessionmgr/Logout`, "");
  expect(answer).toMatchObject({ status: 204, text: "" });
  expect(answer.headers["content-type"]).toBeUndefined();
});

test("a fault is answered with status 500 and its fields, also that nobody is logged in", async () => {
  await start(async () => {
    const object = { type: "VirtualMachine", value: "1" };
    throw fault("NotAuthenticated", "The session is not authenticated.", { object, privilegeId: "System.Read" });
  });
  const answer = await send(`${ROOT}/VirtualMachine/1/name`);
  expect(answer).toMatchObject({ status: 500, headers: { "content-type": "application/json" } });
  expect(JSON.parse(answer.text)).toEqual({
    _typeName: "NotAuthenticated",
    object: { _typeName: "ManagedObjectReference", type: "VirtualMachine", value: "1" },
    privilegeId: "System.Read",
    faultstring: "The session is not authenticated.",
  });
});

test.each<[string, () => Promise<SdkReply>]>([
  ["an error that is no fault", () => Promise.reject(new Error("/etc/shadow is unreadable"))],
  ["a result of the wrong type", async () => ({ returnValue: "x", returnType: "dateTime" })],
  ["a fault that the schema lacks", () => Promise.reject(new Fault("Nonsense", "x"))],
])("%s is a bug: told to us, and to the client only that there is one", async (_, invoke) => {
  await start(invoke);
  const answer = await send(CURRENT_TIME, "{}");
  expect(answer.status).toBe(500);
  expect(JSON.parse(answer.text)).toMatchObject({ _typeName: "SystemError", reason: "Internal error" });
  expect(answer.text).not.toContain("shadow");
  expect(bugs).toHaveLength(1);
});

test("the answer is in the release that the path names", async () => {
  await start(async () => ({ returnValue: { $type: "VirtualPrecisionClock", key: 1 }, returnType: "VirtualDevice" }));
  const ask = async (release: string) => JSON.parse((await send(CURRENT_TIME.replace("8.0.3.0", release), "{}")).text);
  expect(await ask("6.7.1")).toEqual({ _typeName: "VirtualDevice", key: 1 });
  expect(await ask("9.1.0.0")).toEqual({ _typeName: "VirtualPrecisionClock", key: 1 });
});

test.each([
  ["GET", `${ROOT}/Folder/x/nothing`, 404],
  ["GET", `${ROOT}/KeyValue/x/key`, 404],
  ["GET", "/sdk/vim25/newest/Folder/x/name", 404],
  ["POST", "/sdk/vim25/8.0.3.0/Folder/%ff/CreateVM_Task", 404],
  ["GET", CURRENT_TIME, 405],
  ["POST", `${ROOT}/Folder/x/name`, 405],
  ["DELETE", `${ROOT}/Folder/x/name`, 405],
])("%s %s is answered %s, never becomes a call, and the audit hears of it", async (method, path, status) => {
  await start(time);
  expect((await send(path, method === "GET" ? undefined : "{}", { method })).status).toBe(status);
  expect(calls).toEqual([]);
  expect(refusals).toHaveLength(1);
});

test.each([
  ["text/plain", 415],
  ["application/x-www-form-urlencoded", 415],
  ["text/xml", 415],
  ["application/jsonp", 415],
  ["application/json; charset=utf-8", 200],
  ["Application/JSON", 200],
  [undefined, 200],
])("a body of type %s is answered %i", async (type, status) => {
  await start(time);
  const answer = await send(CURRENT_TIME, "{}", { headers: type === undefined ? {} : { "Content-Type": type } });
  expect(answer.status).toBe(status);
  expect(calls).toHaveLength(status === 200 ? 1 : 0);
});

test.each([
  ["no JSON", "x", 400, "InvalidRequest"],
  ["an array", "[]", 400, "InvalidRequest"],
  ["a member twice", '{"spec":{},"spec":{}}', 400, "InvalidRequest"],
  ["a million open arrays", `{"spec":${"[".repeat(1_000_000)}`, 400, "InvalidRequest"],
  ["more than 4 MiB", Buffer.alloc(4 * 1024 * 1024 + 1, " "), 400, "InvalidRequest"],
  ["20 MiB", Buffer.alloc(20 * 1024 * 1024, " "), 400, "InvalidRequest"],
  ["no argument", "{}", 500, "InvalidArgument"],
  ["an argument too many", '{"spec":{},"x":1}', 500, "InvalidArgument"],
  ["an argument of the wrong type", '{"spec":"x"}', 500, "InvalidArgument"],
  ["__proto__", '{"spec":{},"__proto__":{}}', 500, "InvalidArgument"],
  ["a number past its range", '{"spec":{"numCPUs":1e400}}', 500, "InvalidArgument"],
])("%s is refused, and the audit hears of it", async (_, body, status, name) => {
  await start(time);
  const answer = await send(RECONFIGURE, body, { headers: { ...JSON_TYPE, "User-Agent": "test/1" } });
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.text)).toMatchObject({ _typeName: name, faultstring: expect.any(String) });
  expect(calls).toEqual([]);
  expect(refusals).toMatchObject([{ clientAddress: "127.0.0.1", userAgent: "test/1", reason: expect.any(String) }]);
  expect(bugs).toEqual([]);
});

test("a document is sent compressed to who takes that, as it is to who does not, and not at all to HEAD", async () => {
  await start(time);
  const path = "/sdk/vimService.wsdl";
  const plain = await send(path);
  expect(plain).toMatchObject({ status: 200, headers: { "content-type": "text/xml; charset=utf-8" } });
  expect(plain.text).toMatch(/^<\?xml .*<\/definitions>\n$/s);
  const compressed = await send(path, undefined, { headers: { "Accept-Encoding": "gzip, deflate" } });
  expect(compressed.headers["content-encoding"]).toBe("gzip");
  expect(Number(compressed.headers["content-length"])).toBeLessThan(plain.text.length / 5);
  expect(await send(path, undefined, { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  const openApi = "/sdk/vim25/8.0.3.0/openapi.json";
  expect((await send(openApi, "{}")).status).toBe(405);
  expect((await send(openApi)).text).toMatch(/^\{"openapi":"3.0.3"/);
  expect(calls).toEqual([]);
});

test("calls of both wires count together", async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await start(() => held.then(time), { callsMax: 1 });
  const waiting = send(CURRENT_TIME, "{}");
  await expect.poll(() => calls.length).toBe(1);
  expect((await send("/sdk", "<x/>", { headers: { "Content-Type": "text/xml" } })).status).toBe(503);
  expect((await send(CURRENT_TIME, "{}")).status).toBe(503);
  release();
  expect((await waiting).status).toBe(200);
});

const HOSTILE = [
  '"__proto__"',
  "null",
  "-1",
  "1e999",
  "9".repeat(400),
  "[[]]",
  "{}",
  '"\\ud800"',
  '""',
  "true",
  '{"_typeName":"VirtualDisk"}',
];

/** Puts something hostile in the place of one value, drops a piece, or doubles one. */
function mutate(random: () => number, json: string): string {
  const values = [...json.matchAll(/"[^"]*"|-?\d+|true/g)];
  const value = values[Math.floor(random() * values.length)];
  const at = value?.index ?? 0;
  const length = value?.[0].length ?? 0;
  const piece = HOSTILE[Math.floor(random() * HOSTILE.length)] ?? "";
  const kind = random();
  if (kind < 0.6) return json.slice(0, at) + piece + json.slice(at + length);
  if (kind < 0.8) return json.slice(0, at) + json.slice(at + Math.floor(random() * 30));
  return json.slice(0, at) + json.slice(Math.max(0, at - Math.floor(random() * 30)));
}

test("500 mutated requests: each gets an answer that can be read, and the next good one is served", async () => {
  await start(time);
  const device = { _typeName: "VirtualDisk", key: -1, capacityInKB: 1024, controllerKey: 1000, unitNumber: 0 };
  const extraConfig = [{ _typeName: "OptionValue", key: "k", value: { _typeName: "string", _value: "v" } }];
  const good = JSON.stringify({ spec: { name: "vm", memoryMB: 512, extraConfig, deviceChange: [{ operation: "add", device }] } });
  const statuses = new Set<number>();
  for (let seed = 0; seed < 500; seed++) {
    const { status, text } = await send(RECONFIGURE, mutate(randomOf(seed), good));
    expect([200, 400, 500], `seed ${seed}`).toContain(status);
    if (status !== 200) expect(JSON.parse(text)._typeName, `seed ${seed}`).toMatch(/^Invalid(Argument|Request)$/);
    statuses.add(status);
  }
  expect(statuses).toEqual(new Set([200, 400, 500]));
  expect(bugs).toEqual([]);
  expect((await send(RECONFIGURE, good)).status).toBe(200);
});
