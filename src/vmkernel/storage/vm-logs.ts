/**
 * The log of a VM, in the VM's own folder: vmware.log, and what it was called before: vmware-1.log, vmware-2.log …, the highest the
 * newest. Source: ESXi's VM files; storage.md §VM files (log.keepOld, log.rotateSize).
 */
import { type DatastorePath, inFolder } from "../../base/index.ts";
import { createFileBeneath, isErrno, namesIn, openFolderBeneath, removeBeneath, renameInFolder } from "../../system/index.ts";
import type { FileAttachment } from "../attachments.ts";
import type { DiskSource } from "./descriptor-file.ts";
import { handOn, lockOrRefuse } from "./open-locked.ts";

export const VM_LOG = "vmware.log";

/** With the next one the numbers begin anew: nobody's log is called so, unless somebody meant to exhaust them. */
const NUMBER_MAX = 999_999;

export interface LogRotation {
  /** What the newest is called from now on; undefined when there is none, or none is kept. */
  readonly renameTo: string | undefined;
  readonly remove: readonly string[];
}

/** Which of the logs in a folder make room for a new one. Pure. @param keepOld how many old ones there may be afterwards */
export function planLogRotation(names: readonly string[], keepOld: number): LogRotation {
  const old = names.flatMap((name) => {
    const number = /^vmware-([1-9]\d{0,5})\.log$/.exec(name)?.[1];
    return number === undefined ? [] : [{ name, number: Number(number) }];
  });
  old.sort((a, b) => a.number - b.number);
  if (!names.includes(VM_LOG))
    return { renameTo: undefined, remove: old.slice(0, Math.max(0, old.length - keepOld)).map(({ name }) => name) };
  if (keepOld === 0) return { renameTo: undefined, remove: [...old.map(({ name }) => name), VM_LOG] };
  const highest = old.at(-1)?.number ?? 0;
  if (highest >= NUMBER_MAX) return { renameTo: "vmware-1.log", remove: old.map(({ name }) => name) };
  return {
    renameTo: `vmware-${highest + 1}.log`,
    remove: old.slice(0, Math.max(0, old.length - keepOld + 1)).map(({ name }) => name),
  };
}

/** Puts the log aside and begins a new one. @returns it, open to be written at its end, and nobody else's to write */
export function beginVmLog(source: DiskSource, home: DatastorePath, keepOld: number): FileAttachment {
  const file = inFolder(home, VM_LOG);
  using root = source.open(home);
  using folder = openFolderBeneath(root, home.path);
  const { renameTo, remove } = planLogRotation(namesIn(folder), keepOld);
  for (const name of remove) removeIfFile(() => removeBeneath(folder, name));
  if (renameTo !== undefined) renameInFolder(folder, { from: VM_LOG, to: renameTo });
  using open = lockOrRefuse(createFileBeneath(folder, VM_LOG, "append"), file, "exclusive");
  return { file, sizeBytes: 0, writable: true, ...handOn(open) };
}

/** Somebody made a folder of that name: that is no log. */
function removeIfFile(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "ENOENT")) throw error;
  }
}
