import { describe, expect, test } from "vitest";
import { mappingsOf } from "../../system/index.ts";
import type { MemoryMapping } from "../rpc.ts";
import { readPageRuns, runsOf } from "./page-map.ts";

const PAGES = 200;
const MAPPING = { guestStart: 0x100000, hostStart: 0x7f0000000000, bytes: 7 * 4096, kind: "ram", region: "pc.ram" } as const;

test("pages that follow each other in the machine too are one run, and what has no machine page says why", () => {
  const runs = runsOf(MAPPING, Float64Array.of(10, 11, -1, -1, 30, -2, 12));
  expect(runs.map(({ bytes, machine }) => [bytes / 4096, machine])).toEqual([
    [2, { kind: "at", start: 10 * 4096 }],
    [2, { kind: "untouched" }],
    [1, { kind: "at", start: 30 * 4096 }],
    [1, { kind: "swapped" }],
    [1, { kind: "at", start: 12 * 4096 }],
  ]);
});

describe("of this process, as if the beginning of its heap were a guest's memory", () => {
  const [heap] = mappingsOf(process.pid).filter(({ name, end, start }) => name === "[heap]" && end - start > PAGES * 4096);
  const bytes = PAGES * 4096;
  const mapping: MemoryMapping = { guestStart: 0, hostStart: heap?.start ?? 0, bytes, kind: "ram", region: "pc.ram" };
  const whole = { fromByte: 0, runsMax: PAGES };

  test("the runs follow each other without a gap, and some are in the machine", async () => {
    const runs = await readPageRuns(process.pid, [mapping], whole);
    expect(runs.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(mapping.bytes);
    for (const [index, run] of runs.entries()) expect(run.guestStart).toBe(index === 0 ? 0 : end(runs[index - 1]));
    expect(runs.some(({ machine }) => machine.kind === "at" && machine.start > 0)).toBe(true);
  });

  test("asked for in parts, each from the end of the one before, it is the same map", async () => {
    const pagesOf = (runs: Awaited<ReturnType<typeof readPageRuns>>) => runs.reduce((sum, { bytes }) => sum + bytes, 0);
    let from = 0;
    for (let asked = 0; from < mapping.bytes && asked < PAGES; asked += 1) {
      const part = await readPageRuns(process.pid, [mapping], { fromByte: from, runsMax: 3 });
      expect(part.length).toBeLessThanOrEqual(3);
      expect(part[0]?.guestStart).toBe(from);
      from += pagesOf(part);
    }
    expect(from).toBe(mapping.bytes);
  });

  const end = (run: { guestStart: number; bytes: number } | undefined): number => (run?.guestStart ?? 0) + (run?.bytes ?? 0);
});
