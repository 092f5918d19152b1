import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { SESSION_MANAGER, startAgent, type TestAgent } from "./agent.fixture.ts";

/** The datastores' files over HTTP, by curl, by Node's client, and by sockets that keep no rule. */
const run = promisify(execFile);
const USER = "root:Correct-Horse-9";
const BASIC = { Authorization: `Basic ${Buffer.from(USER).toString("base64")}` };
const READ_ONLY = -2;
const NO_ACCESS = -5;
const STALL_MS = 2000;

let host: TestAgent;
let folder: string;
let cookie: string;
let round = 0;
const local = mkdtempSync(join(tmpdir(), "bulkhead-folder-"));
const agent = new Agent({ keepAlive: false, rejectUnauthorized: false });

beforeAll(async () => {
  host = await startAgent(undefined, { limits: { stallMs: STALL_MS, transfersMax: 8 } });
  cookie = await sessionOf();
});
afterAll(async () => {
  await host?.stop();
  rmSync(local, { recursive: true, force: true });
});
beforeEach(() => {
  round += 1;
  folder = join(host.datastore, `r${round}`);
  mkdirSync(folder);
});

/** Logs in over SOAP. @returns the cookie, as some clients send it back: with all its attributes */
async function sessionOf(roleId?: number): Promise<string> {
  const userName = roleId === undefined ? "root" : `role${roleId}`;
  const login = `<Login xmlns="urn:vim25"><_this type="SessionManager">ha-sessionmgr</_this><userName>${userName}</userName><password>Correct-Horse-9</password></Login>`;
  const envelope = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>${login}</Body></Envelope>`;
  const { headers } = await send("POST", "/sdk", { body: envelope, headers: { "Content-Type": "text/xml" } });
  return headers["set-cookie"]?.[0] ?? "";
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

interface Sending {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

function send(method: string, path: string, { headers = {}, body }: Sending = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
    const asking = request({ host: "127.0.0.1", port: host.port, method, path, agent, headers: { ...length, ...headers } }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => {
        const { statusCode = 0, headers: answered } = response;
        resolve({ status: statusCode, headers: answered, text: Buffer.concat(pieces).toString() });
      });
      response.on("error", reject);
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

const at = (name: string, path = `r${round}/`) => `/folder/${path}${name}?dcPath=ha-datacenter&dsName=datastore1`;
const get = (name: string, headers: Record<string, string> = {}) => send("GET", at(name), { headers: { Cookie: cookie, ...headers } });
const put = (name: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  send("PUT", at(name), { headers: { Cookie: cookie, ...headers }, body });
const give = (name: string, content = "0123456789") => writeFileSync(join(folder, name), content);
const text = (name: string) => readFileSync(join(folder, name), "utf8");
const names = () => readdirSync(folder).sort();

test("curl uploads, downloads, goes on where it stopped, asks how long it is, and deletes", async () => {
  const url = `https://127.0.0.1:${host.port}${at("big%20file.iso")}`;
  const content = Buffer.alloc(5_000_000, "0123456789abcdef");
  writeFileSync(join(local, "up"), content);
  const curl = async (...args: string[]) => (await run("curl", ["-sSfk", "-u", USER, ...args, url], { timeout: 60_000 })).stdout;
  expect(await curl("-T", join(local, "up"), "-w", "%{http_code}")).toBe("201");
  expect(readFileSync(join(folder, "big file.iso")).equals(content)).toBe(true);
  expect(await curl("-T", join(local, "up"), "-w", "%{http_code}")).toBe("200");
  writeFileSync(join(local, "down"), content.subarray(0, 1_234_567));
  await curl("-C", "-", "-o", join(local, "down"));
  expect(readFileSync(join(local, "down")).equals(content)).toBe(true);
  expect(await curl("-I")).toMatch(/content-length: 5000000\r/i);
  await curl("-X", "DELETE");
  expect(names()).toEqual([]);
});

test("curl resumes an upload that broke off, and until it is whole the old file is there", async () => {
  give("x", "old");
  writeFileSync(join(local, "up"), "0123456789");
  const curl = async (...args: string[]) => (await run("curl", ["-sSfk", "-u", USER, ...args], { timeout: 60_000 })).stdout;
  const url = `https://127.0.0.1:${host.port}${at("x")}`;
  const first = await send("PUT", at("x"), { headers: { ...BASIC, "Content-Range": "bytes 0-3/10" }, body: "0123" });
  expect([first.status, first.headers.range, text("x"), text("x.partial")]).toEqual([202, "bytes=0-3", "old", "0123"]);
  const partial = `https://127.0.0.1:${host.port}${at("x.partial")}`;
  const held = /content-length: (\d+)/i.exec(await curl("-I", partial))?.[1] ?? "";
  expect(await curl("-C", held, "-T", join(local, "up"), url, "-w", "%{http_code}")).toBe("200");
  expect([text("x"), names()]).toEqual(["0123456789", ["x"]]);
});

test("a part that breaks off is kept, goes on from any byte that is there, and not from one that is not", async () => {
  const head = `PUT ${at("x")} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n`;
  const socket = await raw(`${head}012345`);
  await expect.poll(() => existsSync(join(folder, "x.partial"))).toBe(true);
  expect((await put("x", "0", { "Content-Range": "bytes 0-0/10" })).status).toBe(423);
  socket.destroy();
  await expect.poll(() => text("x.partial")).toBe("012345");
  await expect.poll(async () => (await put("x", "789", { "Content-Range": "bytes 7-9/10" })).headers["content-range"]).toBe("bytes */6");
  expect(text("x.partial")).toBe("012345");
  expect((await put("x", "456789", { "Content-Range": "bytes 4-9/10" })).status).toBe(201);
  expect([text("x"), names()]).toEqual(["0123456789", ["x"]]);
  expect((await put("y", "9", { "Content-Range": "bytes 9-9/10" })).status).toBe(404); // nothing to go on with
  expect(names()).toEqual(["x"]);
});

test("a file is there to read with a session's cookie in any form, with a password, and with a ticket for it, once", async () => {
  give("x");
  const secret = /"([0-9a-f]+)"/.exec(cookie)?.[1] ?? "";
  for (const form of [cookie, `vmware_soap_session="${secret}"`, `vmware_soap_session=${secret}`, `a=b; vmware_soap_session=${secret}`]) {
    expect((await get("x", { Cookie: form })).text).toBe("0123456789");
  }
  expect((await send("GET", at("x"), { headers: BASIC })).text).toBe("0123456789");
  const client = await host.login();
  const ticket = async (method: "httpGet" | "httpPut", name: string) => {
    const spec = { $type: "SessionManagerHttpServiceRequestSpec" as const, method, url: `https://*${at(name)}` };
    const { id } = await client.call(SESSION_MANAGER, "AcquireGenericServiceTicket", { spec });
    return { headers: { Cookie: `vmware_cgi_ticket=${id}` } };
  };
  const good = await ticket("httpGet", "x");
  expect((await send("GET", at("x"), good)).status).toBe(200);
  expect((await send("GET", at("x"), good)).status).toBe(401); // spent
  expect((await send("GET", at("y"), await ticket("httpGet", "x"))).status).toBe(401);
  expect((await send("GET", at("x"), await ticket("httpPut", "x"))).status).toBe(401);
  expect((await send("PUT", at("z"), { ...(await ticket("httpPut", "z")), body: "new" })).status).toBe(201);
  const late = await ticket("httpGet", "x");
  host.later(61_000);
  expect((await send("GET", at("x"), late)).status).toBe(401);
  const orphan = await ticket("httpGet", "x");
  await client.call(SESSION_MANAGER, "Logout", {});
  expect((await send("GET", at("x"), orphan)).status).toBe(401);
  client.close();
});

test.each<[string, () => Promise<Record<string, string>>, Record<string, number>]>([
  ["nobody", async () => ({}), { GET: 401, HEAD: 401, PUT: 401, DELETE: 401 }],
  ["a made-up session", async () => ({ Cookie: `vmware_soap_session=${"0".repeat(40)}` }), { GET: 401, HEAD: 401, PUT: 401, DELETE: 401 }],
  [
    "a wrong password",
    async () => ({ Authorization: `Basic ${Buffer.from("root:no").toString("base64")}` }),
    { GET: 401, HEAD: 401, PUT: 401, DELETE: 401 },
  ],
  ["who may only read objects", async () => ({ Cookie: await sessionOf(READ_ONLY) }), { GET: 403, HEAD: 403, PUT: 403, DELETE: 403 }],
  ["who may nothing", async () => ({ Cookie: await sessionOf(NO_ACCESS) }), { GET: 403, HEAD: 403, PUT: 403, DELETE: 403 }],
])("%s reads, writes and deletes nothing, is told so, and is in the audit log", async (_, headers, statuses) => {
  give("x");
  const shown = await headers();
  for (const [method, status] of Object.entries(statuses)) {
    const before = host.audit.length;
    const answer = await send(method, at("x"), { headers: shown, ...(method === "PUT" ? { body: "evil" } : {}) });
    expect([method, answer.status]).toEqual([method, status]);
    expect(answer.headers["www-authenticate"]).toBe(status === 401 ? 'Basic realm="VMware HTTP server"' : undefined);
    expect(host.audit.slice(before).join()).toMatch(/"result":"failure"/);
    // A datastore that is not there is refused just the same: who may not look is not told what is there.
    expect(
      (await send(method, at("x").replace("datastore1", "none"), { headers: shown, ...(method === "PUT" ? { body: "" } : {}) })).status,
    ).toBe(status);
  }
  expect(text("x")).toBe("0123456789");
});

test("what was done is in the audit log: who, what, which file, from where", async () => {
  await put("x", "abc");
  await get("x");
  const lines = host.audit.filter((line) => line.includes(`r${round}/x`)).map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    {
      id: "httpaccess.request",
      subject: "root",
      object: `PUT [datastore1] r${round}/x`,
      result: "success",
      ip: "127.0.0.1",
      comment: "3 bytes, a new file",
    },
    {
      id: "httpaccess.request",
      subject: "root",
      object: `GET [datastore1] r${round}/x`,
      result: "success",
      comment: "3 bytes from 0 of 3",
    },
  ]);
});

test("parts of a file, and conditions on them", async () => {
  give("x");
  const { headers } = await get("x");
  const etag = String(headers.etag);
  const part = async (range: string, more: Record<string, string> = {}) => {
    const answer = await get("x", { Range: range, ...more });
    return [answer.status, answer.headers["content-range"], answer.headers["content-length"], answer.text];
  };
  expect(await part("bytes=2-4")).toEqual([206, "bytes 2-4/10", "3", "234"]);
  expect(await part("bytes=7-")).toEqual([206, "bytes 7-9/10", "3", "789"]);
  expect(await part("bytes=-2")).toEqual([206, "bytes 8-9/10", "2", "89"]);
  expect(await part("bytes=5-999")).toEqual([206, "bytes 5-9/10", "5", "56789"]);
  expect(await part("bytes=10-")).toEqual([416, "bytes */10", "0", ""]);
  expect(await part("bytes=1-2,5-6")).toEqual([200, undefined, "10", "0123456789"]);
  expect(await part("bytes=2-4", { "If-Range": etag })).toEqual([206, "bytes 2-4/10", "3", "234"]);
  expect(await part("bytes=2-4", { "If-Range": String(headers["last-modified"]) })).toEqual([206, "bytes 2-4/10", "3", "234"]);
  await put("x", "abcdefghij");
  expect(await part("bytes=2-4", { "If-Range": etag })).toEqual([200, undefined, "10", "abcdefghij"]);
  const head = await send("HEAD", at("x"), { headers: { Cookie: cookie } });
  expect([head.status, head.headers["content-length"], head.headers["accept-ranges"], head.text]).toEqual([200, "10", "bytes", ""]);
  give("empty", "");
  expect([(await get("empty")).status, (await get("empty", { Range: "bytes=0-" })).status]).toEqual([200, 416]);
});

test("an upload takes another's place only where it may", async () => {
  expect((await put("x", "first", { Overwrite: "F" })).status).toBe(201);
  const second = await put("x", "second", { Overwrite: "f" });
  expect([second.status, second.text, text("x")]).toEqual([412, `File [datastore1] r${round}/x already exists\n`, "first"]);
  expect([(await put("x", "third", { Overwrite: "t" })).status, text("x")]).toEqual([200, "third"]);
  expect((await put("x", "", {})).status).toBe(200);
  expect(statSync(join(folder, "x")).size).toBe(0);
});

test("a POST is a new file or none, and folders on the way are made", async () => {
  const post = (name: string, body: string) => send("POST", at(name), { headers: { Cookie: cookie }, body });
  expect([(await post("a/b/x", "first")).status, text("a/b/x")]).toEqual([201, "first"]);
  const second = await post("a/b/x", "second");
  expect([second.status, second.text, text("a/b/x")]).toEqual([409, `File [datastore1] r${round}/a/b/x already exists\n`, "first"]);
  expect((await send("POST", at("y"), { headers: { Cookie: await sessionOf(READ_ONLY) }, body: "evil" })).status).toBe(403);
  expect((await put("c/y", "put")).status).toBe(201);
  expect(names()).toEqual(["a", "c"]);
});

test("an upload that breaks off leaves no folder behind", async () => {
  const socket = await raw(`PUT ${at("a/b/x")} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nContent-Length: 10\r\n\r\n01234`);
  socket.destroy();
  await expect.poll(() => host.audit.filter((line) => line.includes(`r${round}/a/b/x`)).join()).toMatch(/thrown away/);
  expect(names()).toEqual([]);
});

test("a client that finds out its length as it goes is served too", async () => {
  const socket = await raw(`PUT ${at("x")} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(names()).toEqual([]);
  const answer = heard(socket);
  socket.write("2\r\nde\r\n0\r\n\r\n");
  expect(await answer).toMatch(/^HTTP\/1.1 201 /);
  expect(text("x")).toBe("abcde");
  socket.destroy();
});

test("what a monitor holds is read by nobody and not written over; a VM's files are not deleted from under it", async () => {
  give("vm-flat.vmdk");
  using _ = await host.storage.openAppend({ datastore: "datastore1", path: `r${round}/vm-flat.vmdk` });
  for (const answer of [
    await get("vm-flat.vmdk"),
    await put("vm-flat.vmdk", "evil"),
    await send("DELETE", at("vm-flat.vmdk"), { headers: BASIC }),
  ]) {
    expect(answer.status).toBe(423);
    expect(answer.text).toContain("in use");
  }
  expect(text("vm-flat.vmdk")).toBe("0123456789");
});

test.each<[string, string, string, number]>([
  ["a file that is not there", "GET", "none", 404],
  ["a deletion of what is not there", "DELETE", "none", 404],
  ["one level up", "GET", "../../../../etc/passwd", 400],
  ["one level up, escaped", "GET", "%2e%2e/%2e%2e/etc/passwd", 400],
  ["one level up, escaped twice: a name that is not there", "GET", "%252e%252e/x", 404],
  ["an absolute path: a name in the datastore that is not there", "GET", "/etc/passwd", 404],
  ["a NUL", "GET", "x%00.iso", 400],
  ["a symbolic link to a file outside", "GET", "link", 403],
  ["a file beyond a symbolic link", "GET", "out/passwd", 403],
  ["an upload beyond a symbolic link", "PUT", "out/evil", 403],
  ["an upload in a symbolic link's place", "PUT", "link", 403],
  ["an upload in a folder's place", "PUT", "sub", 403],
  ["an upload of a folder", "PUT", "sub/", 409],
  ["an upload to folders beyond a symbolic link", "PUT", "out/no/evil", 403],
  ["an upload beneath a fifo", "PUT", "fifo/no/evil", 404],
  ["an upload two levels up", "PUT", "no/../../../evil", 400],
  ["a folder that is not there, to look at", "GET", "none/", 404],
  ["a deletion of a folder that is not empty", "DELETE", "sub", 409],
  ["a method that there is not", "PATCH", "x", 405],
  ["a fifo, which nobody waits at", "GET", "fifo", 403],
  ["an upload in a fifo's place", "PUT", "fifo", 403],
])("%s is refused", async (_, method, name, status) => {
  symlinkSync("/etc/passwd", join(folder, "link"));
  symlinkSync("/etc", join(folder, "out"));
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "sub/inside"), "");
  await run("mkfifo", [join(folder, "fifo")]);
  const answer = await send(method, at(name), { headers: { Cookie: cookie }, ...(method === "PUT" ? { body: "evil" } : {}) });
  expect([answer.status, answer.text]).toEqual([status, expect.not.stringContaining("root:")]);
  expect([names(), existsSync("/etc/evil")]).toEqual([["fifo", "link", "out", "sub"], false]);
});

test.each<[string, string, number]>([
  ["the datastore's own file", "/folder/.datastore-uuid?dsName=datastore1", 400],
  ["another datastore", "/folder/x?dsName=none", 404],
  ["another datacenter", "/folder/x?dcPath=dc1&dsName=datastore1", 404],
  ["no datastore", "/folder/x", 400],
])("%s is refused", async (_, url, status) => {
  expect((await send("GET", url, { headers: { Cookie: cookie } })).status).toBe(status);
  expect((await send("PUT", url, { headers: { Cookie: cookie }, body: "evil" })).status).toBe(status);
});

test("a datastore itself is neither written nor deleted", async () => {
  for (const method of ["PUT", "DELETE"]) expect((await send(method, "/folder?dsName=datastore1", { headers: BASIC })).status).toBe(405);
});

test("folders are shown to who may see them, with names that are nothing but names", async () => {
  give("<script>alert(1)<");
  const page = await send("GET", at("", `r${round}/`), { headers: { Cookie: cookie } });
  expect([page.status, page.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
  expect(page.text).toContain("&#60;script&#62;alert(1)&#60;");
  expect(page.text).not.toContain("<script>");
  expect((await send("GET", at("", `r${round}`), { headers: { Cookie: cookie } })).text).toBe(page.text);
  expect((await send("GET", "/folder?dcPath=ha-datacenter", { headers: BASIC })).text).toContain('dsName=datastore1">datastore1</a>');
  expect((await send("GET", "/folder", { headers: { Cookie: await sessionOf(NO_ACCESS) } })).text).not.toContain("datastore1");
  expect((await send("GET", "/folder")).status).toBe(401);
  const file = await get("%3Cscript%3Ealert(1)%3C");
  expect([file.headers["content-type"], file.headers["x-content-type-options"]]).toEqual(["application/octet-stream", "nosniff"]);
});

/** A connection that says what it wants. */
function raw(bytes: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port: host.port, rejectUnauthorized: false }, () => {
      socket.write(bytes);
      resolve(socket);
    });
    socket.on("error", reject);
  });
}

/** What comes until there is an answer's head, or the end. */
function heard(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    socket.on("data", (piece) => {
      said += piece;
      if (said.includes("\r\n\r\n")) resolve(said);
    });
    socket.on("close", () => resolve(said));
  });
}

const closed = (socket: TLSSocket) => new Promise<void>((resolve) => socket.once("close", () => resolve()).resume());

/** All that comes within half a second, which for what is answered at once is ample. */
async function heardAll(socket: TLSSocket): Promise<string> {
  let said = "";
  socket.on("data", (piece) => {
    said += piece;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  socket.destroy();
  return said;
}
const headOf = (method: string, name: string, more = "") => `${method} ${at(name)} HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n${more}\r\n`;

test("a refused upload is refused before a byte of it was sent, where the client asks", async () => {
  give("x");
  const expecting = "Content-Length: 5\r\nExpect: 100-continue\r\n";
  expect(await heard(await raw(headOf("PUT", "x/y", expecting)))).toMatch(/^HTTP\/1.1 404 /);
  const welcome = await raw(headOf("PUT", "y", expecting));
  expect(await heard(welcome)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
  const answer = heard(welcome);
  welcome.write("12345");
  expect(await answer).toMatch(/^HTTP\/1.1 201 /);
  welcome.destroy();
});

test("a client that sends megabytes to be refused gets to see why", async () => {
  give("x");
  const { status } = await send("PUT", at("x/y"), { headers: { Cookie: cookie }, body: Buffer.alloc(20_000_000) });
  expect(status).toBe(404);
});

test("an upload that breaks off leaves the old file, and nothing beside it", async () => {
  give("x", "old");
  const socket = await raw(`${headOf("PUT", "x", "Content-Length: 1000000\r\n")}${"n".repeat(100_000)}`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.destroy();
  await expect.poll(() => host.audit.join("\n")).toContain("bytes came, and are thrown away");
  expect([text("x"), names()]).toEqual(["old", ["x"]]);
});

test("bytes past Content-Length are no part of the file", async () => {
  const rubbish = await raw(`${headOf("PUT", "x", "Content-Length: 3\r\n")}abcdefghi`);
  expect(await heard(rubbish)).toMatch(/^HTTP\/1.1 (201|400) /); // what comes after it is no request, which may be noticed first
  rubbish.destroy();
  expect(["abc", undefined]).toContain(existsSync(join(folder, "x")) ? text("x") : undefined);
  const next = await raw(`${headOf("PUT", "y", "Content-Length: 3\r\n")}abc${headOf("DELETE", "y")}`);
  const answers = await heardAll(next);
  expect(answers).toMatch(/^HTTP\/1.1 201 [\s\S]*HTTP\/1.1 (204|404) /);
});

test("a client that stops sending, one that stops reading, and one that closed its half are ended, and the next is served", async () => {
  give("big", "x".repeat(20_000_000));
  const silent = await raw(`${headOf("PUT", "x", "Content-Length: 1000000\r\n")}abc`);
  const deaf = await raw(headOf("GET", "big"));
  deaf.pause();
  const half = await raw(`${headOf("PUT", "y", "Content-Length: 1000000\r\n")}abc`);
  half.end();
  const all = Promise.all([closed(silent), closed(half)]);
  expect((await get("big", { Range: "bytes=0-3" })).text).toBe("xxxx");
  await all;
  await expect.poll(() => host.audit.join("\n"), { timeout: 20_000 }).toContain("the client took nothing for 2 s");
  expect(host.audit.join("\n")).toContain("nothing came for 2 s");
  deaf.destroy();
  expect(names()).toEqual(["big"]);
});

test("while vmkernel is being started anew a client is asked to come again, and then it is served", async () => {
  writeFileSync(join(folder, "here"), "x");
  const [door, away] = [join(host.folder, "files.sock"), join(host.folder, "files.away")];
  renameSync(door, away);
  try {
    for (const [method, sending] of [
      ["GET", { headers: BASIC }],
      ["PUT", { headers: BASIC, body: "y" }],
    ] as const) {
      const { status, headers, text } = await send(method, `/folder/r${round}/here?dsName=datastore1`, sending);
      expect([method, status, headers["retry-after"]]).toEqual([method, 503, "5"]);
      expect(text).toContain("being started anew");
    }
  } finally {
    renameSync(away, door);
  }
  expect((await send("GET", `/folder/r${round}/here?dsName=datastore1`, { headers: BASIC })).text).toBe("x");
});

test("so many transfers at a time and no more; when they end, the next are served", async () => {
  const stuck = await Promise.all(Array.from({ length: 8 }, (_, n) => raw(`${headOf("PUT", `x${n}`, "Content-Length: 10\r\n")}abc`)));
  await expect.poll(async () => (await get("none")).status).toBe(503);
  for (const socket of stuck) socket.destroy();
  const ended = () => host.audit.filter((line) => line.includes(`r${round}/x`) && line.includes("thrown away")).length;
  await expect.poll(ended).toBe(8);
  expect((await get("none")).status).toBe(404);
  expect(names()).toEqual([]);
});

test("ten clients write one file at once: it is one of theirs, whole", async () => {
  const bodies = Array.from({ length: 7 }, (_, n) => String(n).repeat(300_000));
  const statuses = await Promise.all(bodies.map(async (body) => (await put("x", body)).status));
  expect(new Set([200, 201, 423, ...statuses])).toEqual(new Set([200, 201, 423]));
  expect(bodies).toContain(text("x"));
  expect(names()).toEqual(["x"]);
});
