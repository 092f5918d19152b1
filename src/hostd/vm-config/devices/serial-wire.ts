/**
 * Serial ports that lead to a network or to a named pipe: what a backing asks for, as the monitor's host understands it. Pure.
 * Source: vim25 VirtualSerialPortURIBackingInfo and VirtualSerialPortPipeBackingInfo.
 */
import { isIP } from "node:net";
import type { SerialWire } from "../../../vmkernel/index.ts";
import type { VirtualDevice } from "../../../wire/index.ts";
import { backingOf } from "./family.ts";

/** A wire, "nowhere" for a port that is configured to be unconnected, or why there is none. */
export type WireReading =
  | { readonly kind: "wire"; readonly wire: SerialWire }
  | { readonly kind: "nowhere" }
  | { readonly kind: "invalid"; readonly because: string }
  /** ESXi has it; this host does not. */
  | { readonly kind: "notSupported"; readonly because: string };

const URI_LENGTH_MAX = 1024;
/** As vSphere's firewall has them for serial ports: not those of the machine's own services. */
const PORTS = { telnet: 23, min: 1024, max: 65_535 };
const PIPE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;
const PLAIN_TEXT = /^[\x20-\x7e]*$/;
const EVERY_ADDRESS = "0.0.0.0";

/** @returns undefined for a port without such a backing */
export function readWire(device: VirtualDevice): WireReading | undefined {
  const pipe = backingOf(device, "VirtualSerialPortPipeBackingInfo");
  if (pipe !== undefined) return readPipe(pipe.pipeName, pipe.endpoint);
  const network = backingOf(device, "VirtualSerialPortURIBackingInfo");
  return network === undefined ? undefined : readNetwork(network);
}

function readPipe(name: string, endpoint: string): WireReading {
  if (!isSide(endpoint)) return invalid(`endpoint is "server" or "client", not ${JSON.stringify(endpoint)}`);
  if (!PIPE_NAME.test(name)) {
    return invalid(
      `a pipe's name has up to 64 letters, digits, dots, dashes and underscores, and is no path: ${JSON.stringify(name.slice(0, 80))}`,
    );
  }
  return { kind: "wire", wire: { kind: "pipe", name, endpoint } };
}

interface NetworkBacking {
  readonly serviceURI: string;
  readonly direction: string;
  readonly proxyURI?: string | undefined;
}

function readNetwork({ serviceURI, direction, proxyURI = "" }: NetworkBacking): WireReading {
  if (!isSide(direction)) return invalid(`direction is "server" or "client", not ${JSON.stringify(direction)}`);
  for (const uri of [serviceURI, proxyURI]) {
    if (uri.length > URI_LENGTH_MAX || !PLAIN_TEXT.test(uri)) return invalid(`a URI has at most ${URI_LENGTH_MAX} plain characters`);
  }
  if (proxyURI !== "") return readProxy(serviceURI, direction, proxyURI);
  const found = readUri(serviceURI, "serviceURI");
  if ("kind" in found) return found;
  const { host, port, scheme } = found;
  if (port === 0) return { kind: "nowhere" }; // how clients say that a port is not connected: "localhost:0"
  if (!isPort(port)) return invalid(`serviceURI ${serviceURI}: the port is ${PORTS.telnet} or ${PORTS.min} to ${PORTS.max}`);
  const telnet = scheme !== "tcp";
  if (direction === "client") return readDestination(host, serviceURI) ?? { kind: "wire", wire: { kind: "connect", host, port, telnet } };
  const address = host === "" ? EVERY_ADDRESS : host;
  if (isIP(address) === 0) return invalid(`serviceURI ${serviceURI}: a server listens on an address, not on a name`);
  return { kind: "wire", wire: { kind: "listen", host: address, port, telnet } };
}

/** The service is the concentrator's to understand. */
function readProxy(serviceUri: string, direction: "server" | "client", proxyURI: string): WireReading {
  const found = readUri(proxyURI, "proxyURI");
  if ("kind" in found) return found;
  const { host, port } = found;
  if (!isPort(port)) return invalid(`proxyURI ${proxyURI}: the port is ${PORTS.telnet} or ${PORTS.min} to ${PORTS.max}`);
  return readDestination(host, proxyURI) ?? { kind: "wire", wire: { kind: "proxy", host, port, direction, serviceUri } };
}

/** What listens on the machine's loopback trusts whoever reaches it: a guest must not. */
function readDestination(host: string, uri: string): WireReading | undefined {
  if (host === "") return invalid(`${uri} names no host to connect to`);
  const isOwn = /^(localhost|127\.|0\.)|^(::1?)$/i.test(host);
  return isOwn ? invalid(`${uri} leads to the host's own loopback, where no guest may connect`) : undefined;
}

interface Uri {
  readonly scheme: "tcp" | "telnet" | "";
  readonly host: string;
  readonly port: number;
}

/** `telnet://host:port`, `tcp://[address]:port`, `host:port`. */
function readUri(text: string, property: string): Uri | WireReading {
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]{0,253}):(\d{1,5})\/?$/i.exec(text);
  if (match === null) return invalid(`${property} is no telnet://HOST:PORT or tcp://HOST:PORT: ${JSON.stringify(text.slice(0, 80))}`);
  const [, scheme = "", host = "", port = ""] = match;
  const known = scheme.toLowerCase();
  if (known === "telnets" || known === "ssl" || known === "tcp+ssl") {
    return { kind: "notSupported", because: `${property} ${text}: encrypted serial ports (${known}) are not offered; use telnet or tcp` };
  }
  if (known !== "tcp" && known !== "telnet" && known !== "") return invalid(`${property} ${text}: the scheme is telnet or tcp`);
  return { scheme: known, host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

const isSide = (text: string): text is "server" | "client" => text === "server" || text === "client";
const isPort = (port: number): boolean => port === PORTS.telnet || (port >= PORTS.min && port <= PORTS.max);
const invalid = (because: string): WireReading => ({ kind: "invalid", because });
