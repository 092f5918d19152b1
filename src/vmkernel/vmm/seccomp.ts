/**
 * The system calls that no monitor and no host agent needs, as a seccomp filter around them from outside: it holds before
 * QEMU has put on its own, and whatever runs in its place. Pure: bytes for `bwrap --seccomp`.
 * Source: seccomp(2); classic BPF as linux/filter.h has it; numbers of arch/x86/entry/syscalls/syscall_64.tbl.
 */
import { constants } from "node:os";

/** What becomes of a call that is not allowed. */
const { EPERM, ENOSYS } = constants.errno;

/** Refused with EPERM, whatever their arguments. */
export const DENIED_CALLS = {
  // other processes
  ...{ ptrace: 101, process_vm_readv: 310, process_vm_writev: 311, kcmp: 312, pidfd_getfd: 438, process_madvise: 440 },
  // namespaces, mounts and roots
  ...{ unshare: 272, setns: 308, chroot: 161, pivot_root: 155, mount: 165, umount2: 166, mount_setattr: 442 },
  ...{ open_tree: 428, move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, fspick: 433, statmount: 457, listmount: 458 },
  // files past their paths, and files that are none
  ...{ name_to_handle_at: 303, open_by_handle_at: 304, mknod: 133, mknodat: 259, quotactl: 179, quotactl_fd: 443 },
  ...{ fanotify_init: 300, fanotify_mark: 301, lookup_dcookie: 212, acct: 163, swapon: 167, swapoff: 168 },
  // the kernel itself
  ...{ init_module: 175, finit_module: 313, delete_module: 176, create_module: 174, query_module: 178, get_kernel_syms: 177 },
  ...{ kexec_load: 246, kexec_file_load: 320, reboot: 169, syslog: 103, _sysctl: 156, sysfs: 139, ustat: 136, uselib: 134 },
  ...{ bpf: 321, perf_event_open: 298, userfaultfd: 323, nfsservctl: 180 },
  // work that is done for a process outside the sight of such filters
  ...{ io_uring_setup: 425, io_uring_enter: 426, io_uring_register: 427 },
  // keys are not of a namespace
  ...{ add_key: 248, request_key: 249, keyctl: 250 },
  // the machine's clock, name and hardware
  ...{ settimeofday: 164, adjtimex: 159, clock_settime: 227, clock_adjtime: 305, sethostname: 170, setdomainname: 171 },
  ...{ iopl: 172, ioperm: 173, modify_ldt: 154, vhangup: 153, personality: 135, move_pages: 279, migrate_pages: 256 },
} as const;

const SYS_IOCTL = 16;
const SYS_SOCKET = 41;
const SYS_CLONE = 56;
const SYS_CLONE3 = 435;
/** mseal of Linux 6.10. What came later is not known to be harmless; programs take ENOSYS as an older kernel. */
const LAST_KNOWN_CALL = 462;
/** x32 numbers the same calls anew from here on. */
const X32_CALLS = 0x4000_0000;
/** New time, mount, cgroup, UTS, IPC, user, pid and network namespaces: CLONE_NEW*. */
const CLONE_NAMESPACES = 0x80 | 0x2_0000 | 0x200_0000 | 0x400_0000 | 0x800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000;
const AF_UNIX = 1;
/** Types into the terminal that a process was started at. */
const TERMINAL_INPUT = [0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */];

const AUDIT_ARCH_X86_64 = 0xc000_003e;
const RET_ALLOW = 0x7fff_0000;
const RET_ERRNO = 0x0005_0000;
const RET_KILL_PROCESS = 0x8000_0000;

/** Kinds of sockets: AF_* of socket(2). */
export const SOCKETS = { unix: AF_UNIX, ipv4: 2, packet: 17 } as const;

/** The filter, ready for the kernel. @param sockets kinds that may be made */
export function assembleSeccompFilter(sockets: readonly number[] = [SOCKETS.unix]): Buffer {
  return Buffer.concat([
    load(DATA.arch),
    // Another architecture has other numbers (int 0x80): nothing of ours ever calls so.
    ...unless(EQUAL, AUDIT_ARCH_X86_64, ret(RET_KILL_PROCESS)),
    load(DATA.number),
    ...when(AT_LEAST, X32_CALLS, ret(RET_ERRNO | ENOSYS)),
    ...when(ABOVE, LAST_KNOWN_CALL, ret(RET_ERRNO | ENOSYS)),
    // Its flags lie in memory, where a filter can't look: libc takes clone instead.
    ...when(EQUAL, SYS_CLONE3, ret(RET_ERRNO | ENOSYS)),
    ...Object.values(DENIED_CALLS).flatMap((number) => when(EQUAL, number, ret(RET_ERRNO | EPERM))),
    ...when(EQUAL, SYS_CLONE, load(DATA.argument(0)), ...when(ANY_BIT, CLONE_NAMESPACES, ret(RET_ERRNO | EPERM)), ret(RET_ALLOW)),
    ...when(
      EQUAL,
      SYS_SOCKET,
      load(DATA.argument(0)),
      ...sockets.flatMap((kind) => when(EQUAL, kind, ret(RET_ALLOW))),
      ret(RET_ERRNO | EPERM),
    ),
    ...when(
      EQUAL,
      SYS_IOCTL,
      load(DATA.argument(1)),
      ...TERMINAL_INPUT.flatMap((request) => when(EQUAL, request, ret(RET_ERRNO | EPERM))),
      ret(RET_ALLOW),
    ),
    ret(RET_ALLOW),
  ]);
}

/** struct seccomp_data: | number:u32 | arch:u32 | instruction pointer:u64 | arguments:6×u64 |. The low half of an argument. */
const DATA = { number: 0, arch: 4, argument: (index: number) => 16 + index * 8 } as const;

/** Opcode bytes: | operation:4 | source:1 | class:3 |. */
const LOAD_WORD = 0x20;
const RETURN = 0x06;
const EQUAL = 0x15;
const ABOVE = 0x25;
const AT_LEAST = 0x35;
const ANY_BIT = 0x45;

/** struct sock_filter: | opcode:u16 | jump if true:u8 | jump if false:u8 | k:u32 | */
function instruction(opcode: number, jumpTrue: number, jumpFalse: number, k: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(opcode, 0);
  bytes.writeUInt8(jumpTrue, 2);
  bytes.writeUInt8(jumpFalse, 3);
  bytes.writeUInt32LE(k >>> 0, 4);
  return bytes;
}

const load = (offset: number) => instruction(LOAD_WORD, 0, 0, offset);
const ret = (action: number) => instruction(RETURN, 0, 0, action);
/** Does `body` when the loaded word compares so with `k`, else goes on after it. */
const when = (comparison: number, k: number, ...body: Buffer[]) => [instruction(comparison, 0, body.length, k), ...body];
const unless = (comparison: number, k: number, ...body: Buffer[]) => [instruction(comparison, body.length, 0, k), ...body];
