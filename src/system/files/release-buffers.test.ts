import { expect, test } from "vitest";
import { releaseBuffers } from "./release-buffers.ts";

const MIB = 1024 * 1024;

test("the memory of buffers is free when they have been released, and not when the garbage collector comes", () => {
  const before = process.memoryUsage().arrayBuffers;
  const buffers = Array.from({ length: 64 }, () => Buffer.alloc(MIB, 1));
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(60 * MIB);
  releaseBuffers(buffers);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB);
  expect(buffers.every(({ length }) => length === 0)).toBe(true);
});

test("what shares its memory with others is left alone", () => {
  const whole = Buffer.from(new ArrayBuffer(100)).fill(7);
  const pooled = Buffer.from("of Node's own pool");
  releaseBuffers([whole.subarray(10, 20), pooled]);
  expect([whole.length, whole[15], pooled.toString()]).toEqual([100, 7, "of Node's own pool"]);
});

test("the same buffer twice, and none at all, are no mistake", () => {
  const one = Buffer.alloc(10);
  releaseBuffers([one, one]);
  releaseBuffers([]);
  expect(one.length).toBe(0);
});
