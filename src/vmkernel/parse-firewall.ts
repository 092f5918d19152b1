/** Reads the firewall of a virtual NIC out of JSON (untrusted: it came with a VM's configuration). Pure. */
import { isIP } from "node:net";
import type { Firewall, FirewallRule } from "./network/config.ts";
import { invalid, readInteger, readOneOf, readOptional, readOptionalFlag, readShape, readShapes, readText, type Shape } from "./shape.ts";

/** As many as are still found quickly by a compiled program: see the measurements of bench/. */
export const FIREWALL_RULES_MAX = 1000;
export const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const BYTE = { min: 0, max: 255 };
const PORT = { min: 0, max: 65_535 };
const NAMED_PROTOCOLS = ["tcp", "udp", "icmp", "icmpv6", "arp"] as const;
const ADDRESS_LENGTH_MAX = 45; // of an IPv6 address that ends with an IPv4 one
const PREFIX_BITS_MAX = { 4: 32, 6: 128 } as const;

/** @throws {Fault} InvalidArgument, which names the field */
export function parseFirewall(shape: Shape): Firewall {
  return {
    rules: readShapes(shape, "rules", FIREWALL_RULES_MAX).map(parseRule),
    otherwise: readOneOf(shape, "otherwise", ["allow", "deny"]),
  };
}

function parseRule(shape: Shape): FirewallRule {
  const protocol = readOptional(shape, "protocol", readProtocol);
  const remote = readOptional(shape, "remote", readNetwork);
  const remotePorts = readOptional(shape, "remotePorts", readPorts);
  const localPorts = readOptional(shape, "localPorts", readPorts);
  const icmpType = readOptional(shape, "icmpType", (from, name) => readInteger(from, name, BYTE));
  const remoteMac = readOptional(shape, "remoteMac", (from, name) => readText(from, name, { max: 17, pattern: MAC }));
  return {
    direction: readOneOf(shape, "direction", ["in", "out", "both"]),
    action: readOneOf(shape, "action", ["allow", "deny"]),
    ...(protocol !== undefined && { protocol }),
    ...(remote && { remote }),
    ...(remotePorts && { remotePorts }),
    ...(localPorts && { localPorts }),
    ...(icmpType !== undefined && { icmpType }),
    ...(remoteMac !== undefined && { remoteMac }),
    ...(readOptionalFlag(shape, "log") && { log: true }),
  };
}

function readProtocol(shape: Shape, name: string): NonNullable<FirewallRule["protocol"]> {
  return typeof shape.fields[name] === "number" ? readInteger(shape, name, BYTE) : readOneOf(shape, name, NAMED_PROTOCOLS);
}

function readNetwork(shape: Shape, name: string): NonNullable<FirewallRule["remote"]> {
  const network = readShape(shape, name);
  const address = readText(network, "address", { max: ADDRESS_LENGTH_MAX });
  const version = isIP(address);
  if (version !== 4 && version !== 6) throw invalid(`${network.at}.address`, "is no address");
  return { address, prefixLength: readInteger(network, "prefixLength", { min: 0, max: PREFIX_BITS_MAX[version] }) };
}

function readPorts(shape: Shape, name: string): { readonly first: number; readonly last: number } {
  const ports = readShape(shape, name);
  const first = readInteger(ports, "first", PORT);
  return { first, last: readInteger(ports, "last", { min: first, max: PORT.max }) };
}
