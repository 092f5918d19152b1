/** What of the file system a process can reach by a path: each may have a root folder of its own. Source: proc(5), /proc/pid/root. */
import { statSync } from "node:fs";

/** @param path absolute, as it stands in the process's own root folder. Needs root: the folder is entered from outside. */
export function processSees(pid: number, path: string): boolean {
  return statSync(pathSeenBy(pid, path), { throwIfNoEntry: false }) !== undefined;
}

/** A path by which we reach what a process has at `path`: its mounts may be others than ours. */
export function pathSeenBy(pid: number, path: string): string {
  return `/proc/${pid}/root${path}`;
}
