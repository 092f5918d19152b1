import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { Evidence } from "../src/evidence/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef, VirtualMachineConnection } from "../src/wire/index.ts";
import { installFromGo } from "./go.ts";
import { datastoreText, installGuestImage, notPassed, PASSWORD, startHost, type TestHost, waitFor } from "./harness.ts";
import { readPng } from "./png.ts";
import { clientFrame, openViewer, type Viewer } from "./viewer.ts";
import { bootableSpec, createVm, read, succeeded } from "./vm.ts";

/** A VM's console over the API and the host's one port: its screen, its keyboard, and who may look. */
const run = promisify(execFile);
const NAME = "watched";
const VIEWERS_MAX = 3;
const installed = await installFromGo("govc");
if ("because" in installed) console.warn(`govc cannot be had on this machine, its test is skipped: ${installed.because}`);
const govc = "path" in installed ? installed.path : "";
const BOOT_MS = 120_000;
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  const spec = bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`));
  const extraConfig = [{ key: "RemoteDisplay.maxConnections", value: { anyType: "string", value: String(VIEWERS_MAX) } } as const];
  vm = await createVm(client, { ...spec, extraConfig });
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const acquire = (ticketType = "webmks") => client.call(vm, "AcquireTicket", { ticketType });
const look = async (): Promise<Viewer> => openViewer(host.port, `/ticket/${(await acquire()).ticket}`);
const viewersNow = async () => ((await read(client, vm, "runtime")) as { numMksConnections: number }).numMksConnections;

/** Strokes of a line of lower-case letters, digits and a few others, with Return at its end. */
function typed(line: string) {
  const usages: Readonly<Record<string, number>> = { " ": 0x2c, "-": 0x2d, "/": 0x38, ">": 0x37 };
  const keyOf = (character: string): number =>
    usages[character] ?? (/[a-z]/.test(character) ? character.charCodeAt(0) - 97 + 0x04 : "1234567890".indexOf(character) + 0x1e);
  const strokes = [...line].map((character) => ({
    usbHidCode: (keyOf(character.toLowerCase()) << 16) | 7,
    modifiers: { leftShift: character === ">" || /[A-Z]/.test(character) },
  }));
  return { keyEvents: [...strokes, { usbHidCode: (0x28 << 16) | 7 }] };
}

test("a VM that is off has no console, no keyboard and no screen, and says so by name", async () => {
  const off = { fault: "InvalidPowerState", fields: { existingState: "poweredOff" } };
  await expect(acquire()).rejects.toMatchObject(off);
  // The schema declares no fault of a state for it.
  const keys = client.call(vm, "PutUsbScanCodes", { spec: typed("a") });
  await expect(keys).rejects.toMatchObject({ fault: "InvalidRequest", message: expect.stringContaining("Powered off") });
  await expect(client.call(vm, "CreateScreenshot_Task", {}).then((task) => succeeded(client, task))).rejects.toThrow("InvalidPowerState");
  expect(await client.call(vm, "QueryConnections", {})).toEqual([]);
});

test("a browser's WebSocket opens the console with a ticket, without a password, and sees the screen", async () => {
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  const ticket = await acquire();
  expect(ticket).toMatchObject({ host: "127.0.0.1", port: host.port, url: `wss://127.0.0.1:${host.port}/ticket/${ticket.ticket}` });
  expect(ticket.cfgFile).toMatch(/^\/vmfs\/volumes\/[^/]+\/watched\/watched\.vmx$/);
  expect(ticket.sslThumbprint).toMatch(/^[0-9A-F]{2}(:[0-9A-F]{2}){19}$/);
  await waitFor(async () => (await datastoreText(host, `${NAME}/console.log`)).includes("tick 1"), BOOT_MS);
  const script = resolve(import.meta.dirname, "rfb-client.mjs");
  const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const { stdout } = await run(process.execPath, ["--experimental-websocket", script, ticket.url ?? ""], { env, timeout: 60_000 });
  const seen = JSON.parse(stdout);
  expect(seen).toMatchObject({ protocol: "binary", version: "RFB 003.008\n", securityTypes: [1], securityResult: 0, type: 0 });
  expect(seen.pixels).toBe(seen.width * seen.height);
  expect(seen.lit).toBeGreaterThan(0);

  const path = (await succeeded(client, await client.call(vm, "CreateScreenshot_Task", {}))) as string;
  expect(path).toBe(`[datastore1] ${NAME}/${NAME}-1.png`);
  const picture = readPng(await readFile(join(hostPaths(host.root).volumes, "datastore1", NAME, `${NAME}-1.png`)));
  expect(picture).toEqual({ width: seen.width, height: seen.height, isLit: true });
  expect(await succeeded(client, await client.call(vm, "CreateScreenshot_Task", {}))).toBe(`[datastore1] ${NAME}/${NAME}-2.png`);
});

test("keys reach the shell on the guest's screen", async () => {
  const spec = typed("echo Typed-1 > /dev/ttyS0");
  // A guest that has just come up may not have its shell at the keyboard yet.
  await waitFor(
    async () => {
      expect(await client.call(vm, "PutUsbScanCodes", { spec })).toBe(spec.keyEvents.length);
      return (await datastoreText(host, `${NAME}/console.log`)).includes("Typed-1");
    },
    60_000,
    1000,
  );
});

test("curl gets a picture of the screen with a password, and not without", async () => {
  const url = `https://127.0.0.1:${host.port}/screen?id=${vm.value}`;
  const { stdout } = await run("curl", ["-sSkf", "-u", `root:${PASSWORD}`, url], { encoding: "buffer", maxBuffer: 32 * 2 ** 20 });
  expect(readPng(stdout)).toMatchObject({ isLit: true });
  await expect(run("curl", ["-sSkf", url])).rejects.toThrow("401");
});

test.skipIf(govc === "")("govc takes a picture, types, and names the console's address", async () => {
  const env = {
    ...process.env,
    GOVC_URL: `https://127.0.0.1:${host.port}`,
    GOVC_USERNAME: "root",
    GOVC_PASSWORD: PASSWORD,
    GOVC_INSECURE: "1",
    GOVC_PERSIST_SESSION: "false",
  };
  const says = async (...args: readonly string[]) => (await run(govc, args, { env, timeout: 60_000 })).stdout;
  const file = join(host.root, "captured.png");
  await says("vm.console", "-capture", file, NAME);
  expect(readPng(await readFile(file))).toMatchObject({ isLit: true });
  await says("vm.keystrokes", "-vm", NAME, "-s", "echo By-Govc! > /dev/ttyS0");
  await says("vm.keystrokes", "-vm", NAME, "-c", "KEY_ENTER");
  await waitFor(async () => (await datastoreText(host, `${NAME}/console.log`)).includes("By-Govc!"), 60_000);
  const [, path = ""] = /^wss:\/\/127\.0\.0\.1:\d+(\/ticket\/[0-9a-f]{40})\n$/.exec(await says("vm.console", "-wss", NAME)) ?? [];
  const viewer = await openViewer(host.port, path); // govc has logged out by now
  expect(viewer.status).toBe(101);
  viewer.end();
  await waitFor(async () => (await viewersNow()) === 0, 10_000);
});

test.each<[string, object]>([
  ["a usage that is no key", { usbHidCode: (0x03 << 16) | 7 }],
  ["a usage of a mouse", { usbHidCode: (0x04 << 16) | 9 }],
  ["a negative code", { usbHidCode: -1 }],
])("%s is refused by its place", async (_, wrong) => {
  const spec = { keyEvents: [...typed("x").keyEvents, wrong] } as never;
  await expect(client.call(vm, "PutUsbScanCodes", { spec })).rejects.toMatchObject({
    fault: "InvalidArgument",
    fields: { invalidProperty: "spec.keyEvents[2].usbHidCode" },
  });
});

test.each([
  ["mks", "NotSupported"],
  ["device", "NotSupported"],
  ["guestControl", "NotSupported"],
  ["telnet", "InvalidArgument"],
])("a ticket of type %s is not given: %s", async (type, name) => {
  await expect(acquire(type)).rejects.toMatchObject({ fault: name });
});

test("MKS, by its old name too, is not spoken here", async () => {
  await expect(client.call(vm, "AcquireMksTicket", {})).rejects.toMatchObject({ fault: "NotSupported" });
});

test("a ticket is good once; one that is spent, made up or none opens nothing", async () => {
  const { ticket } = await acquire();
  const viewer = await openViewer(host.port, `/ticket/${ticket}`);
  expect(viewer.status).toBe(101);
  await waitFor(() => viewer.said().includes("RFB 003.008\n"), 10_000);
  expect((await openViewer(host.port, `/ticket/${ticket}`)).status).toBe(401);
  expect((await openViewer(host.port, `/ticket/${"0".repeat(40)}`)).status).toBe(401);
  expect((await openViewer(host.port, "/ticket/")).status).toBe(404);
  expect((await openViewer(host.port, "/sdk")).status).toBe(404);
  expect((await openViewer(host.port, `/ticket/${(await acquire()).ticket}`, { "Sec-WebSocket-Version": "8" })).status).toBe(426);
  viewer.end();
  await waitFor(async () => (await viewersNow()) === 0, 10_000);
});

test.each<[string, Buffer, number]>([
  ["a frame without a mask", Buffer.from("820161", "hex"), 1002],
  ["text", clientFrame(0x81, Buffer.from("RFB 003.008\n")), 1003],
  ["a frame larger than any number", Buffer.from("82ffffffffffffffffff00000000", "hex"), 1009],
  [
    "fragments without end",
    Buffer.concat([clientFrame(0x02, Buffer.alloc(0)), ...Array(2000).fill(clientFrame(0x00, Buffer.alloc(0)))]),
    1009,
  ],
])("%s ends the viewer that sent it, with its code, and no other", async (_, bytes, code) => {
  const [other, hostile] = [await look(), await look()];
  hostile.send(bytes);
  expect(await hostile.closed).toBe(code);
  await waitFor(async () => (await viewersNow()) === 1, 10_000);
  other.send(clientFrame(0x89, Buffer.from("still there")));
  await waitFor(() => other.said().includes("still there"), 10_000);
  other.send(clientFrame(0x88, Buffer.from([0x03, 0xe8])));
  expect(await other.closed).toBe(1000);
  await waitFor(async () => (await viewersNow()) === 0, 10_000);
});

test("as many may look as the VM says; who looks is listed, and can be made to stop", async () => {
  const { ticket: late } = await acquire();
  const viewers = [await look(), await look(), await look()];
  expect(await viewersNow()).toBe(VIEWERS_MAX);
  await expect(acquire()).rejects.toMatchObject({ fault: "MksConnectionLimitReached", fields: { connectionLimit: VIEWERS_MAX } });
  expect((await openViewer(host.port, `/ticket/${late}`)).status).toBe(503);
  const evidence: readonly Evidence[] = JSON.parse((await host.command("evidence", "--json")).stdout);
  expect(notPassed(evidence)).toEqual([]);
  expect(evidence.flatMap(({ facts }) => facts).join()).toContain(`viewers that it was handed: ${VIEWERS_MAX}`);
  const listed = (await client.call(vm, "QueryConnections", {})) ?? [];
  expect(listed).toEqual(Array.from({ length: VIEWERS_MAX }, () => expect.objectContaining({ client: "127.0.0.1", userName: "root" })));
  const [first] = listed as [VirtualMachineConnection];
  expect(await client.call(vm, "DropConnections", { listOfConnections: [first] })).toBe(true);
  expect(await viewers[0]?.closed).toBe(1001);
  expect(await client.call(vm, "DropConnections", { listOfConnections: [first] })).toBe(false);
  expect(await client.call(vm, "DropConnections", {})).toBe(true);
  expect(await Promise.all(viewers.map(({ closed }) => closed))).toEqual([1001, 1001, 1001]);
  await waitFor(async () => (await viewersNow()) === 0, 10_000);
});

test("a console goes on when vmkernel is killed, and the next one gives others", async () => {
  const viewer = await look();
  await waitFor(() => viewer.said().includes("RFB 003.008\n"), 10_000);
  const { vmkernel } = await host.pids();
  process.kill(vmkernel, "SIGKILL");
  viewer.send(clientFrame(0x82, Buffer.from("RFB 003.008\n")));
  await waitFor(() => viewer.said().includes(Buffer.from([1, 1])), 10_000); // the monitor's own answer: one kind of security, none
  await waitFor(async () => (await host.pids()).vmkernel > 0 && (await host.pids()).vmkernel !== vmkernel, 60_000);
  const other = await look();
  await waitFor(() => other.said().includes("RFB 003.008\n"), 10_000);
  expect(await viewersNow()).toBe(2);
  for (const one of [viewer, other]) one.end();
  await waitFor(async () => (await viewersNow()) === 0, 10_000);
});

test("a console outlives the session that asked for it and ends with the VM; events tell of it", async () => {
  const other = await host.login();
  const { ticket } = await other.call(vm, "AcquireTicket", { ticketType: "webmks" });
  await other.call({ type: "SessionManager", value: "ha-sessionmgr" }, "Logout", {});
  other.close();
  const viewer = await openViewer(host.port, `/ticket/${ticket}`);
  expect(viewer.status).toBe(101);
  const { ticket: spare } = await acquire();
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  expect(await viewer.closed).toBe(1001);
  expect((await openViewer(host.port, `/ticket/${spare}`)).status).toBe(409);
  const manager = { type: "EventManager", value: "ha-eventmgr" } as const;
  const events: readonly Event[] =
    (await client.call(manager, "QueryEvents", { filter: { entity: { entity: vm, recursion: "self" } } })) ?? [];
  const types = events.map(({ $type }) => $type);
  expect(types.slice(-6)).toEqual(
    expect.arrayContaining([
      "VmAcquiredTicketEvent",
      "VmRemoteConsoleConnectedEvent",
      "VmRemoteConsoleDisconnectedEvent",
      "VmPoweredOffEvent",
    ]),
  );
  const audit = await readFile(join(hostPaths(host.root).hostdState, "audit.log"), "utf8");
  for (const id of ["console.open", "console.close"]) expect(audit).toContain(`"id":"${id}","result":"success","subject":"root"`);
});
