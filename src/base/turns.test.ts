import { expect, test } from "vitest";
import { defer } from "./deferred.ts";
import { Turns, TurnsByKey } from "./turns.ts";

test("no more than so many are at it, the others come first come first served, and a failure makes room too", async () => {
  const turns = new Turns(2);
  const ends = Array.from({ length: 5 }, () => defer<void>());
  const begun: number[] = [];
  const all = ends.map(({ promise }, index) =>
    turns.take(async () => {
      begun.push(index);
      await promise;
    }),
  );
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await settle();
  expect(begun).toEqual([0, 1]);
  ends[1]?.reject(new Error("failed"));
  await expect(all[1]).rejects.toThrow("failed");
  await settle();
  expect(begun).toEqual([0, 1, 2]);
  for (const { resolve } of ends) resolve();
  await Promise.allSettled(all);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  await turns.take(async () => void begun.push(5));
  expect(begun.at(-1)).toBe(5);
});

test("of one key one is at it at a time, of another as well, and a failure holds up none", async () => {
  const turns = new TurnsByKey<string>();
  const first = defer<void>();
  const begun: string[] = [];
  const failing = turns.take("a", async () => {
    begun.push("a1");
    await first.promise;
  });
  const next = turns.take("a", async () => void begun.push("a2"));
  await turns.take("b", async () => void begun.push("b"));
  expect(begun).toEqual(["a1", "b"]);
  let isIdle = false;
  const idle = turns.idle().then(() => (isIdle = true));
  first.reject(new Error("failed"));
  await expect(failing).rejects.toThrow("failed");
  expect(isIdle).toBe(false);
  await next;
  await idle;
  expect(begun).toEqual(["a1", "b", "a2"]);
});
