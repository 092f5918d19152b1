/** A file that another process has open, opened again. Source: proc(5), /proc/PID/fd. */
import { constants, openSync, statSync } from "node:fs";
import { OpenFile } from "./open-file.ts";
import { isErrno } from "./syscalls.ts";

/** To read. @returns undefined when the process has no such descriptor, or it is none of a file */
export function openDescriptorOf(pid: number, fd: number): OpenFile | undefined {
  const path = `/proc/${Math.trunc(pid)}/fd/${Math.trunc(fd)}`;
  try {
    if (!statSync(path).isFile()) return undefined; // a pipe or a device does things when it is opened
    return new OpenFile(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
