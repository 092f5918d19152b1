/** `npm run bench`: the host beside its peers, in one run, as ratios. `npm run bench -- network`: only the files with that in their names. */
import { requireDebian, requireNode, requireRoot } from "./lib/machine.mjs";
import { BENCH_PACKAGES, HOST_PACKAGES, TEST_PACKAGES } from "./lib/packages.mjs";
import { runScript } from "./lib/problem.mjs";
import { runShown } from "./lib/progress.mjs";
import { prepareUser, setUp } from "./lib/set-up.mjs";

await runScript(async () => {
  requireNode();
  requireDebian();
  requireRoot("npm run bench");
  await setUp({ packages: Object.keys({ ...HOST_PACKAGES, ...TEST_PACKAGES, ...BENCH_PACKAGES }), build: ["-b"] });
  prepareUser();
  return runShown(["node_modules/.bin/vitest", "run", "--project", "bench", ...process.argv.slice(2)]);
});
