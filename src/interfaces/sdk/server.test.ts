import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { type HostCertificate, loadOrCreateCertificate } from "../../management/index.ts";
import { encodeRequest, fault, parseXml } from "../../wire/index.ts";
import type { SdkCall, SdkRefusal, SdkReply } from "./answer.ts";
import { connectVim, moRef, SERVICE_INSTANCE } from "./client.ts";
import type { SdkLimits } from "./endpoint.ts";
import { mutateRequest, randomOf } from "./mutate.ts";
import { type SdkServer, startSdkServer } from "./server.ts";

const KEY = "0123456789abcdef0123456789abcdef01234567";
let certificate: HostCertificate;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "sdk-server-"));
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

const client = () => connectVim({ url: `https://127.0.0.1:${server.port}/sdk`, thumbprint: certificate.sha256 });
const time = async (): Promise<SdkReply> => ({ returnValue: new Date(0), returnType: "dateTime" });
const currentTime = encodeRequest({ method: "CurrentTime", thisRef: SERVICE_INSTANCE, args: {} });

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

async function send(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: "127.0.0.1", port: server.port, path: "/sdk", method: "POST", ca: certificate.cert, ...options },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
const XML = { "Content-Type": 'text/xml; charset="utf-8"' };

test("a call reaches invoke as it was made, and its result the client", async () => {
  await start(time);
  await using vim = await client();
  expect(await vim.call(SERVICE_INSTANCE, "CurrentTime", {}, { operationId: "op-7" })).toEqual(new Date(0));
  expect(calls).toMatchObject([
    {
      sessionKey: undefined,
      clientAddress: "127.0.0.1",
      version: "8.0.3.0",
      operationId: "op-7",
      method: "CurrentTime",
      thisRef: SERVICE_INSTANCE,
      args: {},
    },
  ]);
});

test("the session that a call opens comes back with the next", async () => {
  const session = {
    key: "k",
    userName: "root",
    fullName: "Administrator",
    loginTime: new Date(0),
    lastActiveTime: new Date(0),
    locale: "en",
    messageLocale: "en",
    extensionSession: false,
    ipAddress: "127.0.0.1",
    userAgent: "",
    callCount: 0,
  };
  await start(async ({ method }) => (method === "Login" ? { returnValue: session, returnType: "UserSession", setSession: KEY } : time()));
  await using vim = await client();
  const login = await vim.call(moRef("SessionManager", "ha-sessionmgr"), "Login", { userName: "root", password: "<secret>" });
  expect(login.userName).toBe("root");
  await vim.call(SERVICE_INSTANCE, "CurrentTime", {});
  expect(calls.map(({ sessionKey }) => sessionKey)).toEqual([undefined, KEY]);
  expect(calls[0]?.args).toEqual({ userName: "root", password: "<secret>" });
});

test("only a call that opens a session sets a cookie", async () => {
  await start(async () => ({ ...(await time()), ...(calls.length > 1 && { setSession: KEY }) }));
  expect((await send({ headers: XML }, currentTime)).headers["set-cookie"]).toBeUndefined();
  expect((await send({ headers: XML }, currentTime)).headers["set-cookie"]).toEqual([
    `vmware_soap_session="${KEY}"; Path=/; HttpOnly; Secure;`,
  ]);
});

test("a fault is answered with status 500 and its fields", async () => {
  await start(async () => {
    throw fault("NotAuthenticated", "Log in first.", { object: SERVICE_INSTANCE, privilegeId: "System.View" });
  });
  await using vim = await client();
  await expect(vim.call(SERVICE_INSTANCE, "CurrentTime", {})).rejects.toMatchObject({
    fault: "NotAuthenticated",
    message: "Log in first.",
    fields: { object: SERVICE_INSTANCE, privilegeId: "System.View" },
  });
  expect(await send({ headers: XML }, currentTime)).toMatchObject({ status: 500, headers: { "content-type": "text/xml; charset=utf-8" } });
});

test.each<[string, () => Promise<SdkReply>]>([
  ["an error that is no fault", () => Promise.reject(new Error("/etc/shadow is unreadable"))],
  ["nothing at all", () => Promise.reject(undefined)],
  ["a result of the wrong type", async () => ({ returnValue: "x", returnType: "dateTime" })],
  ["a result of a type that there is not", async () => ({ returnValue: "x", returnType: "Nonsense" })],
  ["a fault that the schema lacks", () => Promise.reject(new Fault("Nonsense", "x"))],
  ["a fault without a field that it needs", () => Promise.reject(new Fault("MethodNotFound", "x"))],
])("%s is a bug: told to us, and to the client only that there is one", async (_, invoke) => {
  await start(invoke);
  const answer = await send({ headers: XML }, currentTime);
  expect(answer.status).toBe(500);
  expect(answer.text).toContain('<SystemErrorFault xmlns="urn:vim25" xsi:type="SystemError"><reason>Internal error</reason>');
  expect(answer.text).not.toContain("shadow");
  expect(bugs).toHaveLength(1);
  expect((await send({ headers: XML }, currentTime)).status).toBe(500); // and it lives
});

test("the answer is in the caller's version", async () => {
  await start(async () => ({ returnValue: { $type: "VirtualPrecisionClock", key: 1 }, returnType: "VirtualDevice" }));
  const old = await send({ headers: { ...XML, SOAPAction: '"urn:vim25/6.7.1"' } }, currentTime);
  expect(old.text).toContain("<returnval><key>1</key></returnval>");
  const newer = await send({ headers: { ...XML, SOAPAction: "urn:vim25/9.1.0.0" } }, currentTime);
  expect(newer.text).toContain('<returnval xsi:type="VirtualPrecisionClock">');
});

test.each([
  ["/sdk", "GET", 405],
  ["/sdk/vimService", "PUT", 405],
  ["/sdk/vimServiceVersions.xml", "POST", 405],
  ["/sdk/vimService.wsdl", "PUT", 405],
  ["/sdk/vim.wsdl", "GET", 404],
  ["/", "GET", 404],
  ["/sdkx", "POST", 404],
  ["/rest", "POST", 404],
  ["/sdk/../etc/passwd", "GET", 404],
])("%s %s is answered %i in plain text", async (path, method, status) => {
  await start(time);
  const answer = await send({ path, method, headers: XML }, method === "GET" ? undefined : currentTime);
  expect(answer).toMatchObject({ status, headers: { "content-type": "text/plain; charset=utf-8" } });
  expect(calls).toEqual([]);
});

test.each(["/sdk", "/sdk/", "/sdk/vimService", "/sdk/vimService.wsdl", "/sdk?x=1"])("%s answers", async (path) => {
  await start(time);
  expect((await send({ path, headers: XML }, currentTime)).status).toBe(200);
});

test("what the host speaks can be read before login", async () => {
  await start(time);
  const { status, text } = await send({ path: "/sdk/vimServiceVersions.xml", method: "GET" });
  expect(status).toBe(200);
  const [namespace] = parseXml(Buffer.from(text)).children;
  expect(namespace?.children.slice(0, 2)).toMatchObject([
    { name: "name", text: "urn:vim25", namespace: "" },
    { name: "version", text: "8.0.3.0" },
  ]);
  expect(namespace?.children[2]?.children.map((version) => version.text)).toContain("6.7.1");
});

test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", undefined])(
  "a request of type %s, which any web page can make a browser send, never becomes a call",
  async (type) => {
    await start(time);
    const answer = await send({ headers: type === undefined ? {} : { "Content-Type": type } }, currentTime);
    expect(answer.status).toBe(415);
    expect(calls).toEqual([]);
    expect(refusals).toHaveLength(1);
  },
);

test.each([
  ["no XML", "x", "InvalidRequest"],
  ["nothing", "", "InvalidRequest"],
  ["a document type", `<!DOCTYPE x>${currentTime.replace(/^<\?xml.*\?>/, "")}`, "InvalidRequest"],
  ["more than 4 MiB", Buffer.alloc(4 * 1024 * 1024 + 1, "<a>"), "InvalidRequest"],
  ["20 MiB", Buffer.alloc(20 * 1024 * 1024, " "), "InvalidRequest"],
  ["an unknown method", currentTime.replaceAll("CurrentTime", "CurrentTimes"), "MethodNotFound"],
  ["an unknown argument", currentTime.replace("</CurrentTime", "<x/></CurrentTime"), "InvalidArgument"],
])("%s is refused, and the audit hears of it", async (_, body, name) => {
  await start(time);
  const answer = await send({ headers: { ...XML, "User-Agent": "test/1" } }, body);
  expect(answer.status).toBe(500);
  expect(answer.text).toContain(`xsi:type="${name}"`);
  expect(calls).toEqual([]);
  expect(refusals).toMatchObject([{ clientAddress: "127.0.0.1", userAgent: "test/1", reason: expect.any(String) }]);
  expect(bugs).toEqual([]);
});

test("a client that goes away is told to the call that it waits in", async () => {
  const waiting = withResolvers();
  const told = withResolvers();
  await start(async ({ signal }) => {
    waiting.resolve();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    told.resolve();
    return time();
  });
  await using vim = await client();
  const abort = new AbortController();
  const call = vim.call(SERVICE_INSTANCE, "CurrentTime", {}, { signal: abort.signal });
  const failed = expect(call).rejects.toThrow("calling CurrentTime");
  await waiting.promise;
  abort.abort();
  await failed;
  await told.promise;
  expect(bugs).toEqual([]);
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A connection that speaks for itself. Resolves with what came until it was closed. */
async function converse(speak: (socket: TLSSocket) => void): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: server.port, ca: certificate.cert }, () => speak(socket));
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      text += part;
    });
    socket.on("close", () => resolve(text));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNRESET" || error.code === "EPIPE" ? undefined : reject(error),
    );
  });
}

test("a client that never ends its headers is cut off", async () => {
  await start(time, { headersTimeoutMs: 200 });
  expect(await converse((socket) => socket.write("POST /sdk HTTP/1.1\r\nHost: x\r\n"))).toContain("408");
});

test("a client that never ends its body is cut off, and one that waits long for an answer is not", async () => {
  await start(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return time();
    },
    { headersTimeoutMs: 200, requestTimeoutMs: 400 },
  );
  const head = "POST /sdk HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: 1000\r\n\r\n<";
  const [slow, patient] = await Promise.all([converse((socket) => socket.write(head)), send({ headers: XML }, currentTime)]);
  expect(slow).not.toContain("200 OK");
  expect(patient.status).toBe(200);
  expect(bugs).toEqual([]);
});

test("a client that does not take its answer is cut off", async () => {
  const big = Array.from({ length: 100_000 }, () => "x".repeat(300));
  await start(async () => ({ returnValue: big, returnType: "string[]" }), { sendTimeoutMs: 300 });
  const closed = withResolvers();
  const socket = connect({ host: "127.0.0.1", port: server.port, ca: certificate.cert }, () => {
    socket.pause();
    socket.write(`POST /sdk HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: ${currentTime.length}\r\n\r\n${currentTime}`);
  });
  socket.on("error", () => undefined);
  socket.on("close", closed.resolve);
  await expect.poll(() => calls.length).toBe(1);
  await expect.poll(() => calls[0]?.signal.aborted, { timeout: 5000 }).toBe(true);
  socket.destroy();
  await closed.promise;
});

test("headers past a bound are refused", async () => {
  await start(time);
  expect((await send({ headers: { ...XML, "X-Long": "x".repeat(20_000) } }, currentTime)).status).toBe(431);
});

test("a connection past the limit gets none, and the others live", async () => {
  await start(time, { connectionsMax: 2 });
  const open = await Promise.all(
    [0, 1].map(
      async () =>
        await new Promise<TLSSocket>((resolve) => {
          const socket: TLSSocket = connect({ host: "127.0.0.1", port: server.port, ca: certificate.cert }, () => resolve(socket));
        }),
    ),
  );
  await expect(send({ headers: XML, agent: false }, currentTime)).rejects.toThrow();
  for (const socket of open) socket.destroy();
  await expect.poll(async () => (await send({ headers: XML, agent: false }, currentTime).catch(() => undefined))?.status).toBe(200);
});

test("calls past the limit are refused at once", async () => {
  const release = withResolvers();
  await start(
    async () => {
      await release.promise;
      return time();
    },
    { callsMax: 2 },
  );
  const waiting = [send({ headers: XML }, currentTime), send({ headers: XML }, currentTime)];
  await expect.poll(() => calls.length).toBe(2);
  expect((await send({ headers: XML }, currentTime)).status).toBe(503);
  release.resolve();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
});

test("an address that is taken is told", async () => {
  await start(time);
  const listen = { host: "127.0.0.1", port: server.port };
  await expect(startSdkServer({ listen, tls: certificate, invoke: time, onBug: () => undefined })).rejects.toThrow("EADDRINUSE");
});

test("a host with another certificate is not spoken to", async () => {
  await start(time);
  const url = `https://127.0.0.1:${server.port}`;
  await expect(connectVim({ url, thumbprint: "00".repeat(32) })).rejects.toThrow("thumbprint");
  await using bySha1 = await connectVim({ url, thumbprint: certificate.sha1 });
  await using unseen = await connectVim({ url, insecure: true });
  expect(await bySha1.call(SERVICE_INSTANCE, "CurrentTime", {})).toEqual(await unseen.call(SERVICE_INSTANCE, "CurrentTime", {}));
});

test("500 mutated requests: each gets an answer that can be read, and the next good one is served", async () => {
  await start(time);
  const disk = { $type: "VirtualDisk", key: -1, capacityInKB: 1024, controllerKey: 1000, unitNumber: 0 };
  const spec = {
    name: "vm",
    memoryMB: 512,
    extraConfig: [{ key: "k", value: { anyType: "string", value: "v" } }],
    deviceChange: [{ operation: "add", device: disk }],
  };
  const seeds = [
    currentTime,
    encodeRequest({ method: "ReconfigVM_Task", thisRef: moRef("VirtualMachine", "1"), args: { spec } }).toString(),
  ];
  const statuses = new Set<number>();
  for (let seed = 0; seed < 500; seed++) {
    const random = randomOf(seed);
    const { status, text } = await send({ headers: XML }, mutateRequest(random, seeds[seed % 2] ?? currentTime));
    expect([200, 500], `seed ${seed}`).toContain(status);
    parseXml(Buffer.from(text));
    statuses.add(status);
  }
  expect(statuses).toEqual(new Set([200, 500])); // some still make sense, most do not
  // The result type is CurrentTime's, so a ReconfigVM_Task that still makes sense answers a time: that is no matter here.
  expect(bugs).toEqual([]);
  expect((await send({ headers: XML }, currentTime)).status).toBe(200);
});
