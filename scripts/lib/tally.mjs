/** What came of a test run, counted from vitest's JSON report. Pure. */

/**
 * @param report as vitest's json reporter writes it
 * @param {number} exitCode vitest's own
 * @returns {{ passed: number, failed: number, skipped: number }}
 */
export function tally(report, exitCode) {
  const count = (status) =>
    report.testResults.flatMap(({ assertionResults }) => assertionResults).filter((test) => test.status === status).length;
  // A file that does not even load, or whose set-up fails, has no failed test; it failed all the same.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
  ).length;
  const passed = count("passed");
  const failed = count("failed") + brokenFiles;
  const total = report.testResults.reduce((sum, { assertionResults }) => sum + assertionResults.length, 0);
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped: total - passed - count("failed") };
}

/** @param {{ passed: number, failed: number, skipped: number }[]} tallies */
export function addUp(tallies) {
  const sum = (key) => tallies.reduce((total, one) => total + one[key], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

export function formatTally({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
