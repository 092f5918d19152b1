/** Commands that only Go's module proxy has. */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "./harness.ts";

const run = promisify(execFile);
const GOVMOMI = "v0.46.0";
const BUILD_MS = 300_000;

/**
 * Builds a command of govmomi by `go install`, once, where there is a Go.
 * @returns the command, or why there is none
 */
export async function installFromGo(name: "govc" | "vcsim"): Promise<{ readonly path: string } | { readonly because: string }> {
  const folder = join(REPOSITORY, "node_modules/.cache", `${name}-${GOVMOMI}`);
  const path = join(folder, name);
  try {
    await access(path);
    return { path };
  } catch {
    // not built yet
  }
  try {
    const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
    await run("go", ["install", `github.com/vmware/govmomi/${name}@${GOVMOMI}`], { env, timeout: BUILD_MS });
    return { path };
  } catch (error) {
    return { because: error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error) };
  }
}
