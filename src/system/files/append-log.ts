/** A log of lines that rotates: each line is in the file when append() returns, and the files together stay within a bound. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

export interface AppendLog {
  /** @param line without its line end */
  append(line: string): void;
  close(): void;
}

/**
 * @param path the newest file; older ones are `path.1`, `path.2` …
 * @param bound bytes of one file, and how many older ones are kept
 */
export function openAppendLog(path: string, bound: { readonly bytesMax: number; readonly olderMax: number }): AppendLog {
  const open = (): number => openSync(path, "a", 0o600);
  let fd = open();
  let size = fstatSync(fd).size;
  const rotate = (): void => {
    closeSync(fd);
    for (let n = bound.olderMax; n > 0; n--) renameIfThere(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
    fd = open();
    size = 0;
  };
  return {
    append(line) {
      const bytes = Buffer.from(`${line}\n`);
      if (size > 0 && size + bytes.length > bound.bytesMax) rotate();
      writeSync(fd, bytes);
      size += bytes.length;
    },
    close: () => closeSync(fd),
  };
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
