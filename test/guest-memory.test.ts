import { afterAll, beforeAll, expect, test } from "vitest";
import { assemble, expectedSum } from "./bare/assemble.ts";
import { TestKernel, until } from "./monitor.fixture.ts";

/**
 * A guest that reads and writes everywhere where it has no memory, and its neighbour, which adds up its own again and again. Both are
 * programs with nothing beneath them, so that no operating system keeps the first from trying. Paper «Memory Isolation».
 */
const MS = 120_000; // a busy machine
const [NEIGHBOUR, REACHER] = ["1", "2"] as const;
let kernel: TestKernel;

beforeAll(async () => {
  kernel = new TestKernel();
  await kernel.start();
  await kernel.client.request({ kind: "powerOn", machine: await kernel.makeBareGuest(NEIGHBOUR, assemble("sum")) });
  await until("the neighbour adds up", () => sums().length > 0, MS);
});
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});

const sums = (): readonly string[] => [...kernel.console(NEIGHBOUR).matchAll(/^sum (\w{8})$/gm)].map(([, sum = ""]) => sum);

test("a guest that reaches beyond its memory finds nothing there and leaves nothing there, or its monitor ends", async () => {
  await kernel.client.request({ kind: "powerOn", machine: await kernel.makeBareGuest(REACHER, assemble("reach")) });
  const told = () => /^reached .*$/m.exec(kernel.console(REACHER))?.[0];
  const died = () => kernel.events.some((event) => event.kind === "monitorEnded" && event.vm === REACHER);
  await until("it has tried", () => told() !== undefined || died(), MS);
  if (!died()) expect(told()).toBe("reached secrets 00000000 kept 00000000");
});

test("its neighbour goes on meanwhile and afterwards, and every sum is right", async () => {
  const before = sums().length;
  await until("the neighbour goes on", () => sums().length > before + 10, MS);
  expect(new Set(sums())).toEqual(new Set([expectedSum()]));
  expect(await kernel.runningVms()).toContain(NEIGHBOUR);
});
