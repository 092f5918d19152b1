import { expect, test } from "vitest";
import type { VirtualDevice } from "../../../wire/index.ts";
import { readWire } from "./serial-wire.ts";

const network = (serviceURI: string, direction = "server", proxyURI?: string): VirtualDevice =>
  ({ key: 9000, backing: { $type: "VirtualSerialPortURIBackingInfo", serviceURI, direction, proxyURI } }) as VirtualDevice;
const pipe = (pipeName: string, endpoint = "server"): VirtualDevice =>
  ({ key: 9000, backing: { $type: "VirtualSerialPortPipeBackingInfo", pipeName, endpoint } }) as VirtualDevice;

test.each<[string, VirtualDevice, object]>([
  ["telnet://:2001", network("telnet://:2001"), { kind: "listen", host: "0.0.0.0", port: 2001, telnet: true }],
  ["tcp://192.0.2.9:65535", network("tcp://192.0.2.9:65535"), { kind: "listen", host: "192.0.2.9", port: 65_535, telnet: false }],
  ["telnet://[::]:23", network("telnet://[::]:23"), { kind: "listen", host: "::", port: 23, telnet: true }],
  [
    "a name to connect to",
    network("TCP://logs.example:4000/", "client"),
    { kind: "connect", host: "logs.example", port: 4000, telnet: false },
  ],
  ["no scheme", network("192.0.2.1:4000", "client"), { kind: "connect", host: "192.0.2.1", port: 4000, telnet: true }],
  [
    "a concentrator",
    network("any text: it is not ours to read", "server", "telnet://vspc.example:13370"),
    { kind: "proxy", host: "vspc.example", port: 13_370, direction: "server", serviceUri: "any text: it is not ours to read" },
  ],
  ["a pipe", pipe("com_1", "client"), { kind: "pipe", name: "com_1", endpoint: "client" }],
])("a port with %s leads there", (_, device, wire) => expect(readWire(device)).toEqual({ kind: "wire", wire }));

test("what clients send for an unconnected port leads nowhere", () => {
  expect(readWire(network("localhost:0", "client"))).toEqual({ kind: "nowhere" });
});

test.each([
  ["a direction that is none", network("tcp://:2001", "both"), "direction"],
  ["a port of the machine's own services", network("tcp://:22"), "1024 to 65535"],
  ["a port beyond the last", network("tcp://:65536"), "1024 to 65535"],
  ["a name to listen on", network("tcp://example.org:2001"), "an address, not on a name"],
  ["nobody to connect to", network("tcp://:2001", "client"), "names no host"],
  ["the host's loopback", network("tcp://127.0.0.1:8443", "client"), "loopback"],
  ["the host's loopback by name", network("tcp://localhost:8443", "client"), "loopback"],
  ["the host's loopback in IPv6", network("tcp://[::1]:8443", "client"), "loopback"],
  ["a concentrator on the host's loopback", network("x", "client", "telnet://127.1.2.3:8443"), "loopback"],
  ["a file", network("file:///etc/shadow", "client"), "serviceURI"],
  ["another scheme", network("http://192.0.2.1:8080", "client"), "scheme"],
  ["a user in the URI", network("tcp://a@192.0.2.1:8080", "client"), "serviceURI"],
  ["a line break in the URI", network("tcp://a:1024\n", "client"), "plain characters"],
  ["a URI without end", network("a".repeat(2000), "client", "telnet://vspc:13370"), "1024 plain"],
  ["a pipe that is a path", pipe("/tmp/x"), "no path"],
  ["a pipe that leads up", pipe("../x"), "no path"],
  ["a pipe that is hidden", pipe(".x"), "no path"],
  ["a pipe without a name", pipe(""), "no path"],
  ["a pipe with a third end", pipe("x", "middle"), "endpoint"],
])("a port with %s is invalid, and it is said why", (_, device, because) => {
  expect(readWire(device)).toEqual({ kind: "invalid", because: expect.stringContaining(because) });
});

test.each(["telnets://:2001", "ssl://:2001", "tcp+ssl://:2001"])("%s is not offered, by name", (uri) => {
  expect(readWire(network(uri))).toMatchObject({ kind: "notSupported", because: expect.stringContaining("encrypted") });
});
