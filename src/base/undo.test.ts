import { expect, test } from "vitest";
import { Undo } from "./undo.ts";

test("steps are taken back in reverse, also past one that fails", async () => {
  const log: string[] = [];
  const undo = new Undo();
  undo.add(() => void log.push("first"));
  undo.add(() => {
    throw new Error("second failed");
  });
  undo.add(async () => void log.push("third"));
  await expect(undo.run()).rejects.toThrow("second failed");
  expect(log).toEqual(["third", "first"]);
});

test("a released undo takes nothing back", async () => {
  const log: string[] = [];
  {
    await using undo = new Undo();
    undo.add(() => void log.push("taken back"));
    undo.release();
  }
  expect(log).toEqual([]);
});
