/** The two conversations that vmkernel has with what a guest may control: its monitor and its agent. The other side here is ours. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { QMP_LINE_BYTES_MAX } from "../../wire/index.ts";
import { AgentError, GuestAgent } from "./guest-agent.ts";
import { MonitorSilent, QmpConnection, type QmpEvent } from "./qmp-connection.ts";

const GREETING = '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\n';

let folder: string;
let path: string;
let server: Server;
let sockets: Socket[];
let heard: Record<string, unknown>[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "conversations-"));
  path = join(folder, "socket");
  sockets = [];
  heard = [];
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Behind its last bracket, where QEMU and the agent take it; 0 while it is not whole. Nothing that is sent here has one in a text. */
function endOfObject(text: string): number {
  let depth = 0;
  for (const [index, character] of [...text].entries()) {
    if (character === "{") depth += 1;
    if (character === "}") depth -= 1;
    if (character === "}" && depth === 0) return index + 1;
  }
  return 0;
}

type Reply = (command: Record<string, unknown>, socket: Socket) => unknown;

/** Says `first`, then what `reply` gives for each object that it hears, as soon as it is whole; undefined is silence. */
async function serve(reply: Reply, first = ""): Promise<void> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(first);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = endOfObject(text); end > 0; end = endOfObject(text)) {
        const command = JSON.parse(text.slice(text.indexOf("{"), end)) as Record<string, unknown>;
        text = text.slice(end);
        heard.push(command);
        const answer = reply(command, socket);
        if (answer !== undefined) socket.write(typeof answer === "string" ? answer : `${JSON.stringify(answer)}\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

const done: Reply = ({ id }) => ({ return: {}, id });
const open = (onEvent: (event: QmpEvent) => void = () => {}) => QmpConnection.open(path, onEvent, 300);

test("answers find their commands, also when one is late, and an error names its command", async () => {
  await serve((command, socket) => {
    const { execute } = command;
    if (execute === "first") return undefined;
    if (execute === "bad") return { error: { class: "GenericError", desc: "no such thing" } };
    if (execute === "second") socket.write('{"return": "one"}\n');
    return execute === "second" ? { return: "two" } : done(command, socket);
  }, GREETING);
  const qmp = await open();
  const [first, second] = [qmp.execute("first"), qmp.execute("second")];
  expect([await first, await second]).toEqual(["one", "two"]);
  await expect(qmp.execute("bad")).rejects.toMatchObject({ name: "QmpError", errorClass: "GenericError", message: "bad: no such thing" });
  qmp.close();
  await expect(qmp.execute("after")).rejects.toBeInstanceOf(MonitorSilent);
});

test("what QEMU still answers to an earlier conversation is answered to nobody", async () => {
  const reply: Reply = (command, socket) => {
    if (command.execute !== "qmp_capabilities") return { return: command.execute };
    socket.write('{"return": "from before"}\n{"error": {"class": "GenericError", "desc": "from before"}}\n{"return": "old", "id": 7}\n');
    return done(command, socket);
  };
  await serve(reply, GREETING);
  const qmp = await open();
  expect(await Promise.all(["one", "two"].map((command) => qmp.execute(command)))).toEqual(["one", "two"]);
  qmp.close();
});

test("events are heard beside answers", async () => {
  await serve((command, socket) => {
    socket.write('{"event": "SHUTDOWN", "data": {"guest": true}}\n');
    return done(command, socket);
  }, GREETING);
  const events: QmpEvent[] = [];
  const qmp = await open((event) => events.push(event));
  await qmp.execute("stop");
  expect(events).toEqual(Array(2).fill({ name: "SHUTDOWN", data: { guest: true } }));
  qmp.close();
});

test.each<[string, string]>([
  ["says nothing", ""],
  ["speaks another protocol", "HTTP/1.1 200 OK\r\n"],
  ["never ends its line", "x".repeat(QMP_LINE_BYTES_MAX + 1)],
])("a monitor that %s is given up", async (_, first) => {
  await serve(() => undefined, first);
  await expect(open()).rejects.toBeInstanceOf(MonitorSilent);
});

test.each<[string, string]>([
  ["nonsense", "%%%\n"],
  ["a list", "[]\n"],
])("a monitor that turns to %s loses the conversation, and what was asked of it fails", async (_, said) => {
  await serve((command, socket) => (command.execute === "stop" ? said : done(command, socket)), GREETING);
  const qmp = await open();
  await expect(qmp.execute("stop")).rejects.toBeInstanceOf(MonitorSilent);
  await qmp.closed;
});

test("a monitor that goes away in the middle of a command fails it", async () => {
  await serve((command, socket) => (command.execute === "quit" ? socket.destroy() && undefined : done(command, socket)), GREETING);
  const qmp = await open();
  await expect(qmp.execute("quit")).rejects.toBeInstanceOf(MonitorSilent);
});

test("an answer while nothing was asked is passed over", async () => {
  await serve(({ execute }) => (execute === "stop" ? '{"return": {}}\n{"return": "forged"}\n' : { return: execute, id: 0 }), GREETING);
  const qmp = await open();
  expect(await qmp.execute("stop")).toEqual({});
  await sleep(50);
  expect(await qmp.execute("cont")).toBe("cont");
  qmp.close();
});

/** What the guest agent says to each command. */
const agentAnswers: Reply = (command) => {
  const { id } = (command.arguments ?? {}) as { id?: number };
  switch (command.execute) {
    case "guest-sync-delimited":
      return `{"return": "from before"}\n{"return": 5}\n\ufffd{"return": ${id}}\n`;
    case "guest-get-host-name":
      return { return: { "host-name": "web" } };
    case "guest-get-osinfo":
    case "guest-info":
    case "guest-get-fsinfo":
      return { error: { class: "CommandNotFound", desc: "" } };
    case "guest-network-get-interfaces":
      return { return: [] };
    default:
      return undefined; // guest-shutdown: nothing says that it was done
  }
};

test("the agent's old answers are thrown away, and a command that it does not know is done without", async () => {
  await serve(agentAnswers);
  const agent = new GuestAgent(path);
  expect(await agent.describeGuest()).toEqual({ tools: "running", hostName: "web", runsPrograms: false, nics: [], disks: [] });
  await agent.describeGuest();
  expect(heard.filter(({ execute }) => execute === "guest-sync-delimited")).toHaveLength(1);
  agent.close();
});

test("a guest whose agent lets its files be read tells of its network, and each file is closed again", async () => {
  const names = ["guest-file-open", "guest-file-read", "guest-file-close"];
  const files = new Map([["/etc/resolv.conf", "nameserver 192.0.2.53\n"]]);
  await serve((command, socket) => {
    const { path: file = "", handle } = (command.arguments ?? {}) as { path?: string; handle?: string };
    switch (command.execute) {
      case "guest-info":
        return { return: { supported_commands: names.map((name) => ({ name, enabled: true })) } };
      case "guest-file-open":
        return files.has(file) ? { return: file } : { error: { class: "GenericError", desc: "no such file" } };
      case "guest-file-read":
        return { return: { "buf-b64": Buffer.from(files.get(handle ?? "") ?? "").toString("base64"), eof: true } };
      case "guest-file-close":
        return { return: {} };
      default:
        return agentAnswers(command, socket);
    }
  });
  const agent = new GuestAgent(path);
  expect(await agent.describeGuest()).toMatchObject({ network: { routes: [], nameServers: ["192.0.2.53"], searchDomains: [] } });
  expect(heard.map(({ execute }) => execute).filter((name) => names.includes(String(name)))).toEqual([names[0], names[0], ...names]);
  agent.close();
});

test("an agent that answers with nonsense is started over with the next question", async () => {
  let isSane = false;
  await serve((command, socket) => (command.execute === "guest-get-host-name" && !isSane ? "[nonsense\n" : agentAnswers(command, socket)));
  const agent = new GuestAgent(path);
  await expect(agent.describeGuest()).rejects.toBeInstanceOf(AgentError);
  isSane = true;
  expect(await agent.describeGuest()).toMatchObject({ hostName: "web" });
  agent.close();
});

test("an agent that is not there is an error, not a hang", async () => {
  server = createServer();
  const agent = new GuestAgent(path);
  await expect(agent.describeGuest()).rejects.toBeInstanceOf(AgentError);
});

const FREEZE = "guest-fsfreeze-freeze";
const THAW = "guest-fsfreeze-thaw";
const frozen = () => heard.map(({ execute }) => execute).filter((name) => name === FREEZE || name === THAW);

test.each([
  ["can freeze its file systems", { return: 2 }],
  ["can't", { error: { class: "CommandNotFound", desc: "" } }],
])("a guest that %s is flushed, and never left frozen", async (_, answer) => {
  await serve((command, socket) => ([FREEZE, THAW].includes(String(command.execute)) ? answer : agentAnswers(command, socket)));
  const agent = new GuestAgent(path);
  await agent.flush();
  expect(frozen()).toEqual([FREEZE, THAW]);
  agent.close();
});

test("a guest that says nothing sensible of freezing is let go all the same", async () => {
  await serve((command, socket) => {
    if (command.execute === FREEZE) return "[nonsense\n";
    return command.execute === THAW ? { return: 2 } : agentAnswers(command, socket);
  });
  const agent = new GuestAgent(path);
  await expect(agent.flush()).rejects.toBeInstanceOf(AgentError);
  expect(frozen()).toEqual([FREEZE, THAW]);
  agent.close();
});

test("a guest that whoever spoke with its agent before may have left frozen is let go first of all", async () => {
  await serve((command, socket) => (command.execute === THAW ? { return: 0 } : agentAnswers(command, socket)));
  const agent = new GuestAgent(path, { mayBeFrozen: true });
  await agent.describeGuest();
  await agent.describeGuest();
  expect(heard.map(({ execute }) => execute).filter((name) => name !== "guest-sync-delimited")[0]).toBe(THAW);
  expect(frozen()).toEqual([THAW]);
  agent.close();
});

test("a guest whose agent is lost over a snapshot is let go when it answers again", async () => {
  let isLost = true;
  await serve((command, socket) => {
    if (isLost && command.execute !== "guest-sync-delimited") return socket.destroy() && undefined;
    return [FREEZE, THAW].includes(String(command.execute)) ? { return: 0 } : agentAnswers(command, socket);
  });
  const agent = new GuestAgent(path);
  const done: string[] = [];
  await expect(agent.whileFrozen(async () => void done.push("the snapshot"))).rejects.toBeInstanceOf(AgentError);
  expect([done, agent.owesThaw]).toEqual([[], true]);
  isLost = false;
  heard.length = 0;
  await agent.describeGuest();
  expect([agent.owesThaw, frozen()]).toEqual([false, [THAW]]);
  agent.close();
});

test("a shutdown that is not answered was taken; one that is refused was not", async () => {
  let isRefusing = false;
  await serve((command, socket) => {
    if (command.execute === "guest-shutdown" && isRefusing) return { error: { class: "GenericError", desc: "no" } };
    return agentAnswers(command, socket);
  });
  const agent = new GuestAgent(path);
  await agent.shutdown("powerdown");
  isRefusing = true;
  await expect(agent.shutdown("reboot")).rejects.toThrow("refused");
});
