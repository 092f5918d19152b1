/** Which file it is, whatever its name. */
import { statSync } from "node:fs";

/** "device:inode", as descriptors of processes are compared by; undefined when there is no such file. */
export function fileIdentity(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}
