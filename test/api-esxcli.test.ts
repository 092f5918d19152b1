import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { commands, pathOf } from "../src/hostd/esxcli/catalogue.ts";
import { elementName, type Result } from "../src/hostd/esxcli/command.ts";
import { moRef } from "../src/interfaces/index.ts";
import { makeAuthority } from "../src/management/authority.fixture.ts";
import type { PortDescription } from "../src/vmkernel/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { faultOf, startAgent, useAgent } from "./agent.fixture.ts";
import { type Arguments, EXECUTER, esxcli, execute, type Said, said, soapArgument } from "./esxcli.ts";
import {
  BESIDES,
  deeds,
  GROUP,
  INTERFACE,
  OWN,
  onGroup,
  onSwitch,
  type Step,
  SWITCH,
  TIMEOUT,
  withInterface,
  withoutInterface,
} from "./esxcli-deeds.ts";
import { createVm, read, succeeded } from "./vm.ts";

/** Every command of esxcli, over the API. */
const HOST = moRef("HostSystem", "ha-host");
const TYPES = moRef("InternalDynamicTypeManager", "ha-dynamic-type-manager");
const READ_ONLY = -2;
const NO_ACCESS = -5;
const MAC = "00:50:56:01:02:03";
let vm: MoRef<"VirtualMachine">;
let world: string;

const wire = {
  controller: undefined,
  driver: "e1000e",
  isUp: true,
  isFullDuplex: true,
  addresses: [],
  linkMbps: 1000,
  name: "wire1",
  mac: "02:00:00:00:00:07",
};
/** Switched off by the machine, so nothing is plugged in either. */
const off = { ...wire, name: "wire9", mac: "02:00:00:00:00:09", isUp: false, linkMbps: undefined };
const { host, client } = await useAgent({ adapters: [wire, off] });

beforeAll(async () => {
  const adapter = { $type: "VirtualVmxnet3", key: -1, addressType: "manual", macAddress: MAC };
  vm = await createVm(client, {
    name: "web",
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      {
        operation: "add",
        device: { ...adapter, backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" } } as never,
      },
    ],
  });
  await powerOn();
});

/** @param leavesBy uplinks */
function showPorts(...leavesBy: readonly string[]): void {
  const port = { id: 16777217, connectee: { kind: "virtualMachine", vm: vm.value, key: 4000 }, portGroup: "VM Network", effectiveMac: MAC };
  const uplinks = leavesBy.map((name, at) => ({ id: 0x81000002 + at, connectee: { kind: "uplink", device: name }, effectiveMac: MAC }));
  host.showPorts("vSwitch0", [{ ...port, leavesBy }, ...uplinks] as unknown as PortDescription[]);
}

/** With its adapter in a port of vSwitch0. */
async function powerOn(): Promise<void> {
  showPorts();
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await client.call(moRef("HostNetworkSystem", "networkSystem"), "RefreshNetworkSystem", {});
  for (const until = Date.now() + 5000; Date.now() < until; ) {
    const [row] = (await say("network vm list")).rows ?? [];
    world = row?.WorldID?.[0] ?? "";
    if (world !== "") return;
  }
  throw new Error("the VM is not shown to run");
}

const say = (path: string, args: Arguments = {}, by = client): Promise<Said> => esxcli(by, path, args);

const device = async (): Promise<string> => {
  const nics = (await say("network nic list")).rows ?? [];
  return nics.find(({ MACAddress }) => MACAddress?.[0] === wire.mac)?.Name?.[0] ?? "";
};

/** What the readings that need arguments are asked. */
const questions: Readonly<Record<string, Arguments>> = {
  "bulkhead network portgroup inbound get": onGroup,
  "bulkhead network portgroup trunk get": onGroup,
  "bulkhead network vswitch inbound get": onSwitch,
  "network ip interface tag get": { interfacename: "vmk0" },
  "network vswitch standard policy failover get": { vswitchname: "vSwitch0" },
  "network vswitch standard policy security get": { vswitchname: "vSwitch0" },
  "network vswitch standard policy shaping get": { vswitchname: "vSwitch0" },
  "network vswitch standard portgroup policy failover get": { portgroupname: "VM Network" },
  "network vswitch standard portgroup policy security get": { portgroupname: "VM Network" },
  "network vswitch standard portgroup policy shaping get": { portgroupname: "VM Network" },
};

/** Tells of more than the host itself. */
const CONNECTIONS = "network ip connection list";
/** Who reads them, could replace them. */
const AUTHORITIES = "system security certificatestore list";
/** Tells where things lie in the machine's memory. */
const PMAP = "bulkhead memory pmap list";
const NOT_FOR_READERS = [CONNECTIONS, AUTHORITIES, PMAP];

/** Has a test of its own, for it ends what the others need. */
const KILL = "vm process kill";
const MAINTENANCE = "system maintenanceMode set";
/** What it makes stays: the last interface for management is not removed. */
const OWN_MANAGEMENT = `${OWN} management add`;
const POWER = [MAINTENANCE, "system shutdown poweroff", "system shutdown reboot"];

const readings = commands.filter(({ result }) => result.kind !== "nothing").map(pathOf);
const changing = commands.filter(({ result }) => result.kind === "nothing").map(pathOf);
const fieldsOf = (result: Result): readonly string[] =>
  result.kind === "struct" || result.kind === "list" ? Object.keys(result.struct.fields).map(elementName) : [];

/** All that the deeds could change. */
async function state(): Promise<unknown> {
  const parts = ["system account list", "system permission list", "system settings advanced list"].map((path) => say(path));
  return {
    network: host.network(),
    parts: await Promise.all(parts),
    nics: await say(`${INTERFACE} list`),
    power: await read(client, vm, "runtime.powerState"),
  };
}

async function withNic(args: Arguments): Promise<Arguments> {
  const name = await device();
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, value === "NIC" ? name : value]));
}

async function done([path, args = {}]: Step): Promise<void> {
  expect({ path, ...(await say(path, await withNic(args))) }).toEqual({ path, scalar: "true" });
}

test("no command is without a test: what reads is walked, and what changes something has a row", () => {
  const rows = deeds.flatMap(({ first, deed, undo }) => [first?.[0], deed[0], ...undo.map(([path]) => path)]);
  expect(changing.filter((path) => ![KILL, OWN_MANAGEMENT, ...POWER].includes(path) && !rows.includes(path))).toEqual([]);
  expect(readings.filter((path) => /(set|add|remove|kill)$/.test(path))).toEqual([]);
});

test("an adapter that the machine has switched off is told apart from one that has no link", async () => {
  const rows = (await say("network nic list")).rows ?? [];
  const shown = rows.map(({ MACAddress, AdminStatus, LinkStatus }) => [MACAddress?.[0], AdminStatus?.[0], LinkStatus?.[0]]);
  expect(shown).toEqual(expect.arrayContaining([[wire.mac, "Up", "Up"], [off.mac, "Down", "Down"]])); // biome-ignore format: a row each
});

test("every command that reads answers what it declares", async () => {
  await done(withInterface);
  const told = { "network nic get": { nicname: await device() }, "network vm port list": { worldid: world }, [PMAP]: { vm: vm.value } };
  for (const command of commands.filter(({ result }) => result.kind !== "nothing")) {
    const path = pathOf(command);
    const answer = await say(path, { ...questions, ...told }[path] ?? {});
    expect(answer.refused, path).toBeUndefined();
    if (command.result.kind === "scalar") {
      expect(answer.scalar, path).toMatch(/./);
      continue;
    }
    const known = fieldsOf(command.result);
    for (const row of answer.rows ?? []) expect(known, path).toEqual(expect.arrayContaining(Object.keys(row)));
    if (!EMPTY.includes(path)) expect(answer.rows?.length, path).toBeGreaterThan(0);
  }
  await done(withoutInterface);
});

/** Here the machine has none of it, or may have none. */
const EMPTY = [
  "network ip interface ipv6 address list",
  "network ip neighbor list",
  "hardware pci list",
  "network ip route ipv4 list",
  "storage core adapter list",
].concat("network ip route ipv6 list", "storage core device list", "storage core path list", AUTHORITIES);

test.each(deeds.map((row) => [row.deed[0], row] as const))(
  "%s does what it says, and is taken back",
  async (_, { first, deed, reading, shows, undo }) => {
    const before = await state();
    if (first !== undefined) await done(first);
    await done(deed);
    const [path, args = {}] = reading;
    const name = await device();
    const wanted = Object.fromEntries(
      Object.entries(shows).map(([field, values]) => {
        const those = values.map((value) => (value === "NIC" ? name : value));
        return [field, those[0] === BESIDES ? expect.arrayContaining(those.slice(1)) : those];
      }),
    );
    expect((await say(path, args)).rows).toContainEqual(expect.objectContaining(wanted));
    for (const step of undo) await done(step);
    expect(await state()).toEqual(before);
  },
);

test("the connections of the machine are told with whose they are, and neither they nor where memory lies to whoever may only read", async () => {
  const rows = (await say(CONNECTIONS, { type: "tcp" })).rows ?? [];
  const own = rows.filter(({ LocalAddress }) => LocalAddress?.[0] === `127.0.0.1:${host.port}`);
  expect(own).toContainEqual(
    expect.objectContaining({ Proto: ["tcp"], State: ["LISTEN"], ForeignAddress: ["0.0.0.0:0"], WorldID: [String(process.pid)] }),
  );
  expect((await say(CONNECTIONS, { type: "udp" })).rows?.filter(({ Proto }) => Proto?.[0] !== "udp")).toEqual([]);
  const reader = await host.login(READ_ONLY);
  expect((await faultOf(say(CONNECTIONS, {}, reader))).fault).toBe("NoPermission");
  expect((await faultOf(say(PMAP, { vm: vm.value }, reader))).fault).toBe("NoPermission");
  reader.close();
});

test("the authorities that the host trusts are told, and not to whoever may only read", async () => {
  const manager = moRef("HostCertificateManager", "ha-certificate-manager");
  const { cert } = await makeAuthority("Lab CA");
  await client.call(manager, "ReplaceCACertificatesAndCRLs", { caCert: [cert], caCrl: [] });
  const { serialNumber } = new X509Certificate(cert);
  expect((await say(AUTHORITIES)).rows).toEqual([{ Issuer: ["CN=Lab CA"], Serial: [serialNumber], Subject: ["CN=Lab CA"] }]);
  const reader = await host.login(READ_ONLY);
  expect((await faultOf(say(AUTHORITIES, {}, reader))).fault).toBe("NoPermission");
  reader.close();
  await client.call(manager, "ReplaceCACertificatesAndCRLs", { caCert: [], caCrl: [] });
});

test("while DHCP tells the name servers, none is added, and those are kept when it tells them no more", async () => {
  await done(withInterface);
  await done([`${INTERFACE} ipv4 set`, { interfacename: "vmk0", type: "dhcp", peerdns: "true" }]);
  const told = await say("network ip dns server list");
  expect((await say("network ip dns server add", { server: "192.0.2.53" })).refused).toMatch(/^vmk0 is told the name servers by DHCP/);
  const vmk0 = { interfacename: "vmk0" };
  expect((await say(`${INTERFACE} ipv6 set`, { ...vmk0, enabledhcpv6: "true" })).refused).toContain("nic.ip.ipV6Config.dhcpV6Enabled");
  expect((await say(`${INTERFACE} ipv6 set`, vmk0)).refused).toBe("One of --enable-dhcpv6 and --enable-router-adv is needed.");
  await done([`${INTERFACE} ipv4 set`, { interfacename: "vmk0", type: "dhcp", peerdns: "false" }]);
  expect((await say(`${INTERFACE} ipv4 get`)).rows).toMatchObject([{ AddressType: ["DHCP"], DHCPDNS: ["false"] }]);
  expect(await say("network ip dns server list")).toEqual(told);
  await done(["network ip dns server remove", { all: "true" }]);
  await done(withoutInterface);
});

test("where the host's own processes are swapped to is told, and cannot be set to what this host does not do", async () => {
  const before = await say("sched swap system get");
  for (const args of [{ datastoreenabled: "true" }, { datastorename: "datastore1" }, { hostcacheorder: "7" }])
    expect((await say("sched swap system set", args)).refused).toMatch(/^This host swaps none of its own processes, .* cannot be /);
  expect(await say("sched swap system get")).toEqual(before);
});

test("a VM that runs is a world with ports, and is ended softly or hard", async () => {
  expect((await say("vm process list")).rows).toEqual([
    {
      ConfigFile: ["/vmfs/volumes/datastore1/web/web.vmx"],
      DisplayName: ["web"],
      ProcessID: ["0"],
      UUID: [expect.stringMatching(/^([0-9a-f]{2} ){7}[0-9a-f]{2}-([0-9a-f]{2} ){7}[0-9a-f]{2}$/)],
      VMXCartelID: [world],
      WorldID: [world],
    },
  ]);
  expect((await say("network vm list")).rows).toEqual([{ Name: ["web"], Networks: ["VM Network"], NumPorts: ["1"], WorldID: [world] }]);
  expect((await say("network vm port list", { worldid: world })).rows).toMatchObject([
    {
      PortID: ["16777217"],
      vSwitch: ["vSwitch0"],
      Portgroup: ["VM Network"],
      MACAddress: [MAC],
      IPAddress: ["0.0.0.0"],
      TeamUplink: ["void"],
      UplinkPortID: ["0"],
    },
  ]);
  const team = async (...leavesBy: readonly string[]) => {
    showPorts(...leavesBy);
    await client.call(moRef("HostNetworkSystem", "networkSystem"), "QueryNetworkHint", {}); // looks at what is connected
    const [row] = (await say("network vm port list", { worldid: world })).rows ?? [];
    return [...(row?.TeamUplink ?? []), ...(row?.UplinkPortID ?? [])];
  };
  expect(await team("wire1")).toEqual([await device(), "2164260866"]);
  expect(await team("wire1", "wire2")).toEqual(["all(2)", "0"]);
  expect(await team()).toEqual(["void", "0"]);
  expect((await say(KILL, { worldid: "4711", type: "soft" })).refused).toBe("Unable to find a virtual machine with World ID 4711");
  expect((await say(KILL, { worldid: world, type: "gently" })).refused).toBe("Invalid data constraint for parameter 'type'.");
  for (const path of POWER.slice(1)) expect((await say(path, { reason: "none" })).refused, path).toMatch(/maintenance mode/);
  await done([KILL, { worldid: world, type: "soft" }]);
  await done([MAINTENANCE, { enable: "true", timeout: "10" }]);
  expect(await say("system maintenanceMode get")).toEqual({ scalar: "Enabled" });
  await done([MAINTENANCE, { enable: "false" }]);
  expect(await read(client, vm, "runtime.powerState")).toBe("poweredOff");
  expect((await say("vm process list")).rows).toEqual([]);
  await powerOn();
});

test("a host gets an interface for management on a network of its own, whole or not at all, and one such", async () => {
  await using other = { host: await startAgent(), [Symbol.asyncDispose]: () => other.host.stop() };
  await using admin = await other.host.login();
  const before = other.host.network();
  expect((await esxcli(admin, OWN_MANAGEMENT, { netmask: "none" })).refused).toContain("subnetMask");
  expect(other.host.network()).toEqual(before);
  expect(await esxcli(admin, OWN_MANAGEMENT, { ipv4: "192.0.2.5", netmask: "255.255.255.0" })).toEqual({ scalar: "true" });
  const { switches, hostNics } = other.host.network();
  expect(switches.map(({ name, uplinks, portGroups }) => [name, uplinks, portGroups.map((group) => group.name)])).toEqual([
    ["vSwitch0", [], ["VM Network"]],
    ["Management", [], ["Management Network"]],
  ]);
  expect(hostNics).toMatchObject([
    { device: "vmk0", portGroup: "Management Network", ip: [{ address: "192.0.2.5", prefixLength: 24 }], servesApi: true },
  ]);
  expect((await esxcli(admin, OWN_MANAGEMENT)).refused).toBe("The host has an interface of its own: vmk0");
});

describe("who may", () => {
  test("one who may only read changes nothing by any command", async () => {
    const before = await state();
    const reader = await host.login(READ_ONLY);
    const argsOf = new Map(deeds.flatMap(({ deed, undo }) => [deed, ...undo]).map(([path, args]) => [path, args ?? {}]));
    for (const path of changing) {
      const args = path === KILL ? { worldid: world, type: "soft" } : (argsOf.get(path) ?? {});
      const answer = await say(path, args, reader).catch(({ fault }: { readonly fault: string }): Said => ({ refused: fault }));
      expect(answer.refused, path).toMatch(/^NoPermission/);
    }
    for (const path of readings) if (!Object.hasOwn(questions, path) && !NOT_FOR_READERS.includes(path)) await say(path, {}, reader);
    reader.close();
    expect(await state()).toEqual(before);
  });

  test("one who may do nothing reads nothing", async () => {
    const nobody = await host.login(NO_ACCESS);
    for (const path of [...readings, ...changing]) expect((await faultOf(say(path, {}, nobody))).fault, path).toBe("NoPermission");
    expect((await faultOf(nobody.call(TYPES, "DynamicTypeMgrQueryTypeInfo", {}))).fault).toBe("NoPermission");
    nobody.close();
    const stranger = await host.connect();
    expect((await faultOf(say("system version get", {}, stranger))).fault).toBe("NotAuthenticated");
    stranger.close();
  });

  test("the audit names the command, and tells of one that failed", async () => {
    await say(`${SWITCH} remove`, { vswitchname: "none" });
    const lines = host.audit.map((line) => JSON.parse(line) as Readonly<Record<string, string>>);
    const executed = lines.findLast(({ object }) => object?.endsWith(".ExecuteSoap vim.EsxCLI.network.vswitch.standard.remove"));
    expect(executed).toMatchObject({ result: "failure", subject: "root", reason: "VimEsxCLICLIFault" });
    expect(lines.findLast(({ object }) => /\bRemoveVirtualSwitch$/.test(object ?? ""))).toMatchObject({
      result: "failure",
      reason: "NotFound",
    });
  });
});

test.each<[string, Arguments, string]>([
  [`${SWITCH} add`, {}, "Missing required parameter -v|--vswitch-name"],
  [
    `${SWITCH} add`,
    { vswitchname: "x", ports: "LT-3100" },
    "While processing '--ports'. Argument type mismatch. Expecting integer value. Got 'LT-3100'",
  ],
  [`${SWITCH} add`, { vswitchname: "x", ports: "0" }, expect.stringContaining("spec.numPorts")],
  [`${SWITCH} add`, { vswitchname: "vSwitch0" }, expect.stringMatching(/^The specified key, name, or identifier already exists/)],
  [`${SWITCH} add`, { vswitchname: ["a", "b"] }, "Parameter -v|--vswitch-name is given more than once"],
  [`${SWITCH} add`, { vswitchname: "x", colour: "red" }, "Invalid option colour"],
  [`${SWITCH} add`, { vswitchname: "x", constructor: "red" }, "Invalid option constructor"],
  [`${SWITCH} set`, { vswitchname: "none", mtu: "1500" }, "Unable to find vswitch none"],
  [`${SWITCH} set`, { ...onSwitch, cdpstatus: "loud" }, "Invalid data constraint for parameter 'cdpstatus'."],
  [`${SWITCH} set`, { ...onSwitch, cdpstatus: "advertise" }, expect.stringContaining("not supported")],
  [`${SWITCH} uplink add`, { ...onSwitch, uplinkname: "vmnic99" }, expect.stringContaining("no physical adapter vmnic99")],
  [`${SWITCH} uplink remove`, { ...onSwitch, uplinkname: "vmnic99" }, "No such uplink: vmnic99"],
  [`${SWITCH} policy shaping set`, { ...onSwitch, enabled: "true" }, expect.stringContaining("needed to enable shaping")],
  [`${SWITCH} policy failover set`, { ...onSwitch, activeuplinks: "vmnic99" }, expect.stringContaining("no uplink of the switch")],
  [`${GROUP} set`, { ...onGroup, vlanid: "4096" }, expect.stringContaining("portgrp.vlanId")],
  [`${OWN} portgroup trunk set`, { ...onGroup, ranges: "10" }, expect.stringContaining("so it is no trunk")],
  [`${OWN} portgroup trunk set`, onGroup, "One of --ranges and --all is needed."],
  [`${OWN} portgroup trunk get`, { portgroupname: "none" }, "Unable to find portgroup none"],
  [`${OWN} portgroup inbound set`, { ...onGroup, enabled: "true" }, expect.stringContaining("needed to enable shaping")],
  [`${OWN} vswitch inbound set`, { vswitchname: "none", enabled: "false" }, expect.stringContaining("no virtual switch none")],
  [`${GROUP} remove`, { ...onGroup, vswitchname: "lab" }, "VM Network is no port group of lab"],
  [`${GROUP} remove`, { ...onGroup, ...onSwitch }, expect.stringContaining("in use")],
  [`${INTERFACE} add`, { portgroupname: "Management Network", interfacename: "vmk7" }, expect.stringContaining("added next is vmk0")],
  [`${INTERFACE} set`, { interfacename: "vmk7", mtu: "1500" }, "Unable to find interface vmk7"],
  [`${INTERFACE} ipv4 set`, { interfacename: "vmk7", type: "none" }, "Unable to find interface vmk7"],
  [`${INTERFACE} ipv6 set`, { interfacename: "vmk7", enablerouteradv: "true" }, "Unable to find interface vmk7"],
  ["network ip route ipv4 add", { network: "10.9.1.0/16", gateway: "192.0.2.1" }, "Invalid IPv4 network: 10.9.1.0/16"],
  ["network ip route ipv4 add", { network: "10.9.0.0/16", gateway: "2001:db8::1" }, "Invalid IPv4 gateway: 2001:db8::1"],
  ["network ip route ipv4 add", { network: "10.9.0.0/16", gateway: "127.0.0.1" }, "127.0.0.1 is no gateway to 10.9.0.0/16."],
  ["network ip route ipv6 add", { network: "default", gateway: "fe80::1%vmk7" }, "defaultTcpipStack has no interface vmk7."],
  ["network ip route ipv6 add", { network: "default", gateway: "fe80::1", netstack: "mine" }, "Unable to find netstack mine"],
  ["network ip route ipv4 remove", { network: "default", gateway: "192.0.2.9" }, "There is no route to 0.0.0.0/0 by 192.0.2.9"],
  ["network ip dns server add", { server: "ns1" }, "Invalid IP address: ns1"],
  ["network ip dns server remove", { server: "192.0.2.99" }, "The host has no name server 192.0.2.99"],
  ["network ip dns server remove", {}, "Just one of --all and --server is needed."],
  ["network ip dns search remove", { domain: "nowhere.example.org" }, "The host does not look in nowhere.example.org"],
  ["network vm port list", { worldid: "1e3" }, expect.stringContaining("Expecting integer value. Got '1e3'")],
  ["system account add", { id: "x", password: "xQaTEhb!", passwordconfirmation: "other" }, expect.stringContaining("do not match")],
  [
    "system account add",
    { id: "root", password: "xQaTEhb!", passwordconfirmation: "xQaTEhb!" },
    "The specified key, name, or identifier 'root' already exists.",
  ],
  ["system account remove", { id: "nobody" }, "The user or group named 'nobody' does not exist."],
  ["system permission set", { id: "root", role: "Owner" }, "Invalid data constraint for parameter 'role'."],
  ["system settings advanced list", { option: "/Net/None" }, "Unable to find option /Net/None"],
  ["system settings advanced set", { option: TIMEOUT, intvalue: "0" }, expect.stringContaining("from 1 to 1440")],
  ["system settings advanced set", { option: TIMEOUT, stringvalue: "x" }, `The type of ${TIMEOUT} is integer.`],
  ["system settings advanced set", { option: TIMEOUT }, expect.stringContaining("Just one of")],
])("%s with %j is refused in words, and nothing is changed", async (path, args, words) => {
  const before = await state();
  expect((await say(path, args)).refused).toEqual(words);
  expect(await state()).toEqual(before);
});

const NOT_FOUND = "NotFound: The object or item referred to could not be found.";

test("what a command answers is XML in a string, as ESXi writes it", async () => {
  const method = "vim.EsxCLI.system.hostname.get";
  const answer = await client.call(EXECUTER, "ExecuteSoap", { moid: "ha-cli-handler-system-hostname", version: "urn:vim25/5.0", method });
  expect(answer?.response).toBe(
    '<obj xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25"' +
      ' versionId="5.0" xsi:type="VimEsxCLIsystemhostnamegetFullyQualifiedHostName"><DomainName></DomainName>' +
      "<FullyQualifiedDomainName>host1</FullyQualifiedDomainName><HostName>host1</HostName></obj>",
  );
});

describe("what is no command", () => {
  test.each([
    ["a handler that is not there", "ha-cli-handler-network-none", "vim.EsxCLI.network.none.list"],
    ["a command of a subsystem that this host has not", "ha-cli-handler-fcoe-nic", "vim.EsxCLI.fcoe.nic.list"],
    ["a command at another's handler", "ha-cli-handler-vm-process", "vim.EsxCLI.system.version.get"],
    ["a property of every object", "ha-cli-handler-network-vm", "constructor"],
    ["a method of the host's own", "ha-host", "vim.HostSystem.reboot"],
    ["nothing", "", ""],
    ["a megabyte", "x".repeat(2 ** 20), "y".repeat(2 ** 20)],
  ])("%s is not found", async (_, moid, method) => {
    expect(await execute(client, moid, method, [])).toEqual({ refused: NOT_FOUND });
  });

  const entities = "abcdefghij".split("").map((name, i) => `<!ENTITY ${name} "${`&${"_abcdefghi"[i]};`.repeat(10)}">`);
  const list = "system account list";
  test.each<[string, string, string]>([
    ["no XML", "vswitchname", "vSwitch0"],
    ["XML that is cut", "vswitchname", "<vswitchname>vSwitch0"],
    ["an entity bomb", "vswitchname", `<!DOCTYPE x [${entities.join("")}]><vswitchname>&j;</vswitchname>`],
    ["a file of the host's", "vswitchname", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><vswitchname>&e;</vswitchname>'],
    ["an entity that nobody declared", "vswitchname", "<vswitchname>&e;</vswitchname>"],
    ["another element", "vswitchname", "<mtu>1500</mtu>"],
    ["an element within", "vswitchname", "<vswitchname><vswitchname>vSwitch0</vswitchname></vswitchname>"],
    ["depth", "vswitchname", "<vswitchname>".repeat(1000)],
    ["a hundred thousand values", "vswitchname", "<vswitchname>v</vswitchname>".repeat(100_000)],
    ["a long value", "vswitchname", `<vswitchname>${"v".repeat(60_000)}</vswitchname>`],
    ["more than there is room for", "vswitchname", `<vswitchname>${"v".repeat(2 ** 20)}</vswitchname>`],
    ["the end of what it is in", "vswitchname", "</argument><argument>"],
    ["a processing instruction", "vswitchname", "<?php x ?><vswitchname>vSwitch0</vswitchname>"],
    ["a name that is none", "vswitch<name", "<x/>"],
    ["a name of a megabyte", "v".repeat(2 ** 20), "<x/>"],
  ])("an argument that holds %s is InvalidArgument", async (_, name, val) => {
    const { refused } = await execute(client, "ha-cli-handler-network-vswitch-standard", `vim.EsxCLI.${SWITCH.replaceAll(" ", ".")}.list`, [
      { name, val },
    ]);
    expect(refused).toMatch(/^InvalidArgument: A specified parameter was not correct: argument\[0\]/);
    expect(refused?.length).toBeLessThan(400);
  });

  test("arguments that are too many, or twice there, are InvalidArgument", async () => {
    const handler = "ha-cli-handler-system-account";
    const many = Array.from({ length: 65 }, (_, n) => soapArgument(`a${n}`, "x"));
    for (const args of [many, [soapArgument("a", "x"), soapArgument("a", "x")]])
      expect((await execute(client, handler, `vim.EsxCLI.${list.replaceAll(" ", ".")}`, args)).refused).toMatch(/^InvalidArgument/);
  });

  test("rbvmomi's and pyVmomi's ways to write a value are read", async () => {
    for (const start of [
      '<vswitchname xsi:type="xsd:string">',
      '<vswitchname xmlns="urn:vim25" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xsi:type="xsd:string">',
    ]) {
      const argument = [{ name: "vswitchname", val: `${start}vSwitch0</vswitchname>` }];
      const { rows } = await execute(
        client,
        "ha-cli-handler-network-vswitch-standard",
        "vim.EsxCLI.network.vswitch.standard.list",
        argument,
      );
      expect(rows).toMatchObject([{ Name: ["vSwitch0"] }]);
    }
  });
});

describe("what clients are told of the commands", () => {
  const INFO = "ha-dynamic-type-manager-local-cli-cliinfo";
  const info = (typeName: string) => execute(client, INFO, "vim.CLIInfo.FetchCLIInfo", [soapArgument("typeName", typeName)]);

  test("of a namespace its commands, and of one that is not there nothing", async () => {
    const [row] = (await info("vim.EsxCLI.network.vm")).rows ?? [];
    expect(row).toMatchObject({ name: ["network.vm"], displayName: ["vm"] });
    expect(row?.method).toContain("list");
    for (const name of ["vim.EsxCLI.none", "vim.EsxCLI", "", "constructor"]) expect(await info(name)).toEqual({ refused: NOT_FOUND });
  });

  test("of the executer and the manager of types, by the host", async () => {
    const call = client.call as (ref: MoRef, method: string, args: object) => Promise<unknown>;
    expect(await call.call(client, HOST, "RetrieveManagedMethodExecuter", {})).toEqual(EXECUTER);
    expect(await call.call(client, HOST, "RetrieveDynamicTypeManager", {})).toEqual(TYPES);
  });

  test("as types, each of which names none but primitives and types that are told too", async () => {
    const all = await client.call(TYPES, "DynamicTypeMgrQueryTypeInfo", {});
    const names = new Set(["string", "long", "boolean", "vim.KeyValue", ...(all?.dataTypeInfo ?? []).map(({ name }) => name)]);
    const methods = all?.managedTypeInfo.flatMap(({ method }) => method) ?? [];
    const used = [
      ...methods.flatMap(({ paramTypeInfo, returnTypeInfo }) => [...(paramTypeInfo ?? []), returnTypeInfo]),
      ...(all?.dataTypeInfo ?? []).flatMap(({ property }) => property),
    ];
    expect(used.map(({ type }) => type.replace(/\[\]$/, "")).filter((type) => !names.has(type))).toEqual([]);
    expect(methods.length).toBe(commands.length + 1);
    const some = await client.call(TYPES, "DynamicTypeMgrQueryTypeInfo", {
      filterSpec: { $type: "DynamicTypeMgrTypeFilterSpec", typeSubstr: "vim.EsxCLI.vm" } as never,
    });
    expect(some?.managedTypeInfo.map(({ name }) => name)).toEqual(["vim.EsxCLI.vm.process"]);
    expect(some?.dataTypeInfo.map(({ wsdlName }) => wsdlName)).toEqual(["VimEsxCLIvmprocesslistVirtualMachine"]);
  });

  test("as instances, whose ids are those that commands are executed at", async () => {
    const instances = (await client.call(TYPES, "DynamicTypeMgrQueryMoInstances", {})) ?? [];
    expect(instances).toContainEqual({
      $type: "DynamicTypeMgrMoInstance",
      id: "ha-cli-handler-network-vm",
      moType: "vim.EsxCLI.network.vm",
    });
    expect(new Set(instances.map(({ id }) => id)).size).toBe(new Set(commands.map(({ namespace }) => namespace)).size + 1);
    const one = { $type: "DynamicTypeMgrMoFilterSpec", id: INFO };
    expect(await client.call(TYPES, "DynamicTypeMgrQueryMoInstances", { filterSpec: one as never })).toHaveLength(1);
  });
});

test("FetchSoap reads a property as its caller may, and tells why it cannot", async () => {
  const fetch = async (moid: string, prop: string) =>
    said(await client.call(EXECUTER, "FetchSoap", { moid, version: "urn:vim25/5.0", prop }));
  expect(await fetch("ha-host", "name")).toEqual({ scalar: "host1" });
  expect((await fetch("ha-host", "none")).refused).toMatch(/^InvalidProperty/);
  expect((await fetch("nowhere", "name")).refused).toMatch(/^ManagedObjectNotFound/);
  const reader = await host.login(NO_ACCESS);
  expect((await faultOf(reader.call(EXECUTER, "FetchSoap", { moid: "ha-host", version: "", prop: "name" }))).fault).toBe("NoPermission");
  reader.close();
});
