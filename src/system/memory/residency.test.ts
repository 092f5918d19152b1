import { expect, test } from "vitest";
import { parseResidency, residencyOf } from "./residency.ts";

const mapping = (start: string, end: string, rss: number, swap: number, referenced: number) =>
  `${start}-${end} rw-p 00000000 00:00 0 \nSize: 99 kB\nRss:  ${rss} kB\nPss: 7 kB\nReferenced: ${referenced} kB\nSwap: ${swap} kB\nSwapPss: 1 kB\n`;

test("only the mappings that hold one of the addresses count, each once", () => {
  const text =
    mapping("1000", "5000", 8, 4, 2) +
    mapping("7f0000000000", "7f0000010000", 40, 20, 10) +
    mapping("7f0000010000", "7f0000020000", 1, 1, 1);
  const kib = (residency: ReturnType<typeof parseResidency>) => Object.values(residency).map((bytes) => bytes / 1024);
  expect(kib(parseResidency(text, [0x7f0000000000, 0x7f000000c000]))).toEqual([40, 20, 10]);
  expect(kib(parseResidency(text, [0x1000, 0x7f0000010000]))).toEqual([9, 5, 3]);
  expect(kib(parseResidency(text, [0x5000]))).toEqual([0, 0, 0]);
});

test("a process that has ended has nothing to tell", async () => {
  expect(await residencyOf(2 ** 22 - 1, [0])).toBeUndefined();
});
