import { expect, test } from "vitest";
import { type CarriedConnection, encodeConnections, parseConnections, readConnection, writeConnection } from "./carried-connections.ts";

const SECOND = 1_000_000_000n;
const connection = (flow: number, remaining: bigint, timeout = 90n * SECOND): CarriedConnection => ({
  flow: Buffer.alloc(40, flow),
  remainingNs: remaining,
  timeoutNs: timeout,
});

test("a connection is carried from a map to another with what is left of its time", () => {
  const value = writeConnection(connection(1, 50n * SECOND), 1000n * SECOND);
  const read = readConnection(Buffer.alloc(40, 1), value, 1010n * SECOND);
  expect(read).toEqual(connection(1, 40n * SECOND));
  expect(parseConnections(encodeConnections([connection(1, 40n * SECOND)]), 15_000)).toEqual([connection(1, 25n * SECOND)]);
  expect(readConnection(Buffer.alloc(40, 1), value, 1050n * SECOND)).toBeUndefined();
});

test.each<[string, readonly CarriedConnection[], number]>([
  ["is over by now", [connection(1, SECOND)], 1000],
  ["would last longer than it lasts from a packet on", [connection(1, 91n * SECOND)], 0],
  ["would last longer than any", [connection(1, SECOND, 13n * 3600n * SECOND)], 0],
  ["lasts no time", [connection(1, 0n, 0n)], 0],
])("a connection that %s is not there", (_, connections, elapsedMs) => {
  expect(parseConnections(encodeConnections(connections), elapsedMs)).toEqual([]);
});

test("a clock that went back makes none last longer, and half a connection is none", () => {
  const bytes = encodeConnections([connection(1, SECOND), connection(2, SECOND)]);
  expect(parseConnections(bytes, -60_000)).toHaveLength(2);
  expect(parseConnections(bytes, -60_000)[0]?.remainingNs).toBe(SECOND);
  expect(parseConnections(bytes.subarray(0, bytes.length - 1), 0)).toHaveLength(1);
});

test("there are no more than a port remembers", () => {
  const many = encodeConnections(Array.from({ length: 16_385 }, () => connection(1, SECOND)));
  expect(parseConnections(many, 0)).toHaveLength(16_384);
});
