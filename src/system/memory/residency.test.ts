import { expect, test } from "vitest";
import { mappingsOf } from "./mappings.ts";
import { parseResidency, type Residency, residencyOf } from "./residency.ts";

const mapping = (start: string, end: string, rss: number, swap: number, referenced: number) =>
  `${start}-${end} rw-p 00000000 00:00 0 \nSize: 99 kB\nRss:  ${rss} kB\nPss: 7 kB\nReferenced: ${referenced} kB\nSwap: ${swap} kB\nSwapPss: 1 kB\nVmFlags: rd wr\n`;

const text =
  mapping("1000", "5000", 8, 4, 2) + mapping("7f0000000000", "7f0000010000", 40, 20, 10) + mapping("7f0000010000", "7f0000020000", 1, 1, 1);
const kib = (residency: Residency | undefined) => Object.values(residency ?? {}).map((bytes) => bytes / 1024);

test("only the mappings that hold one of the addresses count, each once", () => {
  expect(kib(parseResidency([text], [0x7f0000000000, 0x7f000000c000]))).toEqual([40, 20, 10]);
  expect(kib(parseResidency([text], [0x1000, 0x7f0000010000]))).toEqual([9, 5, 3]);
  expect(kib(parseResidency([text], [0x5000]))).toEqual([0, 0, 0]);
});

test("a list of mappings may be cut anywhere, and is read no further than to the last that is asked for", () => {
  for (let length = 1; length < text.length; length += 1) {
    let isReadToItsEnd = false;
    const pieces = (function* () {
      for (let at = 0; at < text.length; at += length) yield text.slice(at, at + length);
      isReadToItsEnd = true;
    })();
    expect(kib(parseResidency(pieces, [0x7f0000000000]))).toEqual([40, 20, 10]);
    expect(isReadToItsEnd).toBe(false);
  }
});

test("what this process has of its stack is in the machine, and its lists agree", () => {
  const stack = mappingsOf(process.pid).find(({ name }) => name === "[stack]");
  const residency = residencyOf(process.pid, [stack?.start ?? 0]);
  expect(residency?.residentBytes).toBeGreaterThan(0);
  expect(residency?.touchedBytes).toBeLessThanOrEqual((stack?.end ?? 0) - (stack?.start ?? 0));
});

test("a process that has ended has nothing to tell", () => {
  expect(residencyOf(2 ** 22 - 1, [0])).toBeUndefined();
});
