import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findCoreKernel } from "../core-kernel.ts";
import { REPOSITORY } from "../harness.ts";
import { StockMachine } from "../stock-machine.ts";

/**
 * Core scheduling by a kernel that has it, on a machine of two cores with two threads each: what the product's own placing of VMs makes
 * of real processes that want the threads of one core. Paper «Instruction Isolation».
 */
const DEEDS_MS = 900_000; // every processor is an emulated one
interface Deed {
  /** Of each VM: its core scheduling group, those of what it started, and the processors that it may run on. */
  readonly groups: readonly string[];
  readonly heirs: readonly (readonly string[])[];
  readonly allowed: readonly (readonly number[])[];
  /** Of two that spun on the threads of one core: in what part of the time each ran, by the kernel's count, and both did, by their own. */
  readonly ran: readonly number[];
  readonly both: number;
}
type Name = "anyVm" | "apart" | "within" | "apartForAll" | "alone" | "wholeCores" | "oneThread";

let machine: StockMachine;
let deeds: Readonly<Record<Name, Deed>> & { readonly cores: readonly (readonly number[])[]; readonly hasCoreScheduling: boolean };
beforeAll(async () => {
  machine = await StockMachine.start({ processors: 4, threads: 2, kernel: findCoreKernel() });
  const [program, product] = [join(REPOSITORY, "test/core-deeds.mjs"), join(REPOSITORY, "dist")];
  deeds = JSON.parse(await machine.run(`exec '${process.execPath}' '${program}' '${product}'`, DEEDS_MS));
}, 1_200_000);
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

/** In what part of the time both ran at once, at least: two that never do have one processor's time between them. */
const together = ({ ran }: Deed): number => ran.reduce((sum, part) => sum + part, 0) - 1;

test("the kernel shows the threads of each core, and has core scheduling", () => {
  expect(deeds.cores).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(deeds.hasCoreScheduling).toBe(true);
});

test("two VMs of whom nothing is said run on one core's threads at one time", () => {
  expect(deeds.anyVm.groups).toEqual(["0", "0"]);
  expect(together(deeds.anyVm)).toBeGreaterThan(0.5);
});

test("two VMs that share with none but themselves never do, and both get on", () => {
  const { groups, heirs, allowed, ran, both } = deeds.apart;
  expect(together(deeds.apart), `${ran}`).toBeLessThan(0.05);
  expect(new Set(groups).size).toBe(2);
  expect(groups).not.toContain("0");
  expect(heirs, "what a VM starts is of its group").toEqual(groups.map((group) => [group]));
  expect(allowed, "no processor is taken from either").toEqual([
    [0, 1, 2, 3],
    [0, 1, 2, 3],
  ]);
  expect(both).toBeLessThan(0.05); // as exactly as a bash sees when it was let
  for (const part of ran) expect(part).toBeGreaterThan(0.15);
});

test("one VM's own virtual processors share a core", () => {
  const { groups, heirs } = deeds.within;
  expect(groups).not.toContain("0");
  expect(heirs).toEqual([groups]);
  expect(together(deeds.within)).toBeGreaterThan(0.5);
});

test("with the host's mitigation each VM is a group, whatever it says itself", () => {
  const { groups } = deeds.apartForAll;
  expect(new Set(groups).size).toBe(2);
  expect(groups).not.toContain("0");
});

test("who is to share with nothing has one thread of each of its cores; without core scheduling each VM has whole cores", () => {
  expect(deeds.alone.allowed).toEqual([[0, 2]]);
  expect(deeds.wholeCores.allowed).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect(deeds.wholeCores.groups).toEqual(["0", "0"]);
});

test("where one thread of each core is used, no VM may run on another", () => {
  expect(deeds.oneThread.allowed).toEqual([
    [0, 2],
    [0, 2],
  ]);
});
