import { dirname } from "node:path";
import { expect, test } from "vitest";
import { REPOSITORY } from "../harness.ts";
import { StockMachine } from "../stock-machine.ts";

/** Tests that are run here too, on a machine with Debian's stock kernel: one cgroup v2 tree. */
const TESTS_MS = 900_000; // every file is compiled by an emulated processor
interface Report {
  readonly numPassedTests: number;
  readonly numTotalTests: number;
  readonly testResults: readonly { readonly name: string; readonly message: string }[];
}

async function runTests(machine: StockMachine, project: string, ...files: readonly string[]): Promise<Report> {
  const command = `'${dirname(process.execPath)}/node' node_modules/.bin/vitest run --project ${project} ${files.join(" ")}`;
  await machine.run(
    `cd '${REPOSITORY}' && ${command} --reporter json --outputFile.json /run/report.json > /run/vitest.log 2>&1 || true`,
    TESTS_MS,
  );
  return JSON.parse(await machine.run("cat /run/report.json || { cat /run/vitest.log >&2; exit 1; }"));
}

test.each([["cgroups and how processors are divided", "unit", ["src/system/cgroups", "src/vmkernel/resources"], 40]])(
  "%s: all tests pass with Debian's stock kernel, and none is left out",
  { timeout: TESTS_MS },
  async (_, project, files, least) => {
    await using machine = await StockMachine.start({ processors: 2 });
    const report = await runTests(machine, project, ...files);
    expect(report.testResults.map(({ message }) => message).filter(Boolean)).toEqual([]);
    expect(report.numTotalTests).toBeGreaterThanOrEqual(least);
    expect(report.numPassedTests).toBe(report.numTotalTests);
  },
);
