import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { holdHost, writeRunFile } from "../src/main/run-file.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { COMMAND, newRoot, PASSWORD, removeFrozen, waitFor } from "./harness.ts";

/** `bulkhead top` of a real agent, over the API: on a real terminal, and where there is none. */
const root = newRoot();
const ENVIRONMENT = { ...process.env, BULKHEAD_PASSWORD: PASSWORD, TERM: "xterm" };
let host: TestAgent;
let lock: Disposable | undefined;

beforeAll(async () => {
  host = await startAgent();
  const client = await host.connect();
  const paths = hostPaths(root);
  mkdirSync(paths.run, { recursive: true });
  lock = await holdHost(paths);
  writeRunFile(paths, {
    ...{ supervisor: { pid: process.pid, startTicks: 0 } as never, url: `https://127.0.0.1:${host.port}/sdk`, listen: "" },
    ...{ thumbprint: { sha1: "", sha256: client.thumbprint }, vmkernelPid: undefined, hostdPid: undefined },
  });
  client.close();
  await host.takeSample();
  await host.takeSample();
});
afterAll(async () => {
  lock?.[Symbol.dispose]();
  await host?.stop();
  removeFrozen(root);
});

const run = (...args: readonly string[]) => promisify(execFile)(COMMAND, ["top", "--root", root, ...args], { env: ENVIRONMENT });

/** A terminal with the command on it: what is typed, and what it shows. */
class Terminal {
  readonly process: ChildProcess;
  output = "";

  constructor(...args: readonly string[]) {
    const command = ["exec", COMMAND, "top", "--root", root, ...args].join(" ");
    this.process = spawn("script", ["-qefc", command, "/dev/null"], { env: ENVIRONMENT, stdio: ["pipe", "pipe", "inherit"] });
    this.process.stdout?.on("data", (chunk: Buffer) => (this.output += chunk));
  }

  /** The lines of what was drawn last. */
  get screen(): readonly string[] {
    const drawn = this.output.slice(this.output.lastIndexOf("\u001b[H"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal is told
    return drawn.replace(/\u001b\[[?0-9;]*[A-Za-z]/g, "").split(/\r+\n/); // the terminal itself adds a return
  }

  async shows(pattern: RegExp): Promise<void> {
    await waitFor(() => pattern.test(this.screen.join("\n")), 30_000, 20).catch((error: unknown) => {
      throw new Error(`not on the screen: ${pattern}\n${this.screen.join("\n")}`, { cause: error });
    });
  }

  async type(keys: string, pattern: RegExp): Promise<void> {
    this.process.stdin?.write(keys);
    await this.shows(pattern);
  }

  /** The process that the terminal is of, and the terminal's file. */
  get foreground(): { readonly pid: number; readonly path: string } {
    const pids = readdirSync(`/proc/${this.process.pid}/task`).flatMap((task) =>
      execFileSync("cat", [`/proc/${this.process.pid}/task/${task}/children`], { encoding: "utf8" })
        .trim()
        .split(" "),
    );
    const pid = Number(pids[0]);
    return { pid, path: readlinkSync(`/proc/${pid}/fd/0`) };
  }

  async ended(): Promise<number | null> {
    if (this.process.exitCode === null) await new Promise((resolve) => this.process.once("close", resolve));
    return this.process.exitCode;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const GIVEN_BACK = /\u001b\[\?25h\u001b\[\?1049l$/;

test("on a terminal the views follow the keys, fit the size that it has and gets, and the screen is given back", async () => {
  const terminal = new Terminal("--delay", "2");
  await terminal.shows(/^\d\d:\d\d:\d\d host1 up .* 0 VMs, .*\n[\s\S]*ID +NAME +NVCPU +%USED/); // of a terminal that says its size is 0
  expect(terminal.screen.length).toBeLessThanOrEqual(24);
  await terminal.type("m", /MEMSZ/);
  await terminal.type("d", /READS\/s/);
  await terminal.type("h", /seconds between updates/);
  await terminal.type(" s7\r", /every 7 s/);
  const { path } = terminal.foreground;
  execFileSync("stty", ["-F", path, "rows", "5", "cols", "33"]);
  await waitFor(() => terminal.screen.length <= 5 && terminal.screen.every((line) => line.length <= 33), 10_000, 20);
  terminal.process.stdin?.write("q");
  expect(await terminal.ended()).toBe(0);
  expect(terminal.output).toMatch(GIVEN_BACK);
});

test("a terminal that is ended by a signal has its screen back too", async () => {
  const terminal = new Terminal();
  await terminal.shows(/%USED/);
  process.kill(terminal.foreground.pid, "SIGTERM");
  await terminal.ended();
  expect(terminal.output).toMatch(GIVEN_BACK);
});

test("where there is no terminal, tables are printed once, without a sequence that moves a cursor", async () => {
  const { stdout } = await run();
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d host1 up /);
  expect(stdout).toMatch(/^PMEM \/MB: \d+ total: \d+ used/m);
  expect(stdout).not.toContain("\u001b");
});

test("a batch is a head and a line for each sample that is new, of as many cells", async () => {
  const batch = run("--batch", "--delay", "2", "--count", "2");
  const later = setInterval(() => void host.takeSample(), 1500);
  const { stdout } = await batch.finally(() => clearInterval(later));
  const lines = stdout.trimEnd().split("\n");
  const cells = lines.map((line) => line.split('","'));
  expect(cells).toHaveLength(3);
  expect(cells[0]?.[0]).toBe('"(PDH-CSV 4.0) (UTC)(0)');
  expect(stdout).toContain("\\\\host1\\Physical Cpu(_Total)\\% Util Time");
  expect(new Set(cells.map(({ length }) => length)).size).toBe(1);
  expect(cells[1]?.[0]).not.toBe(cells[2]?.[0]);
});

test.each([
  [["--delay", "1"], 1, /from 2 to 86400/],
  [["--user", "role-2", "--password-file", "/dev/null"], 1, /logging in as role-2/],
])("%j ends with %i and says why", async (args, code, because) => {
  await expect(run(...args)).rejects.toMatchObject({ code, stderr: expect.stringMatching(because) });
});
