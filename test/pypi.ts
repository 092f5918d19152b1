/** Clients that only PyPI has, in a virtual environment of their own. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const INSTALL_MS = 120_000;

/** @param requirements "zeep==4.3.3". @returns the interpreter in `folder` that has it, or undefined where it can't be had */
export async function installFromPypi(folder: string, ...requirements: readonly string[]): Promise<string | undefined> {
  const python = join(folder, "bin/python");
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "10", "--retries", "1", ...requirements];
  try {
    await run("python3", ["-m", "venv", folder]);
    await run(python, pip, { timeout: INSTALL_MS });
    return python;
  } catch {
    return undefined;
  }
}
