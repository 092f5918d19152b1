/** A file without a name, in memory, that another process is to write. Source: memfd_create(2), proc(5) on /proc/PID/fd. */
import { constants, openSync } from "node:fs";
import { createMemoryFile } from "../libc.ts";
import { OpenFile } from "./open-file.ts";

export interface MemoryFile extends Disposable {
  /** What was written, to be read. */
  readonly written: OpenFile;
  /** For the writer: it can write and not read. Its memory counts as the writer's. */
  readonly writable: OpenFile;
}

/** @param name what /proc shows for it */
export function openMemoryFile(name: string): MemoryFile {
  const written = new OpenFile(createMemoryFile(name));
  try {
    const writable = new OpenFile(openSync(`/proc/self/fd/${written.fd}`, constants.O_WRONLY));
    return {
      written,
      writable,
      [Symbol.dispose]() {
        writable[Symbol.dispose]();
        written[Symbol.dispose]();
      },
    };
  } catch (error) {
    written[Symbol.dispose]();
    throw error;
  }
}
