/**
 * `npm test`: sets the machine up, then checks the style, the types, and everything that there are tests for, real guests included.
 * Without root it checks what it can, and says what it left out. The last line of its output counts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRoot, requireDebian, requireNode } from "./lib/machine.mjs";
import { HOST_PACKAGES, TEST_PACKAGES } from "./lib/packages.mjs";
import { Problem, runScript } from "./lib/problem.mjs";
import { runShown, say } from "./lib/progress.mjs";
import { prepareUser, setUp } from "./lib/set-up.mjs";
import { addUp, formatTally, tally } from "./lib/tally.mjs";

const USAGE = `npm test [-- --long]: sets the machine up and tests everything; as root with real guests.

  --long   also the tests that take longer than minutes (test/long)`;

await runScript(async () => {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--long");
  if (unknown !== undefined) throw new Problem(`npm test does not know ${unknown}; npm test -- --help tells what there is`);
  requireNode();
  if (isRoot()) {
    requireDebian();
    await setUp({ packages: Object.keys({ ...HOST_PACKAGES, ...TEST_PACKAGES }), build: ["-b"] });
    prepareUser();
  } else {
    await setUp({ packages: [], build: ["-b"] });
  }
  const total = addUp([
    await check("style", ["node_modules/.bin/biome", "check", "."]),
    await check("types of tests and benchmarks", ["node_modules/.bin/tsc", "-p", "test"]),
    await runTests({ isLong: args.includes("--long") }),
  ]);
  if (!isRoot()) say("left out: test/, whole hosts with real guests; it starts confined processes, so it needs root");
  if (!args.includes("--long") && existsSync("test/long")) say("left out: test/long; npm test -- --long runs it too");
  console.log(formatTally(total));
  return total.failed === 0 ? 0 : 1;
});

async function check(what, command) {
  say(`checking the ${what}`);
  const failed = (await runShown(command)) === 0 ? 0 : 1;
  return { passed: 1 - failed, failed, skipped: 0 };
}

async function runTests({ isLong }) {
  say("testing");
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-report-"));
  const report = join(folder, "report.json");
  const projects = isRoot() ? ["--project", "unit", "--project", "host"] : ["--project", "unit"];
  const reporters = ["--reporter", "default", "--reporter", "json", "--outputFile.json", report];
  const left = isLong ? [] : ["--exclude", "test/long/**"];
  try {
    const exitCode = await runShown(["node_modules/.bin/vitest", "run", ...projects, ...reporters, ...left]);
    return tally(JSON.parse(readFileSync(report, "utf8")), exitCode);
  } catch (cause) {
    throw new Problem(`vitest left no report: ${cause.message}`, { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
