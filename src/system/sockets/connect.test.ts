import { expect, test } from "vitest";
import { connectTcp, connectUnix, isLoopback } from "./connect.ts";

test.each([
  ["127.0.0.1", true],
  ["127.255.255.254", true],
  ["0.0.0.0", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["192.0.2.1", false],
  ["2001:db8::1", false],
])("%s is loopback: %s", (address, expected) => expect(isLoopback(address)).toBe(expected));

test.each(["127.0.0.1", "localhost", "::1", "0.0.0.0", "::ffff:127.0.0.1"])("%s is not connected to", async (host) => {
  await expect(connectTcp(host, 9, 1000)).rejects.toThrow("loopback");
});

test("a socket that is not there is named", async () => {
  await expect(connectUnix("/nowhere/at/all", 1000)).rejects.toThrow("/nowhere/at/all");
});
