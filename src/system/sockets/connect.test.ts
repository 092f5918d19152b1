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
  await expect(connectTcp(host, 9, 1000, { mayConnect: () => true })).rejects.toThrow("loopback");
});

test("an address that the rules keep from being connected to is not, and which it was is said", async () => {
  const asked: string[] = [];
  const mayConnect = (address: string) => asked.push(address) === 0;
  await expect(connectTcp("192.0.2.1", 9, 1000, { mayConnect })).rejects.toThrow("192.0.2.1:9: no enabled rule set");
  expect(asked).toEqual(["192.0.2.1"]);
});

test("a socket that is not there is named", async () => {
  await expect(connectUnix("/nowhere/at/all", 1000)).rejects.toThrow("/nowhere/at/all");
});
