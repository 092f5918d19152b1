/** Commands that only Go's module proxy has. */
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { REPOSITORY } from "./harness.ts";

const run = promisify(execFile);
const GOVMOMI = "v0.46.0";
export const BUILD_MS = 300_000;

const commands = {
  govc: { package: "github.com/vmware/govmomi/govc", version: GOVMOMI },
  vcsim: { package: "github.com/vmware/govmomi/vcsim", version: GOVMOMI },
  // The newest that `go install` can name: from 2.0 on the module's path lacks the /v2 that Go asks for.
  "terraform-provider-vsphere": { package: "github.com/hashicorp/terraform-provider-vsphere", version: "v1.26.0" },
} as const;

/**
 * Builds a command by `go install`, once, where there is a Go.
 * @returns the command, or why there is none
 */
export async function installFromGo(name: keyof typeof commands): Promise<{ readonly path: string } | { readonly because: string }> {
  const { package: source, version } = commands[name];
  const folder = join(REPOSITORY, "node_modules/.cache", `${name}-${version}`);
  const path = join(folder, name);
  try {
    await access(path);
    return { path };
  } catch {
    // not built yet
  }
  try {
    const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
    await run("go", ["install", `${source}@${version}`], { env, timeout: BUILD_MS });
    return { path };
  } catch (error) {
    return { because: error instanceof Error ? error.message.split("\n").slice(0, 2).join(": ") : String(error) };
  }
}
