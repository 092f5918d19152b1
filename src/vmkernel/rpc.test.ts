import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fault } from "../wire/index.ts";
import type { Controls } from "./controls.ts";
import { parseRequest, parseStreamRequest } from "./parse-request.ts";
import type { StreamOutcome } from "./perform-request.ts";
import type { StreamRequest, VmkernelEvent, VmkernelRequest } from "./rpc.ts";
import { ConnectionLost, VmkernelClient } from "./rpc-client.ts";
import { RpcServer } from "./rpc-server.ts";
import { decodeMessage, encodeFault, RPC_LINE_BYTES_MAX } from "./rpc-wire.ts";
import { machineWith } from "./vmm/machine.fixture.ts";

const file = { datastore: "datastore1", path: "web/web.vmx" };
const disk = { capacityBytes: 1024, provisioning: "thin", adapterType: "ide", uuid: `6000c29${"0".repeat(25)}` } as const;

const everyRequest: readonly VmkernelRequest[] = [
  { kind: "describeHost" },
  { kind: "listDatastores" },
  { kind: "readText", file },
  { kind: "writeText", file, text: "a = 1\n", mustBeNew: true },
  { kind: "listFolder", folder: file },
  { kind: "makeFolder", folder: file },
  { kind: "remove", path: file },
  { kind: "createDisk", descriptor: file, disk },
  { kind: "describeDisk", descriptor: file },
  { kind: "deleteDisk", descriptor: file },
  { kind: "copyFile", from: file, to: file, replace: true },
  { kind: "moveFile", from: file, to: file, replace: false },
  { kind: "copyDisk", from: file, to: file, replace: false, copy: {} },
  { kind: "copyDisk", from: file, to: file, replace: true, copy: { provisioning: "thick", adapterType: "buslogic", uuid: disk.uuid } },
  { kind: "moveDisk", from: file, to: file, replace: true },
  { kind: "changeDisk", descriptor: file, change: { kind: "extend", capacityBytes: 1024, eager: false } },
  { kind: "changeDisk", descriptor: file, change: { kind: "extend", capacityBytes: 1024 } },
  { kind: "growDisk", vm: machineWith([]).vm, descriptor: file, capacityBytes: 4096 },
  { kind: "changeDisk", descriptor: file, change: { kind: "zeroFill" } },
  { kind: "changeDisk", descriptor: file, change: { kind: "setUuid", uuid: disk.uuid } },
  { kind: "powerOn", machine: machineWith([]) },
  { kind: "powerOn", machine: machineWith([]), guestVariables: [{ key: "userdata", value: "#cloud-config\n" }] },
  { kind: "powerOff", vm: machineWith([]).vm },
  { kind: "reset", vm: machineWith([]).vm },
  { kind: "suspend", vm: machineWith([]).vm, to: file },
  { kind: "shutdownGuest", vm: machineWith([]).vm },
  { kind: "saveScreen", vm: machineWith([]).vm, to: file },
  { kind: "pressKeys", vm: machineWith([]).vm, strokes: [{ usage: 0x04, modifiers: 0x02 }] },
  { kind: "configureNetwork", network: { switches: [] }, mayCutOff: true },
  { kind: "describeNetwork" },
  { kind: "listHostNeighbours" },
  { kind: "readNetworkState" },
  { kind: "showProgram", port: 0xff00_0001 },
  { kind: "listMonitors" },
  { kind: "inspectMonitor", vm: machineWith([]).vm },
  { kind: "shutdownHost", graceMs: 1000 },
];

test.each(everyRequest.map((request) => [request.kind, request] as const))(
  "a %s request comes out of its JSON as it went in",
  (_, request) => {
    expect(parseRequest(JSON.parse(JSON.stringify(request)))).toEqual(request);
  },
);

test.each<[string, unknown, string]>([
  ["nothing", undefined, "request"],
  ["a list", [], "request"],
  ["no kind", {}, "request.kind"],
  ["a kind that nobody knows", { kind: "exec", command: "id" }, "request.kind"],
  ["a kind of every object", { kind: "constructor" }, "request.kind"],
  ["a path as a text", { kind: "readText", file: "[datastore1] a" }, "request.file"],
  ["a path that climbs", { kind: "readText", file: { datastore: "datastore1", path: "a/../../b" } }, "request.file.path"],
  ["a path with a NUL", { kind: "remove", path: { datastore: "datastore1", path: "a\0b" } }, "request.path.path"],
  ["a text past the bound", { kind: "writeText", file, text: "x".repeat(1024 * 1024 + 1) }, "request.text"],
  ["a flag that is none", { kind: "writeText", file, text: "", mustBeNew: "yes" }, "request.mustBeNew"],
  [
    "a disk larger than any",
    { kind: "createDisk", descriptor: file, disk: { ...disk, capacityBytes: 2 ** 52 } },
    "request.disk.capacityBytes",
  ],
  ["a copy out of a datastore", { kind: "copyFile", from: { datastore: "..", path: "a" }, to: file }, "request.from.datastore"],
  ["a copy to nowhere", { kind: "copyDisk", from: file, copy: {} }, "request.to"],
  ["a copy of a kind that is none", { kind: "copyDisk", from: file, to: file, copy: { provisioning: "rdm" } }, "request.copy.provisioning"],
  ["a change that is none", { kind: "changeDisk", descriptor: file, change: { kind: "format" } }, "request.change.kind"],
  ["a growth without a size", { kind: "changeDisk", descriptor: file, change: { kind: "extend" } }, "request.change.capacityBytes"],
  ["a UUID that is none", { kind: "changeDisk", descriptor: file, change: { kind: "setUuid", uuid: "x" } }, "request.change.uuid"],
  ["a VM id with an option", { kind: "powerOff", vm: "1 -S" }, "request.vm"],
  ["a key that no keyboard has", { kind: "pressKeys", vm: "7", strokes: [{ usage: 0x03, modifiers: 0 }] }, "request.strokes[0].usage"],
  [
    "more modifiers than there are",
    { kind: "pressKeys", vm: "7", strokes: [{ usage: 4, modifiers: 256 }] },
    "request.strokes[0].modifiers",
  ],
  [
    "more keys than anybody types",
    { kind: "pressKeys", vm: "7", strokes: Array(1001).fill({ usage: 4, modifiers: 0 }) },
    "request.strokes",
  ],
  ["an endless grace", { kind: "shutdownHost", graceMs: 1e12 }, "request.graceMs"],
])("a request with %s is refused, by the name of the field", (_, value, invalidProperty) => {
  expect(() => parseRequest(value)).toThrow(expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }));
});

test.each<[string, unknown, unknown]>([
  ["a console", { kind: "openConsole", vm: "7", more: 1 }, { kind: "openConsole", vm: "7" }],
  ["a picture", { kind: "captureScreen", vm: "7" }, { kind: "captureScreen", vm: "7" }],
  ["a request that is no stream", { kind: "listMonitors" }, undefined],
])("%s: the request for a stream is told from the others", (_, value, parsed) => {
  expect(parseStreamRequest(value)).toEqual(parsed);
});

test("a stream of what is no VM is refused", () => {
  expect(() => parseStreamRequest({ kind: "openConsole", vm: "../7" })).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});

test("a fault is the same after the wire; what is no fault becomes SystemError, without its stack", () => {
  const known = fault("InvalidPowerState", "VM web is powered on.", { existingState: "poweredOn" });
  expect(decodeMessage(encodeFault(3, known))).toEqual({ kind: "fault", id: 3, fault: known });
  const bug = encodeFault(4, new Error("opening x", { cause: new Error("ENOENT") }));
  expect(decodeMessage(bug)).toMatchObject({ fault: { fault: "SystemError", message: "opening x: ENOENT" } });
  expect(bug).not.toContain("rpc.test");
});

let folder: string;
let server: RpcServer | undefined;
let performed: VmkernelRequest[];
interface Answers {
  perform: (request: VmkernelRequest, controls: Controls) => Promise<unknown>;
  stream: (request: StreamRequest, connection: () => number) => Promise<StreamOutcome>;
}
const nothingToStream = async (): Promise<never> => {
  throw fault("InvalidPowerState", "It is off.", { existingState: "poweredOff" });
};
const answers: Answers = { perform: async () => null, stream: nothingToStream };
const listen = async (owner = { uid: 0, gid: 0 }) => {
  const perform = (request: VmkernelRequest, controls: Controls) => {
    performed.push(request);
    return answers.perform(request, controls);
  };
  server = await RpcServer.listen({
    socket: join(folder, "socket"),
    owner,
    perform,
    stream: (...asked) => answers.stream(...asked),
    log: () => {},
  });
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rpc-"));
  performed = [];
  answers.perform = async () => null;
  answers.stream = nothingToStream;
});
afterEach(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)("answers find their requests, in whatever order they come", async () => {
  answers.perform = async (request) => {
    if (request.kind === "listMonitors") await sleep(30);
    return request.kind;
  };
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  expect(await Promise.all([client.request({ kind: "listMonitors" }), client.request({ kind: "describeHost" })])).toEqual([
    "listMonitors",
    "describeHost",
  ]);
  client.close();
});

test.skipIf(!isRoot)("a fault arrives with its name and fields", async () => {
  answers.perform = async () => {
    throw fault("FileLocked", "It is in use.", { file: "[datastore1] a" });
  };
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  await expect(client.request({ kind: "describeHost" })).rejects.toMatchObject({ fault: "FileLocked", fields: { file: "[datastore1] a" } });
  client.close();
});

test.skipIf(!isRoot)("who asked for something long hears how far it is, in whole percents that grow", async () => {
  answers.perform = async (_, { report }) => {
    for (const percent of [10.7, 5, 11, 250]) {
      report(percent);
      await sleep(250);
    }
  };
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  const heard: number[] = [];
  await client.request({ kind: "describeHost" }, { report: (percent) => heard.push(percent) });
  expect(heard).toEqual([10, 11, 100]);
  client.close();
});

/** A deed that goes on until it is not wanted any more. */
function endlessDeed() {
  const ended: string[] = [];
  answers.perform = (request, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        ended.push(request.kind);
        reject(fault("RequestCanceled", "The task was canceled by a user.", {}));
      });
    });
  return ended;
}

test.skipIf(!isRoot)("what is no longer wanted ends, and nothing else of that client's", async () => {
  const ended = endlessDeed();
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  const stop = new AbortController();
  const asked = expect(client.request({ kind: "listMonitors" }, { signal: stop.signal })).rejects.toMatchObject({
    fault: "RequestCanceled",
  });
  client.request({ kind: "describeHost" }).catch(() => {});
  while (performed.length < 2) await sleep(5);
  stop.abort();
  await asked;
  expect(ended).toEqual(["listMonitors"]);
  client.close();
});

test.skipIf(!isRoot)("what a client that is gone had asked for ends too", async () => {
  const ended = endlessDeed();
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  client.request({ kind: "describeHost" }).catch(() => {});
  while (performed.length === 0) await sleep(5);
  client.close();
  while (ended.length === 0) await sleep(5);
  expect(ended).toEqual(["describeHost"]);
});

test.skipIf(!isRoot)("the end of a request that nobody made is asked for in vain", async () => {
  await listen();
  expect(await exchange('{"cancel":7}\n{"id":1,"request":{"kind":"describeHost"}}\n')).toBe('{"id":1,"result":null}\n');
  expect(await exchange('{"cancel":"x"}\n')).toMatch(/InvalidArgument/);
});

test.skipIf(!isRoot)("an event reaches every client", async () => {
  await listen();
  const clients = await Promise.all([1, 2].map(() => VmkernelClient.connect(join(folder, "socket"))));
  const seen: VmkernelEvent[] = [];
  for (const client of clients) client.onEvent((event) => seen.push(event));
  await Promise.all(clients.map((client) => client.request({ kind: "listMonitors" })));
  server?.broadcast({ kind: "guestReset", vm: machineWith([]).vm });
  await sleep(50);
  expect(seen).toEqual(Array(2).fill({ kind: "guestReset", vm: "7" }));
  for (const client of clients) client.close();
});

test.skipIf(!isRoot)("a client whose vmkernel went away says so for what was on its way, and comes back by itself", async () => {
  answers.perform = () => new Promise(() => {});
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  let reconnected = 0;
  client.onReconnect(() => {
    reconnected += 1;
  });
  const asked = expect(client.request({ kind: "remove", path: file })).rejects.toMatchObject({ name: "ConnectionLost", wasSent: true });
  while (performed.length === 0) await sleep(5);
  server?.close();
  await asked;
  const held = client.request({ kind: "listMonitors" });
  answers.perform = async () => ["back"];
  await listen();
  expect(await held).toEqual(["back"]);
  expect(reconnected).toBe(1);
  client.close();
  await expect(client.request({ kind: "listMonitors" })).rejects.toBeInstanceOf(ConnectionLost);
});

test.skipIf(!isRoot)("a question that was on its way when vmkernel went away is asked again, once", async () => {
  answers.perform = () => new Promise(() => {});
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  const [first, second] = [client.request({ kind: "listMonitors" }), client.request({ kind: "describeHost" })];
  const lost = expect(second).rejects.toBeInstanceOf(ConnectionLost);
  while (performed.length < 2) await sleep(5);
  server?.close();
  answers.perform = ({ kind }) => (kind === "listMonitors" ? Promise.resolve(["back"]) : new Promise(() => {}));
  await listen();
  expect(await first).toEqual(["back"]);
  while (performed.length < 4) await sleep(5);
  server?.close();
  await lost;
  client.close();
});

test.skipIf(!isRoot)("where nothing listens, a first connection fails at once", async () => {
  await expect(VmkernelClient.connect(join(folder, "nothing"))).rejects.toBeInstanceOf(ConnectionLost);
});

test.skipIf(!isRoot)(
  "lines that are no requests are answered with a fault, a line without end ends the connection, and the server lives",
  async () => {
    await listen();
    expect(await exchange("hello\n")).toMatch(/"name":"InvalidArgument"/);
    expect(await exchange('{"id":1}\n')).toMatch(/"id":1.*InvalidArgument/);
    expect(await exchange('{"id":-1,"request":{"kind":"describeHost"}}\n')).toMatch(/InvalidArgument/);
    expect(await exchange("x".repeat(RPC_LINE_BYTES_MAX + 1))).toBe("");
    expect(performed).toEqual([]);
    const client = await VmkernelClient.connect(join(folder, "socket"));
    expect(await client.request({ kind: "listMonitors" })).toBeNull();
    client.close();
  },
);

test.skipIf(!isRoot)("another user is not answered, even when the socket's mode lets it connect", async () => {
  await listen({ uid: 65_533, gid: 65_533 });
  chmodSync(folder, 0o777);
  chmodSync(join(folder, "socket"), 0o666);
  expect(await askAs(65_534)).toBe("");
  expect(performed).toEqual([]);
});

/** In another process: the kernel tells who connected. */
async function askAs(uid: number): Promise<string> {
  const program = `import socket; s=socket.socket(socket.AF_UNIX); s.settimeout(2); s.connect(${JSON.stringify(join(folder, "socket"))})
try:
    s.sendall(b'{"id":1,"request":{"kind":"describeHost"}}\\n'); print(s.recv(1000).decode(), end="")
except OSError: pass`;
  const { stdout } = await promisify(execFile)("setpriv", ["--reuid", String(uid), "--clear-groups", "/usr/bin/python3", "-c", program]);
  return stdout;
}

/** Sends bytes and reads until an answer's line is there, or the end. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(join(folder, "socket"));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.endsWith("\n")) socket.end();
    });
    socket.on("error", () => {}); // the server closed while we were still writing
    socket.on("close", () => resolve(answer));
    socket.write(bytes);
  });
}

const sleep = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

const console7 = { kind: "openConsole", vm: machineWith([]).vm } as const;

test.skipIf(!isRoot)(
  "a stream whose connection was handed over is spoken by the other process, both ways, and outlives vmkernel",
  async () => {
    let other: ChildProcess | undefined;
    answers.stream = async (_, connection) => {
      const fd = connection();
      other = spawn("sh", ["-c", "echo RFB; exec cat"], { stdio: [fd, fd, "inherit"] });
      return { kind: "handedOver" };
    };
    await listen();
    const client = await VmkernelClient.connect(join(folder, "socket"));
    const stream = await client.openStream(console7);
    server?.broadcast({ kind: "guestReset", vm: console7.vm }); // which is not for a viewer's screen
    server?.close();
    stream.write("hello");
    let said = "";
    stream.on("data", (chunk) => {
      said += chunk;
    });
    while (!said.includes("hello")) await sleep(5);
    expect(said).toBe("RFB\nhello");
    const gone = once(stream, "close");
    other?.kill();
    await gone;
    client.close();
  },
);

test.skipIf(!isRoot)("bytes that are a stream arrive whole, and then its end", async () => {
  const bytes = Buffer.alloc(3_000_000, 0x89);
  answers.stream = async () => ({ kind: "send", bytes });
  await listen();
  const client = await VmkernelClient.connect(join(folder, "socket"));
  const stream = await client.openStream({ kind: "captureScreen", vm: console7.vm });
  expect(Buffer.compare(await buffer(stream), bytes)).toBe(0);
  client.close();
});

test.skipIf(!isRoot)(
  "a stream that cannot be is a fault in its place, and one that ends before it begins is a connection lost",
  async () => {
    await listen();
    const client = await VmkernelClient.connect(join(folder, "socket"));
    await expect(client.openStream(console7)).rejects.toMatchObject({
      fault: "InvalidPowerState",
      fields: { existingState: "poweredOff" },
    });
    answers.stream = async () => ({ kind: "send", bytes: Buffer.alloc(0) });
    await expect(client.openStream(console7)).rejects.toBeInstanceOf(ConnectionLost);
    server?.close();
    await expect(client.openStream(console7)).rejects.toMatchObject({ name: "ConnectionLost", wasSent: false });
    client.close();
  },
);
