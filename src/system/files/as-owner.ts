import { chownSync, existsSync, statSync } from "node:fs";

/**
 * Does something with a file of another user's, which may leave files beside it (`path` and an ending): those become his.
 * @returns undefined where the file is not there; then nothing was done
 */
export function besideFile<T>(path: string, endings: readonly string[], deed: () => T): T | undefined {
  if (!existsSync(path)) return undefined;
  const { uid, gid } = statSync(path);
  try {
    return deed();
  } finally {
    for (const file of endings.map((ending) => path + ending)) if (existsSync(file)) chownSync(file, uid, gid);
  }
}
