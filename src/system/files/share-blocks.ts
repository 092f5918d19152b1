/** A copy that takes no room: two files that have the same blocks until one of them is written. Source: ioctl_ficlone(2), statfs(2). */
import { ftruncateSync, statfsSync } from "node:fs";
import { libcCall } from "../libc.ts";
import type { OpenFile } from "./open-file.ts";
import { isErrno } from "./syscalls.ts";
import { syncFile } from "./whole-file.ts";

const ioctl = libcCall<[fd: number, request: number, from: number]>("int ioctl(int fd, uint64_t request, uint64_t from)");
const FICLONE = 0x40049409;
/** File systems whose files can share blocks. Source: linux/magic.h. */
const SHARING: readonly number[] = [0x9123683e /* Btrfs */, 0x58465342 /* XFS */];

/**
 * Makes an empty file one that has the first `length` bytes of another, without copying any.
 * @returns whether it is so now; not, where the file system or the two places do not allow it: then the file is still empty
 */
export async function shareBlocks({ from, to }: { readonly from: OpenFile; readonly to: OpenFile }, length: number): Promise<boolean> {
  if (!SHARING.includes(statfsSync(`/proc/self/fd/${to.fd}`).type)) return false;
  await syncFile(from); // the kernel would do it in the call, and nobody else would get a turn meanwhile
  try {
    ioctl(to.fd, FICLONE, from.fd);
  } catch (error) {
    if (isErrno(error, "EOPNOTSUPP", "ENOTSUP", "EXDEV", "EINVAL", "ENOTTY")) return false; // XFS made without, two file systems
    throw error;
  }
  ftruncateSync(to.fd, length);
  return true;
}
