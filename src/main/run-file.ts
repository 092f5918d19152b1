/**
 * What a running host says of itself in a file of root's, for `bulkhead host status`, `host stop` and `evidence`; and the lock that
 * tells whether it runs. The kernel frees the lock when the host ends, however it ends; the file is believed only while it is held.
 */
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lockdown } from "../access/index.ts";
import type { HostPaths } from "../base/index.ts";
import { isErrno, type ProcessRef, tryLock } from "../system/index.ts";

export interface RunFile {
  readonly supervisor: ProcessRef;
  readonly url: string;
  readonly listen: string;
  /** Of the certificate; unknown until hostd has been up. */
  readonly thumbprint: Thumbprint | undefined;
  /** Undefined while it is not up. */
  readonly vmkernelPid: number | undefined;
  readonly hostdPid: number | undefined;
  /** While it shuts down: when the VMs that stop in order have stopped at the latest. Undefined otherwise. */
  readonly stopsByMs?: number | undefined;
  /** As hostd said last; unknown until it has been up. */
  readonly lockdown?: Lockdown | undefined;
}

export interface Thumbprint {
  readonly sha1: string;
  readonly sha256: string;
}

const lockPath = ({ run }: HostPaths): string => join(run, "host.lock");
const filePath = ({ run }: HostPaths): string => join(run, "host.json");

const LOCK_TRIES = { max: 5, apartMs: 20 }; // whoever looks whether a host runs holds the lock for a moment

/** @returns the lock, held until it is closed; undefined when a host runs already */
export async function holdHost(paths: HostPaths): Promise<Disposable | undefined> {
  const fd = openSync(lockPath(paths), "a", 0o600);
  for (let tries = 1; tries <= LOCK_TRIES.max; tries++) {
    if (tryLock(fd, "exclusive")) return { [Symbol.dispose]: () => closeSync(fd) };
    await new Promise((resolve) => setTimeout(resolve, LOCK_TRIES.apartMs));
  }
  closeSync(fd);
  return undefined;
}

/** Whether a host runs; makes nothing. */
export function hostRuns(paths: HostPaths): boolean {
  return isLocked(lockPath(paths));
}

/** Whether the vmkernel of a host that was killed is still on its way out. */
export function vmkernelRuns({ run }: HostPaths): boolean {
  return isLocked(join(run, "vmkernel.lock"));
}

function isLocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
  try {
    return !tryLock(fd, "shared");
  } finally {
    closeSync(fd);
  }
}

/** Whole or not at all: whoever reads it meanwhile sees the old one. */
export function writeRunFile(paths: HostPaths, content: RunFile): void {
  const path = filePath(paths);
  writeFileSync(`${path}~`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${path}~`, path);
}

/** @returns undefined when no host runs, or it has not come up yet */
export function readRunFile(paths: HostPaths): RunFile | undefined {
  if (!hostRuns(paths)) return undefined;
  try {
    return JSON.parse(readFileSync(filePath(paths), "utf8")) as RunFile;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

export function removeRunFile(paths: HostPaths): void {
  rmSync(filePath(paths), { force: true });
}
