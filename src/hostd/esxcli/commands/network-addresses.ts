/** `esxcli network ip interface ipv4` and `ipv6`: the addresses of the host's own interfaces. */
import { isIPv6 } from "node:net";
import type {
  HostDnsConfig,
  HostIpConfig,
  HostIpConfigIpV6Address,
  HostNetStackInstance,
  HostVirtualNic,
  HostVirtualNicSpec,
} from "../../../wire/index.ts";
import { broadcastOf, isInNetwork, prefixOfMask } from "../../network/ip-networks.ts";
import { bool, CommandFailed, command, nothing, oneOf, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";
import { findInterface, findInterfaces, interfacename, named, netstack, updateInterface } from "./find-interface.ts";
import { NETWORK_SYSTEM, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

const NO_ADDRESS = "0.0.0.0";

interface Dns {
  readonly dns: HostDnsConfig | undefined;
  readonly stacks: readonly HostNetStackInstance[];
}

const isToldTo = (dns: HostDnsConfig | undefined, device: string): boolean => dns?.dhcp === true && dns.virtualNicDevice === device;

/** The way on of its netstack, where that is in the interface's network. Pure. */
function gatewayOf({ spec }: HostVirtualNic, stacks: Dns["stacks"]): string {
  const { ipAddress: address, subnetMask } = spec.ip ?? {};
  const gateway = stacks.find(({ key }) => key === spec.netStackInstanceKey)?.ipRouteConfig?.defaultGateway;
  if (address === undefined || subnetMask === undefined || gateway === undefined) return NO_ADDRESS;
  return isInNetwork(gateway, { address, prefixLength: prefixOfMask(subnetMask) }) ? gateway : NO_ADDRESS;
}

function showIpv4(nic: HostVirtualNic, { dns, stacks }: Dns) {
  const { dhcp = false, ipAddress = NO_ADDRESS, subnetMask = NO_ADDRESS } = nic.spec.ip ?? {};
  return {
    Name: nic.device,
    "IPv4 Address": ipAddress,
    "IPv4 Netmask": subnetMask,
    "IPv4 Broadcast": broadcastOf(ipAddress, subnetMask),
    "Address Type": dhcp ? "DHCP" : ipAddress === NO_ADDRESS ? "NONE" : "STATIC",
    Gateway: gatewayOf(nic, stacks),
    "DHCP DNS": isToldTo(dns, nic.device),
  };
}

interface Ipv4Args {
  readonly ipv4: string | undefined;
  readonly netmask: string | undefined;
  readonly peerdns: boolean | undefined;
  readonly type: "dhcp" | "none" | "static";
}

function ipv4Change({ ipv4, netmask, type }: Ipv4Args): HostIpConfig {
  if (type === "dhcp") return { dhcp: true };
  if (type === "none") return { dhcp: false };
  if (ipv4 === undefined || netmask === undefined) throw new CommandFailed("A static address needs --ipv4 and --netmask.");
  return { dhcp: false, ipAddress: ipv4, subnetMask: netmask };
}

/**
 * What becomes of the name servers. Those that the host was told, it keeps when it is to be told no more. Pure.
 * @returns undefined: nothing
 * @throws {CommandFailed}
 */
export function dnsChange(dns: HostDnsConfig, device: string, { type, peerdns }: Ipv4Args): HostDnsConfig | undefined {
  if (peerdns === true && type !== "dhcp") throw new CommandFailed("Name servers are told by DHCP alone: --peer-dns needs --type dhcp.");
  const isTold = isToldTo(dns, device);
  const shallBeTold = type === "dhcp" && (peerdns ?? isTold);
  if (shallBeTold === isTold) return undefined;
  const { virtualNicDevice: _, ...others } = dns;
  return shallBeTold ? { ...others, dhcp: true, virtualNicDevice: device } : { ...others, dhcp: false };
}

/** Both or neither. */
async function setIpv4(host: Host, name: string, args: Ipv4Args): Promise<void> {
  const { device } = await findInterface(host, name);
  const { dnsConfig: dns } = await readNetwork(host);
  const dnsConfig = dns && dnsChange(dns, device, args);
  const spec = { ip: ipv4Change(args) };
  if (dnsConfig === undefined) return updateInterface(host, device, spec);
  const vnic = [{ changeOperation: "edit", device, portgroup: "", spec }];
  await host.call(NETWORK_SYSTEM, "UpdateNetworkConfig", { config: { vnic, dnsConfig }, changeMode: "modify" });
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
    async run(host, args) {
      const { dnsConfig: dns, netStackInstance: stacks = [] } = await readNetwork(host);
      return (await findInterfaces(host, args)).map((nic) => showIpv4(nic, { dns, stacks }));
    },
  }),
  command("network ip interface ipv4 set", {
    help: "Set the IPv4 address of an interface.",
    privilege,
    params: {
      ...named,
      ipv4: text("-I", "--ipv4", "The address; with type static."),
      netmask: text("-N", "--netmask", "The mask of its network; with type static."),
      peerdns: bool("-P", "--peer-dns", "Whether the host asks the name servers that this interface is told by DHCP."),
      type: required(oneOf(["dhcp", "none", "static"], "-t", "--type", "How it gets its address: dhcp, none, static.")),
    },
    result: nothing,
    run: (host, args) => setIpv4(host, args.interfacename, args),
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
  const found = ipv6AddressesOf(spec).find(({ ipAddress }) => ipAddress === address.ipAddress.toLowerCase());
  const isThere = found !== undefined;
  if (isThere === (operation === "add")) throw new CommandFailed(`${device} has ${isThere ? "" : "no "}address ${address.ipAddress}`);
  if (isThere && found.origin !== "manual") throw new CommandFailed(`${device} was told ${address.ipAddress} by a router, and keeps it`);
  await updateInterface(host, device, { ip: { ...v4, ipV6Config: { ipV6Address: [{ ...address, operation }] } } });
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
      (await findInterfaces(host, args)).map(({ device, spec }) => ({
        Name: device,
        "DHCPv6 Enabled": spec.ip?.ipV6Config?.dhcpV6Enabled ?? false,
        "Router Adv Enabled": spec.ip?.ipV6Config?.autoConfigurationEnabled ?? false,
        "DHCP DNS": false,
      })),
  }),
  command("network ip interface ipv6 set", {
    help: "Set how an interface gets IPv6 addresses that are told it.",
    privilege,
    params: {
      ...named,
      enabledhcpv6: bool("-d", "--enable-dhcpv6", "Whether it asks a DHCPv6 server. This host has no client for that."),
      enablerouteradv: bool("-r", "--enable-router-adv", "Whether it follows routers."),
    },
    result: nothing,
    async run(host, args) {
      const { device, spec } = await findInterface(host, args.interfacename);
      const { ipV6Config: _, ...v4 } = spec.ip ?? { dhcp: false };
      const ipV6Address = ipv6AddressesOf(spec).filter(({ origin }) => origin === "manual");
      const { enabledhcpv6: dhcpV6Enabled, enablerouteradv: autoConfigurationEnabled } = args;
      if (dhcpV6Enabled === undefined && autoConfigurationEnabled === undefined)
        throw new CommandFailed("One of --enable-dhcpv6 and --enable-router-adv is needed.");
      await updateInterface(host, device, { ip: { ...v4, ipV6Config: { dhcpV6Enabled, autoConfigurationEnabled, ipV6Address } } });
    },
  }),
  command("network ip interface ipv6 address list", {
    help: "List the IPv6 addresses of the host's interfaces.",
    result: table(struct("IPv6Address", { Interface: "string", Address: "string", Netmask: "long", Type: "string", Status: "string" })),
    run: async (host) =>
      (await findInterfaces(host, { interfacename: undefined, netstack: undefined })).flatMap(({ device, spec }) =>
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

export const addressCommands = [...ipv4, ...ipv6];
