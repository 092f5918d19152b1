/** What every deed on a cgroup begins and ends with: its name is one, and its files take what is written to them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import type { Setting } from "./hierarchies.ts";

/** "bulkhead-<host id>/vm-<id>": one or more such parts, so that a name never leads out of the tree. */
const CGROUP_NAME = /^[a-z][a-z0-9-]{0,63}(\/[a-z0-9][a-z0-9-]{0,63})*$/;

export function checkName(name: string): string {
  if (!CGROUP_NAME.test(name)) throw new SystemError(`${JSON.stringify(name)} is no name for a cgroup`);
  return name;
}

/** @throws {SystemError} naming the file that does not take it */
export async function writeSettings(folder: string, settings: readonly Setting[]): Promise<void> {
  for (const { file, value, optional } of settings) {
    const path = join(folder, file);
    await writeFile(path, value, { flag: "r+" }).catch((cause) => {
      if (optional !== true || errnoCode(cause) !== "ENOENT") throw new SystemError(`writing ${value} to ${path}`, { cause });
    });
  }
}
