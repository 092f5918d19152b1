import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStartArguments } from "./lib/arguments.mjs";
import { judgeSystem, requireFreePort, requireSpace } from "./lib/machine.mjs";
import { BENCH_PACKAGES, HOST_PACKAGES, missingPackages, TEST_PACKAGES } from "./lib/packages.mjs";
import { addUp, formatTally, tally } from "./lib/tally.mjs";

test("a package that is configured is there; one that was removed, or is only unpacked, is missing", () => {
  const status = "ovmf installed\nbubblewrap config-files\nmtools half-installed\nqemu-system-x86-extra installed\n";
  expect(missingPackages(["ovmf", "bubblewrap", "mtools", "qemu-system-x86"], status)).toEqual(["bubblewrap", "mtools", "qemu-system-x86"]);
});

test("every package has its reason", () => {
  for (const [name, reason] of Object.entries({ ...HOST_PACKAGES, ...TEST_PACKAGES, ...BENCH_PACKAGES })) {
    expect(name).toMatch(/^[a-z0-9][a-z0-9+.-]+$/);
    expect(reason.length).toBeGreaterThan(5);
  }
});

test.each([
  ["Debian 12", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n', "x64", undefined],
  ["Debian testing, which has no number", 'PRETTY_NAME="Debian GNU/Linux trixie/sid"\nID=debian\n', "x64", undefined],
  ["Debian 11", 'PRETTY_NAME="Debian GNU/Linux 11"\nID=debian\nVERSION_ID="11"\n', "x64", /Debian 12 or newer.*Debian GNU\/Linux 11/],
  ["another system", 'PRETTY_NAME="Fedora Linux 41"\nID=fedora\nVERSION_ID=41\n', "x64", /this is Fedora Linux 41/],
  ["one that is like Debian", 'PRETTY_NAME="Ubuntu 24.04"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "x64", /this is Ubuntu/],
  ["no os-release", "", "x64", /without \/etc\/os-release/],
  ["Debian on ARM", 'ID=debian\nVERSION_ID="12"\n', "arm64", /this machine is arm64/],
])("whether it runs on %s is said in a line", (_, osRelease, arch, expected) => {
  const problem = judgeSystem(osRelease, arch);
  if (expected === undefined) expect(problem).toBeUndefined();
  else expect(problem).toMatch(expected);
});

test("what npm start is given is read before anything is built", () => {
  expect(readStartArguments([])).toMatchObject({ kind: "start", root: "/", listen: { host: "127.0.0.1", port: 8443 } });
  const args = ["--root", "/srv/a", "--listen", "[::1]:9443", "--degraded"];
  expect(readStartArguments(args)).toEqual({ kind: "start", root: "/srv/a", listen: { host: "::1", port: 9443 }, rest: args });
  expect(readStartArguments(["--help"])).toEqual({ kind: "help" });
});

test.each([
  ["an address without a port", ["--listen", "127.0.0.1"]],
  ["a port that is too high", ["--listen", "127.0.0.1:70000"]],
  ["a name", ["--listen", "localhost:8443"]],
  ["an option that there is not", ["--rot", "/srv"]],
  ["an option without its value", ["--root"]],
  ["what is no option", ["/srv"]],
])("%s is refused in a line", (_, args) => {
  expect(() => readStartArguments(args)).toThrow(/^[^\n]+$/);
});

test("a port that is taken is named, and how to choose another", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await expect(requireFreePort({ host: "127.0.0.1", port })).rejects.toThrow(new RegExp(`127.0.0.1:${port} is taken.*--listen`));
  await new Promise((resolve) => server.close(resolve));
  await expect(requireFreePort({ host: "127.0.0.1", port })).resolves.toBeUndefined();
});

test("too little space is named with what is needed", () => {
  expect(() => requireSpace([{ path: "/not/there/yet", mib: 1e12 }])).toThrow(/MiB free on the file system of \/, and 1000000000000 MiB/);
  expect(() => requireSpace([{ path: "/", mib: 1 }])).not.toThrow();
});

const ran = (...statuses: string[]) => ({
  status: statuses.includes("failed") ? "failed" : "passed",
  assertionResults: statuses.map((status) => ({ status })),
});

test.each([
  [
    "tests are counted by what came of them",
    [ran("passed", "failed"), ran("skipped", "todo", "passed")],
    1,
    "2 passed, 1 failed, 2 skipped",
  ],
  [
    "a file that does not load counts as failed",
    [ran("passed"), { status: "failed", assertionResults: [] }],
    1,
    "1 passed, 1 failed, 0 skipped",
  ],
  [
    "a file whose set-up fails counts as failed",
    [{ status: "failed", assertionResults: [{ status: "skipped" }] }],
    1,
    "0 passed, 1 failed, 1 skipped",
  ],
  ["an error outside every test counts as failed", [ran("passed")], 1, "1 passed, 1 failed, 0 skipped"],
  ["all is well", [ran("passed")], 0, "1 passed, 0 failed, 0 skipped"],
])("%s", (_, testResults, exitCode, expected) => {
  expect(formatTally(addUp([tally({ testResults }, exitCode)]))).toBe(expected);
});

test("npm start refuses bad options with one line and exit code 1, and leaves nothing", () => {
  const script = join(import.meta.dirname, "start.mjs");
  const run = () => execFileSync(process.execPath, [script, "--listen", "nowhere"], { encoding: "utf8", stdio: "pipe" });
  expect(run).toThrow(
    expect.objectContaining({ status: 1, stdout: "", stderr: expect.stringMatching(/^bulkhead: --listen nowhere: [^\n]+\n$/) }),
  );
});
