import { Agent, request } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VirtualMachineConfigSpec } from "../src/wire/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm } from "./vm.ts";

/** Who may take a picture of a screen, and of which; what it shows is looked at in console.test.ts, with a guest. */
const PASSWORD = "Correct-Horse-9";
const READ_ONLY = -2;
const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
let host: TestAgent;
let vm: string;
let cookies: { readonly root: string; readonly readOnly: string };

beforeAll(async () => {
  host = await startAgent();
  const [root, readOnly] = [await host.login(), await host.login(READ_ONLY)];
  const spec: VirtualMachineConfigSpec = { name: "web", guestId: "otherGuest64", memoryMB: 64, files: { vmPathName: "[datastore1]" } };
  vm = (await createVm(root, spec)).value;
  cookies = { root: `vmware_soap_session="${root.sessionKey}"`, readOnly: `vmware_soap_session="${readOnly.sessionKey}"` };
});
afterAll(async () => {
  agent.destroy();
  await host?.stop();
});

interface Answer {
  readonly status: number;
  readonly authenticate: string | undefined;
  readonly text: string;
}

/** All on one connection, so that one answer that breaks it is seen by the next. */
function ask(path: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ agent, host: "127.0.0.1", port: host.port, path, method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, authenticate: response.headers["www-authenticate"], text }));
    });
    asking.on("error", reject);
    asking.end();
  });
}

const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString("base64")}` });

test("who shows nothing, or a wrong password, is asked for one, and is not told whether there is such a VM", async () => {
  for (const id of [vm, "999"]) {
    for (const headers of [{}, { Cookie: 'vmware_soap_session="0"' }, basic("root:wrong"), basic("nobody:x")]) {
      expect(await ask(`/screen?id=${id}`, headers)).toMatchObject({ status: 401, authenticate: 'Basic realm="VMware HTTP server"' });
    }
  }
});

test("who may only read may not look at the screen, whether there is one or not", async () => {
  expect((await ask(`/screen?id=${vm}`, { Cookie: cookies.readOnly })).status).toBe(403);
  expect((await ask("/screen?id=999", { Cookie: cookies.readOnly })).status).toBe(403);
  expect((await ask(`/screen?id=${vm}`, basic(`role${READ_ONLY}:${PASSWORD}`))).status).toBe(403);
});

test.each<[string, (id: string) => string, string, number]>([
  ["a VM that is off", (id) => `/screen?id=${id}`, "GET", 409],
  ["a VM that is off, its head", (id) => `/screen?id=${id}`, "HEAD", 409],
  ["a VM that is not there", () => "/screen?id=999", "GET", 404],
  ["what is no VM", () => "/screen?id=ha-host", "GET", 404],
  ["nothing", () => "/screen", "GET", 400],
  ["a part of it", (id) => `/screen?id=${id}&x=1`, "GET", 400],
  ["a write", (id) => `/screen?id=${id}`, "PUT", 405],
])("root asks for the screen of %s", async (_, path, method, status) => {
  expect((await ask(path(vm), { Cookie: cookies.root }, method)).status).toBe(status);
});

test("a ticket of a session opens it once", async () => {
  const root = await host.login();
  const spec = { $type: "SessionManagerHttpServiceRequestSpec", method: "httpGet", url: `https://*/screen?id=${vm}` } as const;
  const { id } = await root.call({ type: "SessionManager", value: "ha-sessionmgr" }, "AcquireGenericServiceTicket", { spec });
  const headers = { Cookie: `vmware_cgi_ticket=${id}` };
  expect((await ask(`/screen?id=${vm}`, headers)).status).toBe(409); // let in, and told that it is off
  expect((await ask(`/screen?id=${vm}`, headers)).status).toBe(401);
  root.close();
});
