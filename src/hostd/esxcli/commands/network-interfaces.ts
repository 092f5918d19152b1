/** `esxcli network ip`: the host's own interfaces, their addresses and services, and the machine's ways and name servers. */
import { isIPv4, isIPv6 } from "node:net";
import type { HostIpConfig, HostIpConfigIpV6Address, HostNetworkInfo, HostVirtualNic, HostVirtualNicSpec } from "../../../wire/index.ts";
import { blocks, CommandFailed, command, long, nothing, one, oneOf, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";
import { NETWORK_SYSTEM, NIC_MANAGER, nameOfKey, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

const interfacename = text("-i", "--interface-name", "The name of the interface: vmk0.");
const named = { interfacename: required(interfacename) };
const netstack = text("-N", "--netstack", "The netstack of the interface.");
const UNSET = "N/A";
const NO_PORT = -1;
const TSO_MSS = 65535;
const INTERFACES_MAX = 256;

interface Which {
  readonly interfacename: string | undefined;
  readonly netstack: string | undefined;
}

async function interfaces(host: Host, { interfacename: name, netstack: stack }: Which): Promise<readonly HostVirtualNic[]> {
  const all = (await readNetwork(host)).vnic ?? [];
  const found = all.filter(
    ({ device, spec }) => (name ?? device) === device && (stack ?? spec.netStackInstanceKey) === spec.netStackInstanceKey,
  );
  if (name !== undefined && found.length === 0) throw new CommandFailed(`Unable to find interface ${name.slice(0, 64)}`);
  return found;
}

async function findInterface(host: Host, name: string): Promise<HostVirtualNic> {
  const [found] = await interfaces(host, { interfacename: name, netstack: undefined });
  if (found === undefined) throw new CommandFailed(`Unable to find interface ${name.slice(0, 64)}`);
  return found;
}

async function update(host: Host, device: string, nic: HostVirtualNicSpec): Promise<void> {
  await host.call(NETWORK_SYSTEM, "UpdateVirtualNic", { device, nic });
}

const vmkernelInterface = struct("NetworkInterface", {
  Name: "string",
  "MAC Address": "string",
  Enabled: "boolean",
  Portset: "string",
  Portgroup: "string",
  "Netstack Instance": "string",
  "VDS Name": "string",
  "VDS UUID": "string",
  "VDS Port": "string",
  "VDS Connection": "long",
  "Opaque Network ID": "string",
  "Opaque Network Type": "string",
  "External ID": "string",
  MTU: "long",
  "TSO MSS": "long",
  "Port ID": "long",
});

function show({ portgroup: groups = [] }: HostNetworkInfo, { device, spec, port, portgroup }: HostVirtualNic) {
  const id = Number(/-(\d+)$/.exec(port ?? "")?.[1]);
  return {
    Name: device,
    "MAC Address": spec.mac,
    Enabled: true,
    Portset: groups.find((one) => one.spec.name === portgroup)?.spec.vswitchName,
    Portgroup: portgroup,
    "Netstack Instance": spec.netStackInstanceKey,
    "VDS Name": UNSET,
    "VDS UUID": UNSET,
    "VDS Port": UNSET,
    "VDS Connection": NO_PORT,
    "Opaque Network ID": UNSET,
    "Opaque Network Type": UNSET,
    "External ID": UNSET,
    MTU: spec.mtu,
    "TSO MSS": TSO_MSS,
    "Port ID": Number.isNaN(id) ? undefined : id,
  };
}

/** It gets the lowest name that is free: which one is not for a client to say, but it may say which one it expects. */
async function addInterface(host: Host, expected: string | undefined, portgroup: string, nic: HostVirtualNicSpec): Promise<void> {
  const taken = ((await readNetwork(host)).vnic ?? []).map(({ device }) => device);
  const free = Array.from({ length: INTERFACES_MAX }, (_, number) => `vmk${number}`).find((device) => !taken.includes(device));
  if (expected !== undefined && taken.includes(expected)) throw new CommandFailed(`Interface ${expected} already exists`);
  const refusal = new CommandFailed(`The interface that is added next is ${free}, and cannot be ${expected?.slice(0, 64)}`);
  if (expected !== undefined && expected !== free) throw refusal;
  const device = await host.call(NETWORK_SYSTEM, "AddVirtualNic", { portgroup, nic });
  if (expected === undefined || device === expected) return;
  await host.call(NETWORK_SYSTEM, "RemoveVirtualNic", { device }); // somebody else was faster
  throw refusal;
}

const interfaceDeeds = [
  command("network ip interface list", {
    help: "List the interfaces of the host itself.",
    params: { netstack },
    result: blocks(vmkernelInterface, "%Name%"),
    async run(host, args) {
      const network = await readNetwork(host);
      return (await interfaces(host, { ...args, interfacename: undefined })).map((nic) => show(network, nic));
    },
  }),
  command("network ip interface add", {
    help: "Add an interface of the host itself to a port group.",
    privilege,
    params: {
      interfacename,
      macaddress: text("-M", "--mac-address", "Its MAC address; one is made up when this is left out."),
      mtu: long("-m", "--mtu", "The largest packet that it sends, in bytes."),
      netstack,
      portgroupname: required(text("-p", "--portgroup-name", "The name of the port group.")),
    },
    result: nothing,
    run: (host, { interfacename: expected, macaddress: mac, mtu, netstack: stack, portgroupname }) =>
      addInterface(host, expected, portgroupname, {
        ip: { dhcp: false },
        ...(mac !== undefined && { mac }),
        ...(mtu !== undefined && { mtu }),
        ...(stack !== undefined && { netStackInstanceKey: stack }),
      }),
  }),
  command("network ip interface set", {
    help: "Set the MTU of an interface.",
    privilege,
    params: { ...named, mtu: required(long("-m", "--mtu", "The largest packet that it sends, in bytes.")) },
    result: nothing,
    run: async (host, { interfacename: name, mtu }) => update(host, (await findInterface(host, name)).device, { mtu }),
  }),
  command("network ip interface remove", {
    help: "Remove an interface of the host itself.",
    privilege,
    params: named,
    result: nothing,
    run: async (host, args) =>
      host.call(NETWORK_SYSTEM, "RemoveVirtualNic", { device: (await findInterface(host, args.interfacename)).device }),
  }),
];

const toNumber = (address: string): number => address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
const toAddress = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");

/** Pure. "192.0.2.7" in 255.255.255.0 is broadcast to by 192.0.2.255. */
export function broadcastOf(address: string, mask: string): string {
  return isIPv4(address) && isIPv4(mask) ? toAddress((toNumber(address) | ~toNumber(mask)) >>> 0) : "0.0.0.0";
}

function networkOf(address: string, mask: string): string {
  return toAddress((toNumber(address) & toNumber(mask)) >>> 0);
}

function showIpv4({ device, spec }: HostVirtualNic) {
  const { dhcp = false, ipAddress = "0.0.0.0", subnetMask = "0.0.0.0" } = spec.ip ?? {};
  return {
    Name: device,
    "IPv4 Address": ipAddress,
    "IPv4 Netmask": subnetMask,
    "IPv4 Broadcast": broadcastOf(ipAddress, subnetMask),
    "Address Type": dhcp ? "DHCP" : ipAddress === "0.0.0.0" ? "NONE" : "STATIC",
    Gateway: "0.0.0.0",
    "DHCP DNS": false,
  };
}

interface Ipv4Args {
  readonly ipv4: string | undefined;
  readonly netmask: string | undefined;
  readonly type: "dhcp" | "none" | "static";
}

function ipv4Change({ ipv4, netmask, type }: Ipv4Args): HostIpConfig {
  if (type === "dhcp") return { dhcp: true };
  if (type === "none") return { dhcp: false };
  if (ipv4 === undefined || netmask === undefined) throw new CommandFailed("A static address needs --ipv4 and --netmask.");
  return { dhcp: false, ipAddress: ipv4, subnetMask: netmask };
}

const ipv4 = [
  command("network ip interface ipv4 get", {
    help: "Show the IPv4 addresses of the host's interfaces.",
    params: { interfacename, netstack },
    result: table(
      struct("IPv4Interface", {
        Name: "string",
        "IPv4 Address": "string",
        "IPv4 Netmask": "string",
        "IPv4 Broadcast": "string",
        "Address Type": "string",
        Gateway: "string",
        "DHCP DNS": "boolean",
      }),
    ),
    run: async (host, args) => (await interfaces(host, args)).map(showIpv4),
  }),
  command("network ip interface ipv4 set", {
    help: "Set the IPv4 address of an interface.",
    privilege,
    params: {
      ...named,
      ipv4: text("-I", "--ipv4", "The address; with type static."),
      netmask: text("-N", "--netmask", "The mask of its network; with type static."),
      type: required(oneOf(["dhcp", "none", "static"], "-t", "--type", "How it gets its address: dhcp, none, static.")),
    },
    result: nothing,
    async run(host, args) {
      const { device } = await findInterface(host, args.interfacename);
      await update(host, device, { ip: ipv4Change(args) });
    },
  }),
];

const ipv6param = required(text("-I", "--ipv6", "The address with the length of its prefix: 2001:db8::7/64."));

/** @throws {CommandFailed} */
function parseIpv6(written: string): { readonly ipAddress: string; readonly prefixLength: number } {
  const [, ipAddress = "", prefix = ""] = /^([^/]{2,45})\/(\d{1,3})$/.exec(written) ?? [];
  if (!isIPv6(ipAddress) || Number(prefix) > 128) throw new CommandFailed(`Invalid IPv6 address: ${written.slice(0, 64)}`);
  return { ipAddress, prefixLength: Number(prefix) };
}

/** IPv4 is said again as it is: what is left out of an address configuration, the interface has no more. */
async function changeIpv6(host: Host, name: string, written: string, operation: "add" | "remove"): Promise<void> {
  const { device, spec } = await findInterface(host, name);
  const { ipV6Config: _, ...v4 } = spec.ip ?? { dhcp: false };
  const address = parseIpv6(written);
  const isThere = ipv6AddressesOf(spec).some(({ ipAddress }) => ipAddress === address.ipAddress.toLowerCase());
  if (isThere === (operation === "add")) throw new CommandFailed(`${device} has ${isThere ? "" : "no "}address ${address.ipAddress}`);
  await update(host, device, { ip: { ...v4, ipV6Config: { ipV6Address: [{ ...address, operation }] } } });
}

const ipv6AddressesOf = ({ ip }: HostVirtualNicSpec): readonly HostIpConfigIpV6Address[] => ip?.ipV6Config?.ipV6Address ?? [];

const ipv6 = [
  command("network ip interface ipv6 get", {
    help: "Show how the host's interfaces get IPv6 addresses.",
    params: { interfacename, netstack },
    result: table(
      struct("IPv6Interface", { Name: "string", "DHCPv6 Enabled": "boolean", "Router Adv Enabled": "boolean", "DHCP DNS": "boolean" }),
    ),
    run: async (host, args) =>
      (await interfaces(host, args)).map(({ device, spec }) => ({
        Name: device,
        "DHCPv6 Enabled": spec.ip?.ipV6Config?.dhcpV6Enabled ?? false,
        "Router Adv Enabled": spec.ip?.ipV6Config?.autoConfigurationEnabled ?? false,
        "DHCP DNS": false,
      })),
  }),
  command("network ip interface ipv6 address list", {
    help: "List the IPv6 addresses of the host's interfaces.",
    result: table(struct("IPv6Address", { Interface: "string", Address: "string", Netmask: "long", Type: "string", Status: "string" })),
    run: async (host) =>
      (await interfaces(host, { interfacename: undefined, netstack: undefined })).flatMap(({ device, spec }) =>
        ipv6AddressesOf(spec).map(({ ipAddress, prefixLength, origin, dadState }) => ({
          Interface: device,
          Address: ipAddress,
          Netmask: prefixLength,
          Type: origin === "manual" ? "STATIC" : origin?.toUpperCase(),
          Status: dadState?.toUpperCase(),
        })),
      ),
  }),
  command("network ip interface ipv6 address add", {
    help: "Give an interface an IPv6 address.",
    privilege,
    params: { ...named, ipv6: ipv6param },
    result: nothing,
    run: (host, args) => changeIpv6(host, args.interfacename, args.ipv6, "add"),
  }),
  command("network ip interface ipv6 address remove", {
    help: "Take an IPv6 address from an interface.",
    privilege,
    params: { ...named, ipv6: ipv6param },
    result: nothing,
    run: (host, args) => changeIpv6(host, args.interfacename, args.ipv6, "remove"),
  }),
];

/** What esxcli calls the services that an interface may be chosen for: vim25 HostVirtualNicManagerNicType. */
const TAGS: ReadonlyMap<string, string> = new Map([
  ["Management", "management"],
  ["VMotion", "vmotion"],
  ["faultToleranceLogging", "faultToleranceLogging"],
  ["vSphereReplication", "vSphereReplication"],
  ["vSphereReplicationNFC", "vSphereReplicationNFC"],
  ["vSphereProvisioning", "vSphereProvisioning"],
  ["VSAN", "vsan"],
  ["VSANWitness", "vsanWitness"],
]);
const tagname = required(oneOf([...TAGS.keys()], "-t", "--tagname", `The service: ${[...TAGS.keys()].join(", ")}.`));
const nicTypeOf = (tag: string): string => TAGS.get(tag) ?? tag;

const tags = [
  command("network ip interface tag get", {
    help: "Show which services an interface is for.",
    params: named,
    result: one(struct("Tags", { Tags: "string[]" })),
    async run(host, args) {
      const { device } = await findInterface(host, args.interfacename);
      const { netConfig = [] } = (await host.read(NIC_MANAGER, "info")) ?? {};
      const chosen = netConfig.filter(({ selectedVnic = [] }) =>
        selectedVnic.some((key) => nameOfKey(key.replace(/^.*?\.(?=key-)/, "")) === device),
      );
      return { Tags: chosen.map(({ nicType }) => [...TAGS].find(([, type]) => type === nicType)?.[0] ?? nicType) };
    },
  }),
  command("network ip interface tag add", {
    help: "Choose an interface for a service.",
    privilege,
    params: { ...named, tagname },
    result: nothing,
    run: (host, { interfacename: device, tagname: tag }) =>
      host.call(NIC_MANAGER, "SelectVnicForNicType", { nicType: nicTypeOf(tag), device }),
  }),
  command("network ip interface tag remove", {
    help: "Choose an interface for a service no more.",
    privilege,
    params: { ...named, tagname },
    result: nothing,
    run: (host, { interfacename: device, tagname: tag }) =>
      host.call(NIC_MANAGER, "DeselectVnicForNicType", { nicType: nicTypeOf(tag), device }),
  }),
];

const route = struct("IPv4Route", { Network: "string", Netmask: "string", Gateway: "string", Interface: "string", Source: "string" });

function routesOf({ ipRouteConfig, vnic = [] }: HostNetworkInfo) {
  const gateway = ipRouteConfig?.defaultGateway;
  const out =
    gateway === undefined
      ? []
      : [{ Network: "default", Netmask: "0.0.0.0", Gateway: gateway, Interface: ipRouteConfig?.gatewayDevice, Source: "MANUAL" }];
  const connected = vnic.flatMap(({ device, spec: { ip } }) => {
    const { ipAddress, subnetMask } = ip ?? {};
    if (ipAddress === undefined || subnetMask === undefined) return [];
    return [{ Network: networkOf(ipAddress, subnetMask), Netmask: subnetMask, Gateway: "0.0.0.0", Interface: device, Source: "MANUAL" }];
  });
  return [...out, ...connected];
}

const ways = [
  command("network ip route ipv4 list", {
    help: "List the networks that the host reaches, and by which interface.",
    result: table(route),
    run: async (host) => routesOf(await readNetwork(host)),
  }),
  command("network ip dns server list", {
    help: "List the name servers that the host asks.",
    result: one(struct("DNSServer", { DNSServers: "string[]" })),
    run: async (host) => ({ DNSServers: (await readNetwork(host)).dnsConfig?.address ?? [] }),
  }),
  command("network ip dns search list", {
    help: "List the domains that the host looks for names in.",
    result: one(struct("SearchDomain", { "DNSSearch Domains": "string[]" })),
    run: async (host) => ({ "DNSSearch Domains": (await readNetwork(host)).dnsConfig?.searchDomain ?? [] }),
  }),
  command("network ip netstack list", {
    help: "List the netstacks of the host.",
    result: blocks(struct("NetStack", { Key: "string", Name: "string" }), "%Key%"),
    run: async (host) => ((await readNetwork(host)).netStackInstance ?? []).map(({ key, name }) => ({ Key: key, Name: name })),
  }),
];

export const interfaceCommands = [...interfaceDeeds, ...ipv4, ...ipv6, ...tags, ...ways];
