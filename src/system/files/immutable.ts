/** The kernel's own mark that a file stays what it is: nobody opens it for writing, renames or removes it, root neither. Source: ioctl_iflags(2). */
import { libcCall } from "../libc.ts";
import type { OpenFile } from "./open-file.ts";
import { isErrno } from "./syscalls.ts";

const ioctl = libcCall<[fd: number, request: number, argument: Buffer]>("int ioctl(int fd, uint64_t request, void *argument)");
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_IMMUTABLE_FL = 0x10;

/**
 * Who has it open for writing already goes on writing.
 * @returns whether it is so now; not, where the file system has no such mark (tmpfs, NFS) or we are not root
 */
export function setImmutable(file: OpenFile, isImmutable: boolean): boolean {
  try {
    const flags = readFlags(file);
    const wanted = isImmutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
    if (wanted === flags) return true;
    const argument = Buffer.alloc(8);
    argument.writeUInt32LE(wanted >>> 0, 0);
    ioctl(file.fd, FS_IOC_SETFLAGS, argument);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOTTY", "EOPNOTSUPP", "ENOTSUP", "EPERM", "EINVAL", "ENOSYS")) return false;
    throw error;
  }
}

/** False as well where the file system has no such mark. */
export function isImmutable(file: OpenFile): boolean {
  try {
    return (readFlags(file) & FS_IMMUTABLE_FL) !== 0;
  } catch (error) {
    if (isErrno(error, "ENOTTY", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "ENOSYS")) return false;
    throw error;
  }
}

function readFlags(file: OpenFile): number {
  const argument = Buffer.alloc(8);
  ioctl(file.fd, FS_IOC_GETFLAGS, argument);
  return argument.readUInt32LE(0);
}
