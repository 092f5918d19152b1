import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { hostLogFile } from "../src/vmkernel/index.ts";
import { faultOf, SESSION_MANAGER, startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** The host's logs over the wire, and the support bundle that has them all and no secret. */
const DIAGNOSTICS = moRef("DiagnosticManager", "ha-diagnosticmgr");
const HOST = moRef("HostSystem", "ha-host");
const READ_ONLY = -2;
const PASSWORD = "Correct-Horse-9";
let host: TestAgent;
let client: VimClient;

beforeAll(async () => {
  host = await startAgent();
  const file = hostLogFile(hostPaths(host.folder));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "2026 vmkernel: VM 1: adopt\n2026 hostd: started\n2026 vmkernel: VM 1: poweredOff\n2026 vmkernel: half a li");
  client = await host.login();
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const browse = (key: string, start?: number, lines?: number) =>
  client.call(DIAGNOSTICS, "BrowseDiagnosticLog", {
    key,
    ...(start === undefined ? {} : { start }),
    ...(lines === undefined ? {} : { lines }),
  });

test("the host lists its logs and each can be read", async () => {
  const logs = (await client.call(DIAGNOSTICS, "QueryDescriptions", { host: HOST })) ?? [];
  expect(logs.map(({ key }) => key)).toEqual(["hostd", "vmkernel", "host", "audit"]);
  for (const { key } of logs) expect((await browse(key)).lineEnd, key).toBeGreaterThan(0);
});

test("a log is read by line numbers, each log its own lines, and only whole ones", async () => {
  expect(await browse("vmkernel")).toMatchObject({
    lineStart: 1,
    lineEnd: 2,
    lineText: ["2026 vmkernel: VM 1: adopt", "2026 vmkernel: VM 1: poweredOff"],
  });
  expect((await browse("host", 2, 1)).lineText).toEqual(["2026 hostd: started"]);
  expect(await browse("vmkernel", 2 ** 31 - 1, 0)).toMatchObject({ lineEnd: 2 });
});

test("hostd's log tells of events, the audit log of this very reading", async () => {
  await client.call(moRef("EventManager", "ha-eventmgr"), "LogUserEvent", { entity: HOST, msg: "first\nsecond" });
  expect((await browse("hostd")).lineText?.at(-1)).toMatch(/^\S+Z Event \d+ : GeneralUserEvent: first second$/);
  await client.call(DIAGNOSTICS, "EmitSyslogMark", { message: "here" });
  expect((await browse("hostd")).lineText?.at(-1)).toContain("Mark by root: here");
  expect((await browse("audit")).lineText?.at(-1)).toContain("DiagnosticManager:ha-diagnosticmgr.BrowseDiagnosticLog");
});

test.each([
  ["a log that is not there", { key: "vpxd" }, "key"],
  ["a path", { key: "../hostd.db" }, "key"],
  ["another host", { key: "hostd", host: moRef("HostSystem", "host-9") }, "host"],
])("%s is refused by name", async (_, args, invalidProperty) => {
  expect(await faultOf(client.call(DIAGNOSTICS, "BrowseDiagnosticLog", args))).toMatchObject({
    fault: "InvalidArgument",
    fields: { invalidProperty },
  });
});

test("a log that somebody put a link in place of is not followed", async () => {
  const other = await startAgent();
  try {
    const file = hostLogFile(hostPaths(other.folder));
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync("/etc/passwd", file);
    await using reader = await other.login();
    expect((await faultOf(reader.call(DIAGNOSTICS, "BrowseDiagnosticLog", { key: "host" }))).message).not.toContain("root:");
  } finally {
    await other.stop();
  }
});

test("who may not see diagnostics reads no log and makes no bundle", async () => {
  await using reader = await host.login(READ_ONLY);
  for (const call of [
    reader.call(DIAGNOSTICS, "QueryDescriptions", {}),
    reader.call(DIAGNOSTICS, "BrowseDiagnosticLog", { key: "audit" }),
    reader.call(DIAGNOSTICS, "GenerateLogBundles_Task", { includeDefault: true }),
  ]) {
    expect((await faultOf(call)).fault).toBe("NoPermission");
  }
});

/** Asks the host for a path as a browser would. */
function get(path: string, cookie?: string, method = "GET"): Promise<{ readonly status: number | undefined; readonly body: Buffer }> {
  const headers = cookie === undefined ? {} : { cookie };
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port: host.port, path, method, headers, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }));
    });
    call.on("error", reject);
    call.end();
  });
}

/** The cookie of a new session of a user. */
async function cookieOf(userName: string): Promise<string> {
  const body = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><Login xmlns="urn:vim25"><_this type="SessionManager">${SESSION_MANAGER.value}</_this><userName>${userName}</userName><password>${PASSWORD}</password></Login></Body></Envelope>`;
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "text/xml" };
    const call = request(
      { host: "127.0.0.1", port: host.port, path: "/sdk", method: "POST", headers, rejectUnauthorized: false },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.headers["set-cookie"]?.[0]?.split(";", 1)[0] ?? ""));
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

async function makeBundle(): Promise<string> {
  const task = await client.call(DIAGNOSTICS, "GenerateLogBundles_Task", { includeDefault: true, host: [HOST] });
  if (task === undefined) throw new Error("no task");
  const [bundle] = (await succeeded(client, task)) as { readonly url: string; readonly system: unknown }[];
  expect(bundle).toMatchObject({
    system: HOST,
    url: expect.stringMatching(/^https:\/\/\*\/downloads\/bulkhead-support-host1-[0-9a-f-]+\.tar\.gz$/),
  });
  return new URL((bundle?.url ?? "").replace("*", "host1")).pathname;
}

test("a support bundle has logs, configuration and state, and not one secret", async () => {
  const cookie = await cookieOf("root");
  const secret = /"?([0-9a-f]{40})"?$/.exec(cookie)?.[1] ?? "no cookie";
  const spec = {
    name: "told",
    files: { vmPathName: "[datastore1]" },
    extraConfig: [{ key: "guestinfo.password", value: { anyType: "string", value: "hunter2" } }],
  };
  await createVm(client, spec as never);
  appendFileSync(hostLogFile(hostPaths(host.folder)), `\n2026 hostd: ${secret}\n`);
  const path = await makeBundle();
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-bundle-"));
  try {
    const { status, body } = await get(path, cookie);
    expect(status).toBe(200);
    execFileSync("tar", ["-xzf", "-", "-C", folder], { input: body });
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
    const names = files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
    expect(names).toEqual([
      "configuration/accounts.json",
      "configuration/certificate.json",
      "configuration/options.json",
      "configuration/permissions.json",
      "logs/audit.log",
      "logs/host.log",
      "logs/hostd.log",
      "state/datastores.json",
      "state/events.json",
      "state/tasks.json",
      "state/vms.json",
      "version.json",
    ]);
    const all = texts.join("\n");
    expect(all).toContain("VM 1: adopt");
    expect(all).toContain('"name": "told"');
    const hashes =
      readFileSync(join(host.folder, "hostd.db"))
        .toString("latin1")
        .match(/scrypt\$[^\s\0]{20,}/g) ?? [];
    for (const hidden of [secret, "hunter2", PASSWORD, "PRIVATE KEY", "scrypt$", "vmware_soap_session", ...hashes])
      expect(all).not.toContain(hidden);
    const sessions = (await read(client, SESSION_MANAGER, "sessionList")) as { readonly key: string }[];
    for (const { key } of sessions) expect(all).not.toContain(key);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a bundle is fetched by who has logged in and may, and by nobody else", async () => {
  const path = await makeBundle();
  const root = await cookieOf("root");
  expect((await get(path)).status).toBe(401);
  expect((await get(path, 'vmware_soap_session="0000000000000000000000000000000000000000"')).status).toBe(401);
  expect((await get(path, await cookieOf(`role${READ_ONLY}`))).status).toBe(403);
  expect((await get(path, root, "POST")).status).toBe(405);
  expect((await get(path, root, "HEAD")).body).toHaveLength(0);
  expect((await get(path, root)).status).toBe(200);
  expect((await browse("audit", (await browse("audit")).lineEnd - 1)).lineText?.join("\n")).toContain("httpaccess.request");
});

test.each(["..%2Fhostd.db", "../hostd.db", "hostd.db", "", "x.tar.gz", "a/b.tar.gz"])("there is no download %j", async (name) => {
  expect((await get(`/downloads/${name}`, await cookieOf("root"))).status).toBe(404);
});

test("no more than two bundles wait, the oldest goes", async () => {
  const paths = [await makeBundle(), await makeBundle(), await makeBundle()];
  const cookie = await cookieOf("root");
  const statuses = [];
  for (const path of paths) statuses.push((await get(path, cookie)).status);
  expect(statuses).toEqual([404, 200, 200]);
  expect(readdirSync(join(host.folder, "downloads"))).toHaveLength(2);
});

test("a second bundle at the same time is refused and shown the first one's task", async () => {
  const [first, second] = await Promise.allSettled(
    [1, 2].map(() => client.call(DIAGNOSTICS, "GenerateLogBundles_Task", { includeDefault: true })),
  );
  const task = first?.status === "fulfilled" ? first.value : undefined;
  expect(second).toMatchObject({ status: "rejected", reason: { fault: "TaskInProgress", fields: { task } } });
  if (task !== undefined) expect((await ended(client, task)).state).toBe("success");
});
