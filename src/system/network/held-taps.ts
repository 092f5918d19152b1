/**
 * Which taps a process holds: not by what it says, but by a copy of its own descriptor, which the kernel answers for.
 * Source: pidfd_open(2), pidfd_getfd(2), Linux include/uapi/linux/if_tun.h, TUNGETIFF and TUNGETDEVNETNS.
 */
import { closeSync, fstatSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { errnoCode, libcCall, systemCall } from "../libc.ts";
import { descriptorsOf } from "../processes/index.ts";

export interface HeldTap {
  /** The number that the process has it by. */
  readonly fd: number;
  readonly name: string;
  /** Inode number of the network namespace that it is in: names are unique in one. */
  readonly namespace: number;
}

const TUN_TARGET = "/dev/net/tun";
const TUNGETIFF = 0x800454d2;
const TUNGETDEVNETNS = 0x54e3;
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;

const pidfdOpen = systemCall<[pid: number, flags: number]>(434, "int pid, unsigned int flags");
const pidfdGetfd = systemCall<[pidfd: number, fd: number, flags: number]>(438, "int pidfd, int fd, unsigned int flags");
const ioctl = libcCall<[fd: number, request: number, argument: Buffer | null]>("int ioctl(int fd, uint64_t request, void *argument)");

/** A process that ends meanwhile holds none. Needs root: others' descriptors can't be copied. */
export function heldTaps(pid: number): HeldTap[] {
  try {
    const candidates = descriptorsOf(pid).filter(({ target }) => target === TUN_TARGET);
    return candidates.length === 0 ? [] : lookAt(pid, candidates);
  } catch (cause) {
    if (["ENOENT", "ESRCH"].includes(errnoCode(cause) ?? "")) return [];
    throw new SystemError(`looking for the taps of process ${pid}`, { cause });
  }
}

function lookAt(pid: number, descriptors: readonly { readonly fd: number }[]): HeldTap[] {
  const process = pidfdOpen(pid, 0);
  try {
    return descriptors.flatMap(({ fd }) => describeTap(process, fd) ?? []);
  } finally {
    closeSync(process);
  }
}

function describeTap(process: number, fd: number): HeldTap | undefined {
  let copy: number | undefined;
  let namespace: number | undefined;
  try {
    copy = pidfdGetfd(process, fd, 0);
    const request = Buffer.alloc(IFREQ_BYTES);
    ioctl(copy, TUNGETIFF, request);
    namespace = ioctl(copy, TUNGETDEVNETNS, null);
    return { fd, name: request.toString("latin1", 0, NAME_BYTES).replace(/\0.*$/s, ""), namespace: fstatSync(namespace).ino };
  } catch (error) {
    // EBADF: closed meanwhile; EBADFD: opened, and no tap has been made with it.
    if (["EBADF", "EBADFD", "errno 77"].includes(errnoCode(error) ?? "")) return undefined;
    throw error;
  } finally {
    for (const open of [copy, namespace]) if (open !== undefined) closeSync(open);
  }
}
