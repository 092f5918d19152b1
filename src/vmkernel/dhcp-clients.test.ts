import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inNamespace, listAddresses, listRoutes } from "../system/index.ts";
import type { HostNetwork } from "./host-network.ts";
import { FULL_ISOLATION } from "./isolation.ts";
import { hasBpf } from "./network/compile/compile.fixture.ts";
import { addressBytes } from "./network/compile/firewall/address.ts";
import type { HostNicConfig, HostRoute } from "./network/config.ts";
import { frame } from "./network/frames.fixture.ts";
import { netstackNamespace } from "./network/index.ts";
import { TestMachine } from "./network/machine.fixture.ts";
import { macOf, makeGroup, makeHostNic, makeNic, makeSwitch } from "./network/network.fixture.ts";
import { openHostNetwork } from "./switched-network.ts";

const WAIT_MS = 15_000;

describe.skipIf(!hasBpf)("on a switch with a DHCP server", { timeout: 60_000 }, () => {
  let machine: TestMachine;
  let network: HostNetwork;
  let server: ChildProcess | undefined;
  const log: string[] = [];
  const folder = () => join(machine.folder, "network");
  const open = () =>
    openHostNetwork({
      folder: folder(),
      run: join(machine.folder, "run"),
      isolation: FULL_ISOLATION,
      log: (line) => log.push(line),
      changed: () => {},
    });
  beforeEach(async () => {
    machine = new TestMachine();
    chmodSync(machine.folder, 0o711);
    mkdirSync(join(machine.folder, "run"), { mode: 0o711 });
    network = await open();
  });
  afterEach(async () => {
    server?.kill();
    await network.remove();
    await machine[Symbol.asyncDispose]();
  });

  /** vmk0 asks; vmk1 is where the server is, in a netstack of its own. */
  const asking = makeHostNic(0, "lan", { ip: [], dhcp: true, netstack: "asking" });
  const serving = makeHostNic(1, "lan", { ip: [{ kind: "static", address: "10.9.0.1", prefixLength: 24 }], netstack: "serving" });
  const configure = (hostNics: readonly HostNicConfig[], hostRoutes: readonly HostRoute[] = []) =>
    network.configure({ switches: [makeSwitch({ groups: [makeGroup("lan", 0), makeGroup("guests", 0)] })], hostNics, hostRoutes }, {});
  const startServer = async () => {
    await configure([serving]);
    const files = { config: join(machine.folder, "udhcpd.conf"), leases: join(machine.folder, "leases") };
    writeFileSync(files.leases, "");
    writeFileSync(
      files.config,
      `interface vmk1\nstart 10.9.0.50\nend 10.9.0.60\nstatic_lease 00:50:56:60:00:00 10.9.0.50\nlease_file ${files.leases}\nmin_lease 1\noption lease 3600
option subnet 255.255.255.0\noption router 10.9.0.254\noption dns 10.9.0.53\noption domain example.org\n`,
    );
    server = spawn("nsenter", [`--net=${netstackNamespace(folder(), "serving")}`, "busybox", "udhcpd", "-f", files.config], {
      stdio: "ignore",
    });
  };
  const there = () => inNamespace(netstackNamespace(folder(), "asking"), () => [listAddresses("vmk0"), listRoutes("vmk0")] as const);
  const leaseOf = () => network.state().learned?.vmk0?.lease;
  /** Of the client itself, beneath its sandbox. */
  const clients = () => processesOf("udhcpc", machine.folder);

  test("an interface gets address, way on and name servers from it, keeps them when vmkernel is killed, and gives them up when it asks no more", async () => {
    await startServer();
    await configure([asking, serving]);
    await expect.poll(there, { timeout: WAIT_MS }).toEqual([["10.9.0.50/24"], [{ destination: "0.0.0.0/0", gateway: "10.9.0.254" }]]);
    await expect.poll(leaseOf).toMatchObject({ nameServers: ["10.9.0.53"], searchDomains: ["example.org"] });
    const port = network.describe().switches[0]?.ports.find(({ device }) => device === "vmk0-port");
    expect(port?.programs.map(({ direction, units }) => [direction, units.includes("own addresses")])).toContainEqual(["egress", true]);

    network.close(); // the next vmkernel finds it
    network = await open();
    expect([there()[0], leaseOf()?.address]).toEqual([["10.9.0.50/24"], "10.9.0.50"]);
    const { dhcp: _, ...askingNoMore } = asking;
    await configure([askingNoMore, serving]);
    expect(there()).toEqual([[], []]);
    await expect.poll(clients, { timeout: WAIT_MS }).toEqual([]);
  });

  test("nothing of a client is left when the network is taken away, however young the client is", async () => {
    for (let ms = 0; ms <= 60; ms += 10) {
      await configure([asking]);
      await new Promise((resolve) => setTimeout(resolve, ms));
      await network.remove();
      expect([ms, insideOf(machine.folder)]).toEqual([ms, []]);
      network = await open();
    }
  });

  test("its client is nobody, sees nothing but its own program, and may only speak on the network", async () => {
    await startServer();
    await configure([asking, serving]);
    await expect.poll(() => leaseOf()?.address, { timeout: WAIT_MS }).toBe("10.9.0.50");
    const [pid] = clients();
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(/^Uid:\s+(.*)$/m.exec(status)?.[1]).toBe("265536\t265536\t265536\t265536");
    const NET_RAW_AND_BIND_SERVICE = (1n << 13n) | (1n << 10n);
    for (const set of ["CapEff", "CapPrm", "CapBnd", "CapAmb"])
      expect(BigInt(`0x${new RegExp(`^${set}:\\s+(\\w+)$`, "m").exec(status)?.[1]}`), set).toBe(NET_RAW_AND_BIND_SERVICE);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^Seccomp:\s+2$/m);
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8");
    expect(mounts).not.toMatch(/ \/proc | \/home | \/var /);
  });

  test("a way on that is configured goes before the one that it was told", async () => {
    await startServer();
    await configure([asking, serving], [{ netstack: "asking", destination: "0.0.0.0/0", gateway: "10.9.0.253" }]);
    await expect.poll(there, { timeout: WAIT_MS }).toEqual([["10.9.0.50/24"], [{ destination: "0.0.0.0/0", gateway: "10.9.0.253" }]]);
    await configure([asking, serving]);
    expect(there()[1]).toEqual([{ destination: "0.0.0.0/0", gateway: "10.9.0.254" }]);
  });

  test("an interface that follows routers has an address in their network and the way on, until it follows no more", async () => {
    await configure([makeHostNic(0, "lan", { ip: [], autoconf: true, netstack: "asking" })]);
    const tap = await network.plugIn(makeNic(1, "guests"), true);
    if (tap === undefined) throw new Error("there is no port");
    machine.adopt("router", tap.fd);
    const global = () => there()[0].filter((address) => !String(address).startsWith("fe80"));
    const advertise = () => {
      machine.send("router", advertisement("2001:db8:1::"));
      return global();
    };
    await expect.poll(advertise, { timeout: WAIT_MS, interval: 300 }).toEqual(["2001:db8:1:0:250:56ff:fe60:0/64"]);
    await expect
      .poll(() => network.state().learned?.vmk0?.autoconf, { timeout: 5000 })
      .toMatchObject([{ address: "2001:db8:1:0:250:56ff:fe60:0" }]);
    expect(there()[1]).toMatchObject([{ destination: "::/0", gateway: "fe80::1" }]);
    await configure([makeHostNic(0, "lan", { ip: [], netstack: "asking" })]);
    expect(there()).toEqual([[], []]);
  });
});

/** Whatever names this folder in its arguments: a client, and what stands around it. */
function insideOf(folder: string): readonly string[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const line = readFileSync(`/proc/${Number(name)}/cmdline`, "utf8");
      return line.includes(folder) && /udhcpc|bwrap/.test(line) ? [line.replaceAll("\0", " ")] : [];
    } catch {
      return []; // no process, or one that has ended
    }
  });
}

/** @param folder that is named in its arguments: those of another host are not meant */
function processesOf(program: string, folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [first, second, ...others] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return first === "/bin/busybox" && second === program && others.some((argument) => argument.startsWith(folder));
      } catch {
        return false; // it has ended
      }
    });
}

/** Of a router at fe80::1, for all on the link. RFC 4861 §4.2. */
function advertisement(prefix: string): Buffer {
  const [from, to] = [addressBytes("fe80::1"), addressBytes("ff02::1")];
  const option = Buffer.concat([Buffer.from([3, 4, 64, 0xc0]), be32(3600), be32(3600), be32(0), addressBytes(prefix)]);
  const message = Buffer.concat([Buffer.from([134, 0, 0, 0, 64, 0, 0x07, 0x08]), be32(0), be32(0), option]);
  const pseudo = Buffer.concat([from, to, be32(message.length), be32(58), message]);
  message.writeUInt16BE(checksum(pseudo), 2);
  const header = Buffer.concat([Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]), from, to]);
  return frame({ from: macOf(1), to: "33:33:00:00:00:01", type: 0x86dd, payload: Buffer.concat([header, message]) });
}

function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
