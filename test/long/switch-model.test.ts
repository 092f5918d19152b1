import { expect, test } from "vitest";
import { RealNetwork } from "../switch-model/real-network.ts";
import { Trial } from "../switch-model/trial.ts";

/** As the trial in test/switch-model.test.ts, until chance has run out of ideas. */
const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);
const CONFIGURATIONS = 10_000;
const FRAMES_EACH = 200;

test(`in ${CONFIGURATIONS} networks the kernel and the model agree on ${CONFIGURATIONS * FRAMES_EACH} frames (seed ${SEED})`, {
  timeout: 4 * 3_600_000,
}, async () => {
  await using real = new RealNetwork();
  using trial = new Trial({ network: real.network, taps: real.taps, seed: SEED });
  const { mismatches, ...tally } = await trial.run({ first: 0, count: CONFIGURATIONS, framesEach: FRAMES_EACH });
  expect(mismatches.join("\n\n")).toBe("");
  expect(tally).toMatchObject({ configurations: CONFIGURATIONS, frames: CONFIGURATIONS * FRAMES_EACH });
});
