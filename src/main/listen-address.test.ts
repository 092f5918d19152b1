import { expect, test } from "vitest";
import { formatListenAddress, parseListenAddress, urlOf } from "./listen-address.ts";

test.each([
  ["127.0.0.1:8443", "127.0.0.1", 8443],
  ["0.0.0.0:1", "0.0.0.0", 1],
  ["[::1]:8443", "::1", 8443],
  ["[fe80::1]:65535", "fe80::1", 65535],
])("%s is an address to listen on, and is written back so", (text, host, port) => {
  expect(parseListenAddress(text)).toEqual({ host, port });
  expect(formatListenAddress({ host, port })).toBe(text);
});

test.each([
  ["nothing", ""],
  ["a port alone", "8443"],
  ["an empty address", ":8443"],
  ["no port", "127.0.0.1"],
  ["an empty port", "127.0.0.1:"],
  ["port 0", "127.0.0.1:0"],
  ["a port that is too high", "127.0.0.1:65536"],
  ["a port in words", "127.0.0.1:https"],
  ["a negative port", "127.0.0.1:-1"],
  ["IPv6 without brackets", "::1:8443"],
  ["IPv4 in brackets", "[127.0.0.1]:8443"],
  ["a zone", "[fe80::1%eth0]:8443"],
  ["a name", "localhost:8443"],
  ["an octet over 255", "127.0.0.256:8443"],
  ["what follows the port", "127.0.0.1:8443/sdk"],
  ["white space", " 127.0.0.1:8443"],
])("%s is refused", (_, text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});

test.each([
  ["127.0.0.1", [], "https://127.0.0.1:8443"],
  ["::1", ["192.0.2.7"], "https://[::1]:8443"],
  ["0.0.0.0", ["192.0.2.7", "10.0.0.1"], "https://192.0.2.7:8443"],
  ["::", ["2001:db8::7"], "https://[2001:db8::7]:8443"],
  ["0.0.0.0", [], "https://127.0.0.1:8443"],
])("a host that listens on %s, on a machine at %j, is found at %s", (host, addresses, url) => {
  expect(urlOf({ host, port: 8443 }, addresses)).toBe(url);
});
