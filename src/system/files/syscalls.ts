/**
 * The file calls of Linux that Node does not have: paths relative to an open folder, locks, allocation.
 * Each is one quick call on the calling thread and throws as node:fs does, an error with `code` and `syscall`.
 * Source: openat2(2), mkdirat(2), unlinkat(2), linkat(2), renameat2(2), flock(2), fallocate(2), lseek(2).
 */
import { constants } from "node:os";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const syscall = libc.func("int64_t syscall(int64_t number, ...)");
const mkdirat = libc.func("int mkdirat(int folder, const char *path, uint32_t mode)");
const unlinkat = libc.func("int unlinkat(int folder, const char *path, int flags)");
const linkat = libc.func("int linkat(int fromFolder, const char *from, int toFolder, const char *to, int flags)");
const renameat = libc.func("int renameat(int fromFolder, const char *from, int toFolder, const char *to)");
const renameat2 = libc.func("int renameat2(int fromFolder, const char *from, int toFolder, const char *to, unsigned int flags)");
const lseek = libc.func("int64_t lseek64(int fd, int64_t offset, int whence)");
const flock = libc.func("int flock(int fd, int operation)");
const fallocate = libc.func("int fallocate64(int fd, int mode, int64_t offset, int64_t length)");

const SYS_OPENAT2 = 437; // the same on every architecture: asm-generic/unistd.h
const OPEN_HOW_BYTES = 24;
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_BENEATH = 0x08n;
const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const AT_SYMLINK_FOLLOW = 0x400;
const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NOW_OR_NEVER = 4;
const RENAME_NOREPLACE = 1;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Flags of open(2) that node:fs does not name. */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
export const O_TMPFILE = 0o20200000;

/**
 * Opens `path` beneath `folder`: no symlink, no "..", no magic link anywhere on the way leads out.
 * @param mode permissions of a file that it creates; 0 when it creates none
 */
export function openat2(folder: number, path: string, { flags, mode }: { flags: number; mode: number }): number {
  // struct open_how { u64 flags; u64 mode; u64 resolve; }
  const how = Buffer.alloc(OPEN_HOW_BYTES);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, 16);
  return check(Number(syscall(SYS_OPENAT2, "int", folder, "str", path, "void *", how, "size_t", OPEN_HOW_BYTES)), "openat2", path);
}

export function makeFolderAt(folder: number, name: string, mode: number): void {
  check(mkdirat(folder, name, mode), "mkdirat", name);
}

export function unlinkAt(folder: number, name: string, kind: "file" | "folder"): void {
  check(unlinkat(folder, name, kind === "folder" ? AT_REMOVEDIR : 0), "unlinkat", name);
}

/** Gives the open file `fd` (one without a name, O_TMPFILE) the name `name` in `folder`. EEXIST when the name is taken. */
export function linkOpenFileAt(fd: number, folder: number, name: string): void {
  check(linkat(AT_FDCWD, `/proc/self/fd/${fd}`, folder, name, AT_SYMLINK_FOLLOW), "linkat", name);
}

/** Renames within one folder; what had the name `to` is replaced. */
export function renameAt(folder: number, { from, to }: { from: string; to: string }): void {
  check(renameat(folder, from, folder, to), "renameat", to);
}

/** A name in an open folder. */
export interface PlaceAt {
  readonly folder: number;
  readonly name: string;
}

/** Renames between two folders of one file system; EXDEV when they are on two. Unless it may replace, EEXIST when the name is taken. */
export function moveAt(from: PlaceAt, to: PlaceAt, { replace }: { replace: boolean }): void {
  check(renameat2(from.folder, from.name, to.folder, to.name, replace ? 0 : RENAME_NOREPLACE), "renameat2", to.name);
}

/** Locks the open file description of `fd` without waiting. @returns whether nobody holds a lock that forbids it */
export function tryLock(fd: number, kind: "shared" | "exclusive"): boolean {
  const operation = (kind === "shared" ? LOCK_SHARED : LOCK_EXCLUSIVE) | LOCK_NOW_OR_NEVER;
  try {
    check(flock(fd, operation), "flock", `descriptor ${fd}`);
    return true;
  } catch (error) {
    if (isErrno(error, "EWOULDBLOCK", "EAGAIN")) return false;
    throw error;
  }
}

/** Reserves blocks for `length` bytes from `offset` and makes the file that long. They read as zeros. */
export function allocate(fd: number, { offset, length }: { offset: number; length: number }): void {
  check(fallocate(fd, 0, offset, length), "fallocate", `descriptor ${fd}`);
}

/** Gives the blocks of a part of the file back: it reads as zeros. The file stays as long as it is. */
export function punchHoleIn(fd: number, { offset, length }: { offset: number; length: number }): void {
  check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length), "fallocate", `descriptor ${fd}`);
}

/** Where the next data, or the next hole, begins at or after `offset`. Blocks that are reserved and were never written are a hole. ENXIO past the end. */
export function seekIn(fd: number, kind: "data" | "hole", offset: number): number {
  return check(Number(lseek(fd, offset, kind === "data" ? SEEK_DATA : SEEK_HOLE)), "lseek", `descriptor ${fd}`);
}

/** Whether `error` is a failed call with one of these codes. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

function check(result: number, call: string, subject: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  throw Object.assign(new Error(`${code}: ${call} ${subject}`), { code, errno: -errno, syscall: call, path: subject });
}
