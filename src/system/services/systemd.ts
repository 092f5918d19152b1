/** Units of the machine's systemd, where it has one. Source: systemctl(1), sd_booted(3). */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { parseUnits, type UnitState } from "./parse-units.ts";

const SYSTEMCTL = "/usr/bin/systemctl";
/** systemd itself gives a unit 90 s to start or stop. */
const DEED_TIMEOUT_MS = 120_000;
const LOOK_TIMEOUT_MS = 10_000;

/** Whether the machine was started by systemd. */
export function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

/** @returns one for each name, in their order */
export async function readUnits(names: readonly string[]): Promise<readonly UnitState[]> {
  return parseUnits(await systemctl(["show", "--property=Id,LoadState,ActiveState", "--", ...names], LOOK_TIMEOUT_MS), names);
}

/** Returns when it has started. @throws {SystemError} with what systemctl complains of */
export async function startUnit(name: string): Promise<void> {
  await systemctl(["start", "--", name], DEED_TIMEOUT_MS);
}

/** Returns when it has stopped. @throws {SystemError} */
export async function stopUnit(name: string): Promise<void> {
  await systemctl(["stop", "--", name], DEED_TIMEOUT_MS);
}

function systemctl(args: readonly string[], timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(SYSTEMCTL, ["--no-pager", "--no-ask-password", ...args], { timeout, cwd: "/" }, (cause, stdout, stderr) => {
      if (cause === null) resolve(stdout);
      else reject(new SystemError(`systemctl ${args.join(" ")}: ${stderr.trim().split("\n")[0] || cause.message}`, { cause }));
    });
  });
}
