import { readFileSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mutateRequest, randomOf } from "../src/interfaces/index.ts";
import { encodeRequest, parseXml, REQUEST_LIMITS } from "../src/wire/index.ts";
import { startHost, type TestHost } from "./harness.ts";
import { bootableSpec, createVm, read } from "./vm.ts";

/** What a hostile client gets: a SOAP fault or a refusal, in bounded memory, from a process that lives on. */
const REQUESTS = 20_000;
const RSS_GROWTH_MAX_MIB = 150;
const SIDE_BY_SIDE = 16;

let host: TestHost;
let hostd: number;
let cookie: string;
let vm: string;
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: SIDE_BY_SIDE });

beforeAll(async () => {
  host = await startHost();
  const client = await host.login();
  cookie = client.sessionKey ?? "";
  const spec = bootableSpec("target", "");
  vm = (await createVm(client, { ...spec, deviceChange: [] })).value;
  hostd = (await host.pids()).hostd;
});
afterAll(async () => {
  agent.destroy();
  await host?.stop();
});

/** Good requests of every kind, aimed at what is there. Login and Logout are left out: they would end the session that the rest needs. */
function goodRequests(): readonly string[] {
  const ref = (type: string, value: string) => ({ type, value });
  const vmRef = ref("VirtualMachine", vm);
  const collector = ref("PropertyCollector", "ha-property-collector");
  const spec = {
    propSet: [{ type: "VirtualMachine", pathSet: ["config.hardware.device", "runtime.powerState"] }],
    objectSet: [{ obj: vmRef }],
  };
  const traversal = {
    $type: "TraversalSpec",
    name: "t",
    type: "Folder",
    path: "childEntity",
    selectSet: [{ $type: "SelectionSpec", name: "t" }],
  };
  const walk = {
    propSet: [{ type: "ManagedEntity", all: true }],
    objectSet: [{ obj: ref("Folder", "ha-folder-root"), skip: true, selectSet: [traversal] }],
  };
  const config = {
    ...bootableSpec("made", "[datastore1] images/none.vmdk"),
    extraConfig: [{ key: "a.b", value: { anyType: "string", value: "c" } }],
  };
  return [
    { method: "RetrieveServiceContent", thisRef: ref("ServiceInstance", "ServiceInstance"), args: {} },
    { method: "RetrievePropertiesEx", thisRef: collector, args: { specSet: [spec], options: { maxObjects: 2 } } },
    { method: "RetrieveProperties", thisRef: collector, args: { specSet: [walk] } },
    { method: "CreateFilter", thisRef: collector, args: { spec, partialUpdates: true } },
    { method: "WaitForUpdatesEx", thisRef: collector, args: { version: "", options: { maxWaitSeconds: 0 } } },
    {
      method: "CreateContainerView",
      thisRef: ref("ViewManager", "ViewManager"),
      args: { container: ref("Folder", "ha-folder-root"), type: ["VirtualMachine"], recursive: true },
    },
    {
      method: "FindByUuid",
      thisRef: ref("SearchIndex", "ha-searchindex"),
      args: { uuid: "564d0000-0000-0000-0000-000000000000", vmSearch: true },
    },
    { method: "CreateVM_Task", thisRef: ref("Folder", "ha-folder-vm"), args: { config, pool: ref("ResourcePool", "ha-root-pool") } },
    { method: "ReconfigVM_Task", thisRef: vmRef, args: { spec: { memoryMB: 64, annotation: "x", deviceChange: config.deviceChange } } },
    { method: "RegisterVM_Task", thisRef: ref("Folder", "ha-folder-vm"), args: { path: "[datastore1] a/a.vmx", asTemplate: false } },
    { method: "Rename_Task", thisRef: vmRef, args: { newName: "target" } },
    { method: "ResetVM_Task", thisRef: vmRef, args: {} },
    { method: "QueryEvents", thisRef: ref("EventManager", "ha-eventmgr"), args: { filter: { eventTypeId: ["VmCreatedEvent"] } } },
    { method: "Fetch", thisRef: vmRef, args: { prop: "summary" } },
  ].map((request) => encodeRequest(request));
}

function post(body: string | Buffer): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "text/xml", SOAPAction: '"urn:vim25/8.0.3.0"', Cookie: `vmware_soap_session=${cookie}` };
    const sent = httpsRequest({ host: "127.0.0.1", port: host.port, path: "/sdk", method: "POST", agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const memoryMiB = (): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${hostd}/status`, "utf8"))?.[1]) / 1024;

test(`${REQUESTS} mutated requests get a well-formed answer each, and hostd lives in bounded memory`, { timeout: 400_000 }, async () => {
  const good = goodRequests();
  const seed = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);
  const before = memoryMiB();
  let next = 0;
  const statuses = new Map<number, number>();
  const worker = async (): Promise<void> => {
    for (let index = next++; index < REQUESTS; index = next++) {
      const random = randomOf(seed + index);
      const answer = await post(mutateRequest(random, good[Math.floor(random() * good.length)] ?? ""));
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      // 200 and 500 carry SOAP; everything else is refused before it is read as such
      expect([200, 400, 413, 500], `seed ${seed}, request ${index}: ${answer.body.slice(0, 300)}`).toContain(answer.status);
      if (answer.status === 200 || answer.status === 500)
        parseXml(Buffer.from(answer.body), { ...REQUEST_LIMITS, bytesMax: 64 * 2 ** 20, elementsMax: 1_000_000 });
      if (answer.status === 500) expect(answer.body, `seed ${seed}, request ${index}`).not.toContain("Internal error");
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  expect([...statuses.values()].reduce((sum, n) => sum + n, 0)).toBe(REQUESTS);
  expect(statuses.get(500) ?? 0, "hardly a mutation was noticed").toBeGreaterThan(REQUESTS / 4);
  expect((await host.pids()).hostd, "hostd was restarted").toBe(hostd);
  expect(memoryMiB() - before).toBeLessThan(RSS_GROWTH_MAX_MIB);
  const client = await host.login();
  expect(await read(client, { type: "VirtualMachine", value: vm }, "runtime.powerState")).toBe("poweredOff");
  client.close();
});

const envelope = (body: string, prolog = ""): string =>
  `<?xml version="1.0"?>${prolog}<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>${body}</e:Body></e:Envelope>`;
const call = (method: string, type: string, moid: string, args = ""): string =>
  envelope(`<${method} xmlns="urn:vim25"><_this type="${type}">${moid}</_this>${args}</${method}>`);
const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 9 }, (_, n) => `<!ENTITY ${"bcdefghij"[n]} "&${"abcdefghi"[n]};&${"abcdefghi"[n]};">`).join("")}]>`;

test.each<[string, () => string | Buffer, string]>([
  ["nothing", () => "", "InvalidRequest"],
  ["no XML", () => "GET / HTTP/1.1", "InvalidRequest"],
  ["XML cut short", () => call("CurrentTime", "ServiceInstance", "ServiceInstance").slice(0, 150), "InvalidRequest"],
  ["an entity bomb", () => envelope("<x>&j;</x>", bomb), "InvalidRequest"],
  ["an external entity", () => envelope("<x>&f;</x>", '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'), "InvalidRequest"],
  ["nesting of 100,000", () => envelope("<a>".repeat(100_000)), "InvalidRequest"],
  ["a body of 8 MiB", () => Buffer.alloc(8 * 2 ** 20, 0x20), "InvalidRequest"],
  ["bytes that are no UTF-8", () => Buffer.from([0x3c, 0xff, 0xfe, 0x3e]), "InvalidRequest"],
  ["a method that nothing has", () => call("RunAsRoot", "ServiceInstance", "ServiceInstance"), "MethodNotFound"],
  ["a method of another type", () => call("PowerOnVM_Task", "ServiceInstance", "ServiceInstance"), "MethodNotFound"],
  ["an object that is not there", () => call("PowerOnVM_Task", "VirtualMachine", "4711"), "ManagedObjectNotFound"],
  ["an id of another session's", () => call("DestroyPropertyFilter", "PropertyFilter", "session[52d0]52aa"), "ManagedObjectNotFound"],
  ["an id that JavaScript knows", () => call("PowerOnVM_Task", "VirtualMachine", "__proto__"), "ManagedObjectNotFound"],
  ["an object of another type than it says", () => call("Destroy_Task", "VirtualMachine", "ha-host"), "ManagedObjectNotFound"],
  ["a missing argument", () => call("Rename_Task", "VirtualMachine", vm), "InvalidArgument"],
  [
    "an argument of the wrong type",
    () => call("FindByUuid", "SearchIndex", "ha-searchindex", "<uuid>x</uuid><vmSearch>perhaps</vmSearch>"),
    "InvalidArgument",
  ],
  [
    "an argument that the method has not",
    () => call("CurrentTime", "ServiceInstance", "ServiceInstance", "<sudo>1</sudo>"),
    "InvalidArgument",
  ],
  ["a method that this host does not perform", () => call("CreateFolder", "Folder", "ha-folder-vm", "<name>x</name>"), "NotSupported"],
])("%s is answered by the right fault", async (_, body, faultName) => {
  const answer = await post(body());
  expect(answer.status).toBe(500);
  expect(answer.body).toContain(`xsi:type="${faultName}"`);
  expect((await host.pids()).hostd).toBe(hostd);
});

test("without a session everything but logging in is refused", async () => {
  const session = cookie;
  cookie = "0".repeat(40);
  for (const [method, type, moid] of [
    ["PowerOnVM_Task", "VirtualMachine", vm],
    ["PowerOnVM_Task", "VirtualMachine", "no such"],
    ["Fetch", "VirtualMachine", vm],
  ] as const) {
    const answer = await post(call(method, type, moid, method === "Fetch" ? "<prop>name</prop>" : ""));
    expect(answer.body).toContain('xsi:type="NotAuthenticated"');
  }
  cookie = session;
});
