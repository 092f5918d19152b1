/** 100 kills at random moments of every deed on disks, of hostd, of vmkernel and of both. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomOf } from "../../src/interfaces/index.ts";
import { DISK_DEEDS } from "../disk-deeds.fixture.ts";
import { killAmidDeeds } from "../disk-kills.fixture.ts";
import { startHost, type TestHost } from "../harness.ts";

const ROUNDS = Number(process.env.BULKHEAD_TEST_ROUNDS ?? 100);
const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);

let host: TestHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.stop());

test(`${ROUNDS} kills in every deed on disks leave each disk as it was or as it was to be (seed ${SEED})`, {
  timeout: 60 * 60_000,
}, async () => {
  const deeds = DISK_DEEDS.filter(({ name }) => new RegExp(process.env.BULKHEAD_TEST_DEEDS ?? "").test(name));
  const found = await killAmidDeeds({ host, deeds, rounds: ROUNDS, random: randomOf(SEED), report: console.info });
  expect(found.broken).toEqual([]);
  // Kills that all come too early or too late would show nothing.
  if (ROUNDS >= 50) expect(Math.min(found.old, found.new)).toBeGreaterThan(ROUNDS / 10);
});
