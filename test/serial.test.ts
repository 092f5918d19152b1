import { connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { MoRef, TaskInfo } from "../src/wire/index.ts";
import { formatSubnegotiation, formatVerb, SUBOPTION, TelnetReader, VMWARE_OPTION } from "../src/wire/index.ts";
import { freePort, installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, ended, read, succeeded } from "./vm.ts";

/**
 * Serial ports that lead out of the host: a real guest's console on TCP, and its other ports on telnet, on a named pipe, and at a small
 * concentrator. A guest may not connect to the machine's loopback, so the concentrator is at another address of it.
 */
const NAME = "wires";
const SERVICE = "port-of-wires";
const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;
let concentrator: Concentrator;
const ports = { console: 0, telnet: 0 };

const port = (key: number, backing: object) => ({
  operation: "add" as const,
  device: { $type: "VirtualSerialPort", key, yieldOnPoll: true, backing } as never,
});
const network = (serviceURI: string, direction = "server", proxyURI?: string) => ({
  $type: "VirtualSerialPortURIBackingInfo",
  serviceURI,
  direction,
  proxyURI,
});
const pipe = (pipeName: string, endpoint = "server") => ({ $type: "VirtualSerialPortPipeBackingInfo", pipeName, endpoint });

/** What a port says, whole, and a way to answer it. */
class Listener {
  readonly socket: Socket;
  text = "";

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      this.text += chunk.toString("latin1");
    });
  }

  hears(pattern: RegExp): Promise<void> {
    return waitFor(() => pattern.test(this.text), 90_000);
  }
}

/** Takes the serial ports of VMs, as a concentrator does, and asks each which VM it has. */
class Concentrator {
  readonly server: Server;
  /** Each connection's: what it was asked to serve, who it is, and what its guest said. */
  readonly ports: { proxied: string; name: string; uuid: string; text: string; socket: Socket }[] = [];

  constructor() {
    this.server = createServer((socket) => this.#take(socket));
  }

  #take(socket: Socket): void {
    const port = { proxied: "", name: "", uuid: "", text: "", socket };
    this.ports.push(port);
    const reader = new TelnetReader();
    const say = (code: number, ...bytes: number[]) => socket.write(formatSubnegotiation(VMWARE_OPTION, Buffer.from([code, ...bytes])));
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const event of reader.push(chunk)) {
        if (event.kind === "data") port.text += event.bytes.toString("latin1");
        else if (event.kind === "verb" && event.verb === "WILL") socket.write(formatVerb("DO", event.option));
        else if (event.kind === "subnegotiation" && event.option === VMWARE_OPTION) {
          const text = event.bytes.subarray(1).toString();
          switch (event.bytes[0]) {
            case SUBOPTION.known1:
              say(SUBOPTION.known2, ...event.bytes.subarray(1));
              break;
            case SUBOPTION.doProxy:
              port.proxied = text;
              say(SUBOPTION.willProxy);
              say(SUBOPTION.getVmName);
              say(SUBOPTION.getVmVcUuid);
              break;
            case SUBOPTION.vmName:
              port.name = text;
              break;
            case SUBOPTION.vmVcUuid:
              port.uuid = text;
              break;
          }
        }
      }
    });
  }
}

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  ports.console = await freePort();
  ports.telnet = await freePort();
  concentrator = new Concentrator();
  const proxyPort = await new Promise<number>((resolve) => {
    concentrator.server.listen(0, ownAddress ?? "127.0.0.1", () => resolve((concentrator.server.address() as { port: number }).port));
  });
  const spec = bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`));
  const withoutSerial = (spec.deviceChange ?? []).filter(({ device }) => device.$type !== "VirtualSerialPort");
  vm = await createVm(client, {
    ...spec,
    deviceChange: [
      ...withoutSerial,
      port(-11, network(`tcp://127.0.0.1:${ports.console}`)),
      port(-12, network(`telnet://:${ports.telnet}`)),
      port(-13, pipe("wires.com3")),
      port(-14, ownAddress === undefined ? pipe("none", "client") : network(SERVICE, "server", `telnet://${ownAddress}:${proxyPort}`)),
    ],
  });
  // The host connects to nobody until it is let.
  await client.call({ type: "HostFirewallSystem", value: "firewallSystem" }, "EnableRuleset", { id: "vSPC" });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
});
afterAll(async () => {
  client?.close();
  await host?.stop();
  concentrator?.server.close();
  for (const { socket } of concentrator?.ports ?? []) socket.destroy();
});

const toConsole = () => new Listener(connect(ports.console, "127.0.0.1"));
const toTelnet = () => new Listener(connect(ports.telnet, "127.0.0.1"));
const toPipe = () => new Listener(connect(join(hostPaths(host.root).pipes, "wires.com3")));

test("ports are reached on TCP, on telnet and by a named pipe, in both directions", async () => {
  const console = toConsole();
  await console.hears(/tick \d+/);
  console.socket.destroy();
  const again = toConsole(); // whoever comes later is served as the first was
  await again.hears(/tick \d+/);
  again.socket.destroy();

  const telnet = toTelnet();
  await telnet.hears(/port 1 tick/);
  expect(telnet.text.charCodeAt(0)).toBe(255); // it begins with telnet's negotiation
  telnet.socket.write("hello telnet\n");
  await telnet.hears(/port 1 heard hello telnet/);
  telnet.socket.destroy();

  const named = toPipe();
  named.socket.write("hello pipe\n");
  await named.hears(/port 2 heard hello pipe/);
  named.socket.destroy();
});

test("what a client has set is what it reads, and a second port cannot have what the first one has", async () => {
  const devices = (await read(client, vm, "config.hardware.device")) as { key: number; backing?: object; yieldOnPoll?: boolean }[];
  const serial = devices.filter(({ key }) => key >= 9000 && key < 9004);
  expect(serial[1]).toMatchObject({ yieldOnPoll: true, backing: { serviceURI: `telnet://:${ports.telnet}`, direction: "server" } });
  expect(serial[2]).toMatchObject({ backing: { pipeName: "wires.com3", endpoint: "server" } });
  if (ownAddress !== undefined) expect(serial[3]).toMatchObject({ backing: { proxyURI: expect.stringContaining(ownAddress) } });

  const rival = async (name: string, backing: object): Promise<TaskInfo> => {
    const made = await createVm(client, {
      name,
      guestId: "otherGuest64",
      numCPUs: 1,
      memoryMB: 32,
      files: { vmPathName: `[datastore1] ${name}/${name}.vmx` },
      deviceChange: [port(-1, backing)],
    });
    const info = await ended(client, await client.call(made, "PowerOnVM_Task", {}));
    expect(await read(client, made, "runtime.powerState")).toBe("poweredOff");
    return info;
  };
  const taken = await rival("rival-tcp", network(`telnet://:${ports.telnet}`));
  expect(taken.error).toMatchObject({ fault: { $type: "ResourceInUse", name: expect.stringContaining(String(ports.telnet)) } });
  expect((await rival("rival-pipe", pipe("wires.com3"))).error).toMatchObject({ fault: { $type: "ResourceInUse", name: "wires.com3" } });
  const foreign = await rival("rival-address", network("tcp://198.51.100.77:2001"));
  expect(foreign.error).toMatchObject({ fault: { $type: "InvalidArgument", invalidProperty: "serviceURI" } });
  const still = toPipe(); // the one that has it still has it
  await still.hears(/port 2 tick/);
  still.socket.destroy();
});

test.skipIf(ownAddress === undefined)("a concentrator is given the port, learns whose it is, and speaks with the guest", async () => {
  await waitFor(() => /port 3 tick/.test(concentrator.ports.at(-1)?.text ?? ""), 60_000);
  const uuid = (await read(client, vm, "config.instanceUuid")) as string;
  expect(concentrator.ports.at(-1)).toMatchObject({ proxied: `S${SERVICE}`, name: NAME });
  expect(concentrator.ports.at(-1)?.uuid.replace(/[ -]/g, "")).toBe(uuid.replaceAll("-", ""));
  concentrator.ports.at(-1)?.socket.write("hello proxy\n");
  await waitFor(() => /port 3 heard hello proxy/.test(concentrator.ports.at(-1)?.text ?? ""), 60_000);
});

test("after kill -9 of vmkernel the guest goes on, its connections stand, and what vmkernel carried is carried again", async () => {
  const telnet = toTelnet();
  await telnet.hears(/port 1 tick/);
  const before = concentrator.ports.length;
  const { vmkernel } = await host.pids();
  process.kill(vmkernel, "SIGKILL");
  await waitFor(async () => ![vmkernel, undefined].includes((await host.pids()).vmkernel), 60_000);
  telnet.socket.write("still there\n");
  await telnet.hears(/port 1 heard still there/);
  telnet.socket.destroy();
  if (ownAddress === undefined) return;
  await waitFor(() => concentrator.ports.length > before && /port 3 tick/.test(concentrator.ports.at(-1)?.text ?? ""), 60_000);
  concentrator.ports.at(-1)?.socket.destroy(); // and a concentrator that is started anew gets it again
  await waitFor(() => concentrator.ports.length > before + 1 && /port 3 tick/.test(concentrator.ports.at(-1)?.text ?? ""), 60_000);
});

test("the evidence knows the sockets of its ports", async () => {
  const { stdout } = await host.command("evidence", "--json");
  const evidence = JSON.parse(stdout) as { claim: string; verdict: string; facts: unknown }[];
  expect(evidence.filter(({ claim, verdict }) => /monitor/i.test(claim) && verdict === "fail")).toEqual([]);
});
