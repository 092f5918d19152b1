import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { clsProgramId, inNamespace, listLinks } from "../../system/index.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import { Flow } from "./flow.fixture.ts";
import { BROADCAST, frame, IPV4_TYPE, ipv4, PROTOCOLS, udp } from "./frames.fixture.ts";
import { netstackNamespace } from "./host-nics.ts";
import { TestMachine } from "./machine.fixture.ts";
import { macOf, makeGroup, makeHostNic, makeNic, makeSwitch } from "./network.fixture.ts";

/** A whole switch as a kernel before tcx (6.6) and open loops (6.9) has it: clsact holds all programs. Its model is in test/switch-model.test.ts. */

const OLDER = { hasTcx: false, hasOpenLoops: false, hasExpress: false };
const [A, B] = [macOf(1), macOf(2)];
const STRANGER = "02:00:00:00:00:99";
const rate = { averageBandwidth: 8e9, peakBandwidth: 8e9, burstSize: 1e9 };
const groups = [
  makeGroup("lan", 0),
  makeGroup("shaped", 0, { shaping: { enabled: true, ...rate, inbound: { enabled: true, ...rate } } }),
  makeGroup("host", 0),
];

let machine: TestMachine;
let folder: string;
beforeEach(async () => {
  if (!hasBpf) return;
  machine = new TestMachine(["up0"]);
  folder = join(machine.folder, "network");
  machine.network = machine.anotherVmkernel({ features: OLDER, promotionGapMs: 1 });
});
afterEach(async () => {
  if (hasBpf) await machine[Symbol.asyncDispose]();
});

const sent = frame({ from: A, to: B });
/** Of each link of the switches, whether clsact has a program there. */
const atClsact = () =>
  inNamespace(join(folder, "namespace"), () =>
    Object.fromEntries(
      listLinks()
        .filter(({ name }) => name !== "lo")
        .map(({ name, index: ifindex }) => [
          name,
          (["ingress", "egress"] as const).filter((direction) => clsProgramId({ ifindex, direction }) !== undefined),
        ]),
    ),
  );
/** Links of tcx, which are pinned by the names of their hooks. */
const tcxLinks = () =>
  readdirSync(join(folder, "bpf"), { recursive: true, encoding: "utf8" }).filter((path) => /\/(in|e)gress$/.test(path));

describe.skipIf(!hasBpf)("on a kernel without tcx", () => {
  test("all programs are at clsact, stay there, and pass what they would elsewhere", async () => {
    await machine.network.configure({ switches: [makeSwitch({ groups, uplinks: ["up0"] })] });
    const firewall = {
      rules: [{ direction: "out", action: "allow", protocol: "udp", remotePorts: { first: 53, last: 53 } }],
      otherwise: "deny",
    } as const;
    await machine.plug("a", makeNic(1, "lan", { firewall }));
    await machine.plug("b", makeNic(2, "shaped"));
    await machine.plug("c", makeNic(3, "lan"));
    await machine.network.promoted();
    const both = ["ingress", "egress"];
    expect(atClsact()).toEqual({ up0: ["ingress"], v1n4000: both, v2n4000: both, v3n4000: ["ingress"] });
    expect(tcxLinks()).toEqual([]);
    const ask = (port: number) =>
      frame({
        from: A,
        to: B,
        type: IPV4_TYPE,
        payload: ipv4({ from: "10.0.0.1", to: "10.0.0.2", protocol: PROTOCOLS.udp, payload: udp(1000, port) }),
      });
    const answer = frame({
      from: B,
      to: A,
      type: IPV4_TYPE,
      payload: ipv4({ from: "10.0.0.2", to: "10.0.0.1", protocol: PROTOCOLS.udp, payload: udp(53, 1000) }),
    });
    expect([machine.reach("b", answer), machine.reach("a", ask(54)), machine.reach("a", ask(53)), machine.reach("b", answer)]).toEqual([
      "",
      "",
      "b",
      "a",
    ]);
    expect(machine.reach("c", frame({ from: macOf(3), to: BROADCAST }))).toBe("up0 b");
    expect(machine.reach("c", frame({ from: A, to: BROADCAST }))).toBe("");
    expect(machine.reach("up0", frame({ from: STRANGER, to: B }))).toBe("b");
    expect(machine.log).toEqual([]);
  });

  test("no frame is lost while programs and tables change, and another vmkernel takes them over", async () => {
    await machine.network.configure({ switches: [makeSwitch({ groups })] });
    await machine.plug("a", makeNic(1, "lan"));
    await machine.plug("b", makeNic(2, "shaped"));
    machine.receive();
    using flow = new Flow(machine.fdOf("a"), machine.fdOf("b"), sent);
    await flow.started();
    const killed = machine.network;
    machine.network = machine.anotherVmkernel({ features: OLDER });
    await machine.network.adopt();
    for (let round = 0; round < 30; round++) {
      const security = { forgedTransmits: round % 2 === 0, allowPromiscuous: round % 3 === 0 };
      await machine.network.configure({ switches: [makeSwitch({ groups, security })] });
      if (round === 5) await machine.plug("c", makeNic(3, "lan"));
      if (round === 25) await machine.network.unplug(makeNic(3, "lan").vm, 4000);
    }
    const { sent: frames, received } = await flow.stop();
    killed.close();
    expect(frames).toBeGreaterThan(100);
    expect(received).toBe(frames);
    expect(tcxLinks()).toEqual([]);
  });

  test("real TCP passes between two interfaces of the host, whole", async () => {
    await machine.network.configure({ switches: [makeSwitch({ groups })], hostNics: [makeHostNic(0, "host"), makeHostNic(1, "host")] });
    const [server, client] = [0, 1].map((number) => netstackNamespace(folder, `stack${number}`)) as [string, string];
    const listening = inNetstack(server, RECEIVE);
    await once(listening.stdout, "readable"); // it tells that it listens
    listening.stdout.read();
    inNetstack(client, SEND);
    expect((await text(listening.stdout)).trim()).toBe(`${BYTES} of 7`);
    expect(tcxLinks()).toEqual([]);
  });

  test("what is removed leaves an adapter of the machine without hooks", async () => {
    await machine.network.configure({ switches: [makeSwitch({ groups, uplinks: ["up0"] })] });
    await machine.plug("a", makeNic(1, "lan"));
    await machine.network.configure({ switches: [makeSwitch({ groups })] });
    const [up0] = listLinks().filter(({ name }) => name === "up0");
    expect((["ingress", "egress"] as const).map((direction) => clsProgramId({ ifindex: up0?.index ?? 0, direction }))).toEqual([
      undefined,
      undefined,
    ]);
  });
});

const BYTES = 20 * 1024 * 1024;
const PORT = 7008;
const RECEIVE = `
require("node:net").createServer((socket) => {
  let [bytes, isWhole] = [0, true];
  socket.on("data", (chunk) => { bytes += chunk.length; isWhole &&= chunk.every((byte) => byte === 7); });
  socket.on("end", () => { console.log(bytes, isWhole ? "of 7" : "changed"); process.exit(); });
}).listen(${PORT}, "10.0.0.10", () => console.log("listening"));`;
/** The links of both have just come up: the first attempts may go nowhere. */
const SEND = `
const attempt = () => {
  const socket = require("node:net").connect({ port: ${PORT}, host: "10.0.0.10" });
  socket.on("error", () => setTimeout(attempt, 100));
  socket.on("connect", () => socket.end(Buffer.alloc(${BYTES}, 7)));
};
attempt();`;

function inNetstack(namespace: string, script: string) {
  return spawn("nsenter", [`--net=${namespace}`, process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
}
