/**
 * What a neighbour loses while another guest floods their switch: `npm run bench -- network`. Kinds of floods in turns, the median of the
 * rounds. Where the machine has no time for whoever reads, a tap overflows without any flood: «nothing» shows how much of it that is.
 */
import { cpus, loadavg } from "node:os";
import { test } from "vitest";
import { median, print } from "./figures.ts";
import { FLOOD_KINDS, lossBeside, prepare } from "./network/floods.ts";
import { makeOwnSwitch } from "./network/own-switch.ts";

const FLOOD_MS = 1000;
const ROUNDS = 7;

test.skipIf(process.getuid?.() !== 0)("floods", { timeout: 120_000 }, async () => {
  process.stdout.write(`(the machine's load before: ${loadavg()[0]?.toFixed(1)} for ${cpus().length} processors)\n`);
  const own = await makeOwnSwitch({ ports: 3 });
  try {
    await prepare(own);
    const figures = Object.entries(FLOOD_KINDS).map(([name, kind]) => ({ name, kind, losses: [] as number[], rates: [] as number[] }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const { kind, losses, rates } of figures) {
        const { loss, floodRate } = await lossBeside(own, kind, FLOOD_MS);
        losses.push(loss);
        rates.push(floodRate);
      }
    }
    for (const { name, losses, rates } of figures) {
      const goal = name === "nothing" ? "" : ` (goal ≤ 0.1 %), ${Math.round(median(rates) / 1000)} thousand a second`;
      print(`a neighbour's loss beside a flood of ${name}${goal}`, `${(median(losses) * 100).toFixed(3)} %`);
    }
  } finally {
    await own.remove();
  }
});
