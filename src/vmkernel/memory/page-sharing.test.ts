import { expect, test } from "vitest";
import { planKsm } from "./page-sharing.ts";

test.each([
  ["nobody shares", { sharing: 0, pagesPerSecond: 1024 }, { state: "stopped", pagesPerSecond: 0 }],
  ["two share", { sharing: 2, pagesPerSecond: 1024 }, { state: "scanning", pagesPerSecond: 2048 }],
  ["two share and sharing is switched off", { sharing: 2, pagesPerSecond: 0 }, { state: "unmerged", pagesPerSecond: 0 }],
])("while %s", (_, facts, expected) => {
  expect(planKsm(facts)).toEqual(expected);
});
