/** Whether a command works here, found by running it. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { errnoCode } from "../libc.ts";

/** What is tried takes some 20 ms; one that has not ended by then has not worked. */
const RUN_TIMEOUT_MS = 5000;

/** Runs a command that should end with 0. @returns undefined when it did, else the last line of its complaint */
export function tryCommand(argv: readonly string[]): Promise<string | undefined> {
  const [program = "", ...args] = argv;
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: RUN_TIMEOUT_MS, killSignal: "SIGKILL", cwd: "/" }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined);
      else if (errnoCode(error) === "ENOENT") resolve(`${program} is not installed`);
      else resolve(stderr.trim().split("\n").at(-1) || `${program} ended with ${error.signal ?? error.code}`);
    });
    child.stdin?.end();
  });
}

/** Those of the paths that are there. */
export function existingPaths(paths: readonly string[]): string[] {
  return paths.filter((path) => existsSync(path));
}
