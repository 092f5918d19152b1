/**
 * Each model of adapter with its own driver in a real guest, on switches: what the guest's driver does (checksums, segmentation,
 * another MAC address while it runs) the port sees as it does of the model that the demonstration has.
 * The small kernel of the other guests has no driver for the models of Intel, so this one boots Debian's usual kernel.
 * Paper «Virtual Ethernet Adapters», «Virtual Ports».
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildGuest } from "../../guest/build.mjs";
import type { VmId } from "../../src/base/index.ts";
import { type DeviceSpec, type NetworkConfig, netstackNamespace, type PortDescription } from "../../src/vmkernel/index.ts";
import { TestKernel, until } from "../monitor.fixture.ts";
import { makeGroup, makeSwitch } from "../switch-model/build-network.ts";

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const vm = "1" as VmId;
const login = { user: "root", password: "Guest-Root-1" };
const BOOT_MS = 280_000;
const MODELS = ["e1000", "e1000e", "vmxnet3", "virtio"] as const;
const NUMBERS = MODELS.map((_, number) => number);
const initialMac = (number: number) => `00:0c:29:00:00:0${number}`;
const otherMac = (number: number) => `02:00:00:00:00:0${number}`;
const hostAddress = (number: number) => `10.0.${number}.1`;
const guestAddress = (number: number) => `10.0.${number}.2`;

/** For each adapter a VLAN with one of the host's own interfaces, in a netstack of its own. */
function network(security: { readonly macChanges: boolean; readonly forgedTransmits: boolean }): NetworkConfig {
  const groups = NUMBERS.flatMap((number) => [makeGroup(`guest ${number}`, 10 + number), makeGroup(`host ${number}`, 10 + number)]);
  return {
    switches: [makeSwitch({ security: { allowPromiscuous: false, blockSwitchProtocols: true, ...security }, groups })],
    hostNics: NUMBERS.map((number) => ({
      device: `vmk${number}`,
      portGroup: `host ${number}`,
      mac: `00:50:56:60:00:0${number}`,
      mtu: 1500,
      ip: [{ kind: "static", address: hostAddress(number), prefixLength: 24 }],
      netstack: `stack${number}`,
    })),
  };
}
const REJECT = { macChanges: false, forgedTransmits: false };
const ACCEPT = { macChanges: true, forgedTransmits: true };

let kernel: TestKernel;
const servers: ChildProcess[] = [];

beforeAll(async () => {
  if (!isRoot) return;
  const { image } = buildGuest({ kernel: "usual" });
  kernel = new TestKernel();
  await kernel.start();
  await kernel.client.request({ kind: "configureNetwork", network: network(REJECT) });
  const nics = MODELS.map(
    (model, number): DeviceSpec => ({
      ...{ kind: "nic", key: 4000 + number, model, mac: initialMac(number), connected: true, network: `guest ${number}` },
    }),
  );
  const machine = await kernel.makeGuest(vm, { memoryMiB: 256 }, [{ kind: "toolsChannel", key: 12000 }, ...nics], image);
  await kernel.client.request({ kind: "powerOn", machine });
  await until("the guest's agent", agentAnswers, BOOT_MS, 300);
  await inGuest(NAME_ADAPTERS);
}, BOOT_MS + 60_000);
afterAll(async () => {
  for (const server of servers) server.kill();
  await kernel?.[Symbol.asyncDispose]();
});

async function agentAnswers(): Promise<boolean> {
  const [monitor] = await kernel.client.request({ kind: "listMonitors" });
  return monitor?.guest.tools === "running";
}

async function inGuest(script: string): Promise<string> {
  const { output } = await kernel.client.request({ kind: "runInGuest", vm, login, script });
  return Buffer.from(output, "base64").toString().trim();
}

/** Drivers come in the order in which they find their hardware: an adapter is known by what it was made with, and called nic0, nic1 … */
const NAME_ADAPTERS = NUMBERS.map(
  (number) => `for path in /sys/class/net/*; do
  [ "$(cat $path/address)" = ${initialMac(number)} ] || continue
  until ip link set \${path##*/} down && ip link set \${path##*/} name nic${number}; do sleep 0.1; done # the guest's init takes it into use
  ip link set nic${number} up
  ip addr add ${guestAddress(number)}/24 dev nic${number}
done`,
).join("\n");

async function ports(): Promise<readonly PortDescription[]> {
  const { switches } = await kernel.client.request({ kind: "describeNetwork" });
  const all = switches.flatMap((one) => one.ports).filter(({ connectee }) => connectee.kind === "virtualMachine");
  return all.toSorted((a, b) => a.device?.localeCompare(b.device ?? "") ?? 0);
}
const effectiveMacs = async () => (await ports()).map(({ effectiveMac }) => effectiveMac);

const stack = (number: number) => `--net=${netstackNamespace(kernel.paths.network, `stack${number}`)}`;

/** Which adapters carry an echo there and back, asked by the guest; and by the host. */
async function reached(): Promise<{ readonly byGuest: string; readonly byHost: string }> {
  const byGuest = await inGuest(
    `${NUMBERS.map((number) => `(ping -c 3 -W 2 ${hostAddress(number)} > /dev/null && echo ${number}) &`).join("\n")}\nwait`,
  );
  const asked = NUMBERS.map(async (number) => {
    const ping = ["busybox", "ping", "-c", "3", "-W", "2", guestAddress(number)];
    return run("nsenter", [stack(number), ...ping]).then(
      () => [String(number)],
      () => [],
    );
  });
  return { byGuest: byGuest.split(/\s+/).filter(Boolean).toSorted().join(" "), byHost: (await Promise.all(asked)).flat().join(" ") };
}

describe.skipIf(!isRoot)("four adapters of four models in a guest that runs", () => {
  test("are driven by the drivers that they are made for", async () => {
    const drivers = NUMBERS.map((number) => `basename $(readlink /sys/class/net/nic${number}/device/driver)`);
    expect((await inGuest(drivers.join("\n"))).split("\n")).toEqual(["e1000", "e1000e", "vmxnet3", "virtio_net"]);
    expect(await effectiveMacs()).toEqual(NUMBERS.map(initialMac));
  });

  test("carry frames both ways", async () => {
    expect(await reached()).toEqual({ byGuest: "0 1 2 3", byHost: "0 1 2 3" });
  });

  test("carry a stream of TCP whole both ways, with what each driver leaves to its adapter", async () => {
    for (const number of NUMBERS) {
      const server = spawn("nsenter", [stack(number), process.execPath, "-e", MIRROR], { stdio: ["ignore", "pipe", "inherit"] });
      servers.push(server);
      await once(server.stdout as NodeJS.ReadableStream, "data");
    }
    const sum = `head -c ${STREAM_BYTES} /dev/urandom > /tmp/stream; md5sum < /tmp/stream`;
    const there = NUMBERS.map((number) => `nc ${hostAddress(number)} ${MIRROR_PORT} < /tmp/stream | md5sum`);
    const [sent, ...back] = (await inGuest([sum, ...there].join("\n"))).split("\n");
    expect(back).toEqual(NUMBERS.map(() => sent));
  });

  test("are cut off by another address where changes are rejected, heard by it where they are accepted, and by their own again", async () => {
    const give = (macOf: (number: number) => string) =>
      inGuest(NUMBERS.map((number) => `ip link set nic${number} address ${macOf(number)}`).join("\n"));
    await give(otherMac);
    await until(
      "the ports know the other addresses",
      async () => (await effectiveMacs()).join() === NUMBERS.map(otherMac).join(),
      60_000,
      200,
    );
    expect(await reached()).toEqual({ byGuest: "", byHost: "" });
    await kernel.client.request({ kind: "configureNetwork", network: network(ACCEPT) });
    expect(await reached()).toEqual({ byGuest: "0 1 2 3", byHost: "0 1 2 3" });
    await kernel.client.request({ kind: "configureNetwork", network: network(REJECT) });
    await give(initialMac);
    await until(
      "the ports know their own addresses",
      async () => (await effectiveMacs()).join() === NUMBERS.map(initialMac).join(),
      60_000,
      200,
    );
    expect(await reached()).toEqual({ byGuest: "0 1 2 3", byHost: "0 1 2 3" });
  });
});

const STREAM_BYTES = 1_000_000;
const MIRROR_PORT = 7010;
/** Sends what it gets back when it has all of it. */
const MIRROR = `
require("node:net").createServer({ allowHalfOpen: true }, (socket) => {
  const chunks = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("end", () => socket.end(Buffer.concat(chunks)));
}).listen(${MIRROR_PORT}, () => console.log("listening"));`;
