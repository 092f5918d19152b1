import { expect, test } from "vitest";
import { formatPageMap, runsOf } from "./memory-command.ts";

const MAPPING = { guestStart: 0x100000, hostStart: 0x7f0000000000, bytes: 7 * 4096, kind: "ram", region: "pc.ram" } as const;

test("pages that follow each other in the machine too are one line, and what has no machine page says why", () => {
  const runs = runsOf(MAPPING, Float64Array.of(10, 11, -1, -1, 30, -2, 12));
  expect(runs.map(({ bytes, machine }) => [bytes / 4096, machine])).toEqual([
    [2, { kind: "at", start: 10 * 4096 }],
    [2, { kind: "untouched" }],
    [1, { kind: "at", start: 30 * 4096 }],
    [1, { kind: "swapped" }],
    [1, { kind: "at", start: 12 * 4096 }],
  ]);
  expect(formatPageMap(runs).split("\n").slice(0, 3)).toEqual([
    "GUEST PHYSICAL  KIB  MONITOR VIRTUAL  MACHINE    WHAT",
    "0x100000        8    0x7f0000000000   0xa000     pc.ram",
    "0x102000        8    0x7f0000002000   untouched  pc.ram",
  ]);
});
