/**
 * System calls as arguments of the hostile program, and the program itself: bytes, so that no assembler is needed to test.
 * Made by build.sh from system-calls.S.
 */
import { constants } from "node:os";

export const PROGRAM = Buffer.from(
  [
    "f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAAeABAAAAAAABAAAAAAAAAAIgBAAAAAAAAAAAAAEAAOAABAEAABAADAAEAAAAHAAAAeAAAAAAAAAB4AEAAAAAAAHgA",
    "QAAAAAAA+QAAAAAAAABAAQAAAAAAAAEAAAAAAAAATI1kJBAx20yNLesAAABFMfZMie+5CAAAADHA80irSYs0JEmDxAhIhfZ0ag+2BjwsdGM8XnQxPHh0MjHS",
    "Mf88LXUF/8dI/8YPtgaD6DCD+Al3DEhr0gpIAcJI/8br6YX/dClI99rrJEiJ2usfSInySIn3SP/G6F8AAAB4D4nBweEE6FMAAAAJyKrr6kuJVPUAQf/G64lI",
    "ifVJi0UASYt9CEmLdRBJi1UYTYtVIE2LRShNi00wDwVIicNIPQHw//9zDUiF7Q+FRP///zH/6wSJx/ffuOcAAAAPBQ+2BoXAdBFI/8aD6DCD+Al2A4PoJ4XA",
    "w7j/////hcDDAC5zaHN0cnRhYgAudGV4dAAuYnNzAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAACwAAAAEAAAAHAAAAAAAAAHgAQAAAAAAAeAAAAAAAAAD5AAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAABEAAAAIAAAAAwAAAAAAAABxAUAA",
    "AAAAAHEBAAAAAAAARwAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAABAAAAAwAAAAAAAAAAAAAAAAAAAAAAAABxAQAAAAAAABYAAAAAAAAAAAAAAAAA",
    "AAABAAAAAAAAAAAAAAAAAAAA",
  ].join(""),
  "base64",
);

/** Numbers of x86-64. */
const NUMBERS = {
  ...{ write: 1, open: 2, close: 3, mmap: 9, ioctl: 16, pwrite64: 18, shmget: 29, unlink: 87, socket: 41, connect: 42, fork: 57, kill: 62 },
  ...{ fcntl: 72, ptrace: 101, syslog: 103, setuid: 105, setgroups: 116, capset: 126, mknod: 133, personality: 135 },
  ...{ setpriority: 141, sched_setscheduler: 144, pivot_root: 155, prctl: 157, setrlimit: 160, chroot: 161, settimeofday: 164 },
  ...{ mount: 165, umount2: 166, reboot: 169, sethostname: 170, iopl: 172, init_module: 175, clock_settime: 227, clone: 56 },
  ...{ execve: 59, clock_nanosleep: 230, kexec_load: 246, keyctl: 250, openat: 257, unshare: 272, perf_event_open: 298 },
  ...{ prlimit64: 302, open_by_handle_at: 304, setns: 308, process_vm_readv: 310, memfd_create: 319, bpf: 321, userfaultfd: 323 },
  ...{ pidfd_open: 434, clone3: 435, pidfd_getfd: 438, io_uring_setup: 425, fsopen: 430, ftruncate: 77, fanotify_init: 300 },
  ...{ tgkill: 234, add_key: 248, newest: 470 },
} as const;

/** What the call before returned. */
export const RESULT = "^";
export type Argument = number | string | Buffer;
export interface Call {
  readonly name: keyof typeof NUMBERS;
  readonly arguments: readonly Argument[];
}

/** @param values numbers, {@link RESULT}, text (its address, zero-terminated) or bytes (their address) */
export function call(name: keyof typeof NUMBERS, ...values: readonly Argument[]): Call {
  return { name, arguments: values };
}

/** The program's arguments. */
export function encodeCalls(calls: readonly Call[]): string[] {
  return calls.flatMap(({ name, arguments: values }, index) => [
    ...(index === 0 ? [] : [","]),
    ...[String(NUMBERS[name]), ...values.map(encodeArgument)],
  ]);
}

function encodeArgument(value: Argument): string {
  if (value === RESULT || typeof value === "number") return String(value);
  return `x${(typeof value === "string" ? Buffer.from(`${value}\0`) : value).toString("hex")}`;
}

/** What the program's exit code says: the errno by name, or that every call succeeded. */
export function outcomeOf(code: number): string {
  if (code === 0) return "done";
  return Object.entries(constants.errno).find(([, errno]) => errno === code)?.[0] ?? `exit code ${code}`;
}
