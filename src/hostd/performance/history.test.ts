import { expect, test } from "vitest";
import { History } from "./history.ts";

const figure = (value: number, instance = "", counterId = 1) => ({ counterId, instance, value });

test("a row that begins later, or misses a sample, says so with -1", () => {
  const history = new History();
  history.add(0, [figure(5)]);
  history.add(20, [figure(6), figure(7, "0")]);
  history.add(40, [figure(8, "0")]);
  expect(history.times).toEqual([0, 20, 40]);
  expect(history.rows.map(({ instance, values }) => [instance, values])).toEqual([
    ["", [5, 6, -1]],
    ["0", [-1, 7, 8]],
  ]);
});

test("it holds an hour and no more", () => {
  const history = new History();
  for (let index = 0; index < 500; index += 1) history.add(index, [figure(index)]);
  expect(history.times).toHaveLength(180);
  expect(history.rows[0]?.values).toHaveLength(180);
  expect(history.rows[0]?.values.at(-1)).toBe(499);
});

test("a row goes with its last figure", () => {
  const history = new History();
  history.add(0, [figure(1), figure(2, "disk")]);
  history.add(20, [figure(3)]);
  history.forgetBefore(20);
  expect(history.times).toEqual([20]);
  expect(history.rows.map(({ instance }) => instance)).toEqual([""]);
  history.forgetBefore(1000);
  expect(history.times).toEqual([]);
});

test("the latest figure is of the whole, and only while it is fresh", () => {
  const history = new History();
  expect(history.latest(1, 0)).toBeUndefined();
  history.add(100, [figure(9), figure(4, "0")]);
  expect(history.latest(1, 100)).toBe(9);
  expect(history.latest(1, 101)).toBeUndefined();
  history.add(120, [figure(4, "0")]);
  expect(history.latest(1, 100)).toBeUndefined();
});
