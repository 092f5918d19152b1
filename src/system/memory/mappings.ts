/** What a process has mapped, mapping by mapping. Source: proc_pid_maps(5). */
import { readFileSync } from "node:fs";
import { SystemError } from "../../base/index.ts";

/** Addresses are virtual, of the process; they stay below 2^47. */
export interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  readonly isShared: boolean;
  /** 0 where no file is behind it. */
  readonly inode: number;
  /** A path, "[stack]", "/memfd:x (deleted)" …; empty for memory that has no name. */
  readonly name: string;
}

/** @throws {SystemError} when it has ended, or is not ours to look at */
export function mappingsOf(pid: number): readonly Mapping[] {
  try {
    return parseMappings(readFileSync(`/proc/${pid}/maps`, "utf8"));
  } catch (cause) {
    throw new SystemError(`looking at the mappings of process ${pid}`, { cause });
  }
}

/** | from-to rwxp offset device inode name |; a line of another form is none. Pure. */
export function parseMappings(text: string): readonly Mapping[] {
  return text.split("\n").flatMap((line) => {
    const [, start, end, rights = "", inode, name = ""] = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)\s*(.*)$/.exec(line) ?? [];
    if (start === undefined || end === undefined) return [];
    return {
      start: Number.parseInt(start, 16),
      end: Number.parseInt(end, 16),
      isWritable: rights[1] === "w",
      isExecutable: rights[2] === "x",
      isShared: rights[3] === "s",
      inode: Number(inode),
      name,
    };
  });
}
