/** `esxcli network ip interface ipv4` and `ipv6`: the addresses of the host's own interfaces. */
import { isIPv4, isIPv6 } from "node:net";
import type { HostIpConfig, HostIpConfigIpV6Address, HostVirtualNic, HostVirtualNicSpec } from "../../../wire/index.ts";
import { CommandFailed, command, nothing, oneOf, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";
import { findInterface, findInterfaces, interfacename, named, netstack, updateInterface } from "./find-interface.ts";
import { CONFIG_NETWORK as privilege } from "./network-system.ts";

const toNumber = (address: string): number => address.split(".").reduce((number, part) => number * 256 + Number(part), 0);
const toAddress = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");

/** Pure. "192.0.2.7" in 255.255.255.0 is broadcast to by 192.0.2.255. */
export function broadcastOf(address: string, mask: string): string {
  return isIPv4(address) && isIPv4(mask) ? toAddress((toNumber(address) | ~toNumber(mask)) >>> 0) : "0.0.0.0";
}

/** Pure. */
export function networkOf(address: string, mask: string): string {
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
    run: async (host, args) => (await findInterfaces(host, args)).map(showIpv4),
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
      await updateInterface(host, device, { ip: ipv4Change(args) });
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
