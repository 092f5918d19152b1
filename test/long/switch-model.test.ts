import { expect, test } from "vitest";
import { RealNetwork } from "../switch-model/real-network.ts";
import { Trial } from "../switch-model/trial.ts";

/** As the trial in test/switch-model.test.ts, until chance has run out of ideas. */
const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);
const FRAMES_EACH = 200;

test.each([
  [10_000, "the kernel", undefined],
  [2000, "a kernel without tcx and open loops", { hasTcx: false, hasOpenLoops: false, hasExpress: false }],
] as const)(
  `in %i networks %s and the model agree on ${FRAMES_EACH} frames each (seed ${SEED})`,
  { timeout: 4 * 3_600_000 },
  async (count, _, features) => {
    await using real = new RealNetwork(features);
    using trial = new Trial({ network: real.network, taps: real.taps, seed: SEED });
    const { mismatches, ...tally } = await trial.run({ first: 0, count, framesEach: FRAMES_EACH });
    expect(mismatches.join("\n\n")).toBe("");
    expect(tally).toMatchObject({ configurations: count, frames: count * FRAMES_EACH });
  },
);
