import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { repeat } from "./repeat.ts";

test("a deed that fails is told of and done again, never beside itself, and not after the end", async () => {
  const errors: unknown[] = [];
  let running = 0;
  let most = 0;
  let times = 0;
  const repeated = repeat(
    1,
    async () => {
      most = Math.max(most, ++running);
      times++;
      await setTimeout(5);
      running--;
      throw new Error("again");
    },
    (error) => errors.push(error),
  );
  while (times < 3) await setTimeout(5);
  repeated[Symbol.dispose]();
  await setTimeout(20);
  const atEnd = times;
  await setTimeout(30);
  expect([most, times === atEnd, errors.length >= 2]).toEqual([1, true, true]);
});
