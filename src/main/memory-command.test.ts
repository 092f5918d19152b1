import { expect, test } from "vitest";
import { formatPageMap } from "./memory-command.ts";

test("a map has a line for each run, and one without machine pages says why", () => {
  const run = { guestStart: 0x100000, hostStart: 0x7f0000000000, bytes: 8192, region: "pc.ram" };
  const next = { ...run, guestStart: 0x102000, hostStart: 0x7f0000002000 };
  const runs = [
    { ...run, machine: { kind: "at", start: 0xa000 } as const },
    { ...next, machine: { kind: "untouched" } as const },
  ];
  expect(formatPageMap(runs).split("\n")).toEqual([
    "GUEST PHYSICAL  KIB  MONITOR VIRTUAL  MACHINE    WHAT",
    "0x100000        8    0x7f0000000000   0xa000     pc.ram",
    "0x102000        8    0x7f0000002000   untouched  pc.ram",
  ]);
});
