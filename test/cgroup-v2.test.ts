import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "./harness.ts";
import { StockMachine } from "./stock-machine.ts";

/**
 * Cgroups on a machine whose one hierarchy is v2, as Debian's own kernel has it: the same code that writes v1 elsewhere, and what the
 * kernel then does to real processes. Paper «Resource Provisioning, Shares, and Limits».
 */
interface Deeds {
  readonly trees: readonly { readonly kind: string; readonly controllers: readonly string[] }[];
  readonly memory: object;
  readonly processes: readonly number[];
  readonly shares: readonly number[];
  readonly limited: readonly number[];
  readonly left: readonly string[];
}

let machine: StockMachine;
let deeds: Deeds;
beforeAll(async () => {
  machine = await StockMachine.start();
  const [program, product] = [join(REPOSITORY, "test/cgroup-deeds.mjs"), join(REPOSITORY, "dist")];
  deeds = JSON.parse(await machine.run(`exec '${process.execPath}' '${program}' '${product}'`));
}, 600_000);
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

test("there is one tree, of version 2, with every controller that it can have", () => {
  expect(deeds.trees).toEqual([{ kind: "v2", root: "/sys/fs/cgroup", controllers: ["memory", "pids", "cpu"] }]);
});

test("one that takes more memory than it may is ended whole, and its neighbour goes on", () => {
  expect(deeds.memory).toEqual({ howItEnded: "SIGKILL", leftOfIt: 0, kills: 1, neighbours: 1, swapMax: "0" });
});

test("one that starts processes without end has as many as it may, and more when it may have more", () => {
  expect(deeds.processes).toEqual([8, 12]);
});

test("three that want one processor divide it by their shares, within 5 %", () => {
  for (const [index, part] of [1 / 7, 2 / 7, 4 / 7].entries()) {
    expect(Math.abs((deeds.shares[index] ?? 0) / part - 1), `${deeds.shares}`).toBeLessThan(0.05);
  }
});

test("one under a limit has that and no more, although it wants as much as the other one, which has the rest", () => {
  const [limited = 0, other = 0] = deeds.limited;
  expect(limited, `${deeds.limited}`).toBeLessThan(0.25); // without a limit it has half
  expect(limited, `${deeds.limited}`).toBeGreaterThan(0.15); // what it could not use in one period, it does not get in the next
  expect(other, `${deeds.limited}`).toBeGreaterThan(0.64);
});

test("nothing of it is left", () => {
  expect(deeds.left).toEqual([]);
});
