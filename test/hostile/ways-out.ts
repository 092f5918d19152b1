/**
 * What a guest could try that has broken out into its monitor, each with what must stop it and what shows that the attempt is
 * a real one: the same calls by root outside the sandbox. Pure.
 */
import { constants } from "node:fs";
import { type Call, call, RESULT } from "./system-calls.ts";

/** Things of the machine that the sandbox must keep out of reach. Each is there, and root outside can get at it. */
export interface Targets {
  /** A disk of another VM, whose owner is the hostile program's own user: its path, and the process that has it open as 3. */
  readonly otherDisk: string;
  readonly otherPid: number;
  /** A process outside the sandbox of the hostile program's own user. */
  readonly ownUserPid: number;
  /** Sockets that accept: of a unix socket's path, of an abstract one, of the host's loopback. */
  readonly socketPath: string;
  readonly abstractName: string;
  readonly tcpPort: number;
  /** Key of a System V segment that everybody may attach. */
  readonly sharedMemoryKey: number;
  /** A cgroup tree's own folder: who is in it is in no cgroup. */
  readonly cgroupFolder: string;
  /** A file that is bound into the sandbox to be read, as QEMU's libraries are. */
  readonly readOnlyFile: string;
}

export interface WayOut {
  readonly name: string;
  readonly calls: readonly Call[];
  /** The errno that it ends with, or one of several: which comes first is the kernel's choice. */
  readonly stoppedWith: string | readonly string[];
  readonly by: string;
  /**
   * How the same calls end for root outside. An errno is one that comes after the permission was given; a reason says why
   * it is not tried there.
   */
  readonly outside: "done" | { readonly errno: string } | { readonly notTried: string };
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT } = constants;
const NO_SUCH_PATH = "its root holds no such path";
const READ_ONLY = "its root is read-only";
const FILTER = "the seccomp filter";
const NO_CAPABILITY = "it has no capability";
const OWN_PIDS = "its pid namespace";
const OWN_NETWORK = "its network namespace";

const AF_UNIX = 1;
const STREAM = 1;
const RAW = 3;
const PTRACE_ATTACH = 16;
const [SIGTERM_NONE, AT_FDCWD] = [0, -100];
const NOT_EVERY_ROOT = "root in a container may lack CAP_SYS_RESOURCE";
const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const u32 = (...values: readonly number[]) => Buffer.from(Uint32Array.from(values).buffer);

export function waysOut(targets: Targets): readonly WayOut[] {
  return [
    ...files(targets),
    ...fileSystem(targets),
    ...processes(targets),
    ...privileges(),
    ...namespaces(),
    ...network(targets),
    ...kernel(),
    ...machine(),
    ...descriptors(),
  ];
}

function open(name: string, path: string, flags: number, outside: WayOut["outside"] = "done"): WayOut {
  return { name, calls: [call("open", path, flags, 0)], stoppedWith: "ENOENT", by: NO_SUCH_PATH, outside };
}

function files({ otherDisk, otherPid, cgroupFolder }: Targets): WayOut[] {
  return [
    open("another VM's disk by its path", otherDisk, O_RDWR),
    open("another VM's disk through its monitor's descriptor", `/proc/${otherPid}/fd/3`, O_RDWR),
    open("another VM's memory", `/proc/${otherPid}/mem`, O_RDWR),
    open("the machine's passwords", "/etc/shadow", O_RDONLY),
    open("the machine's root through another process", `/proc/${otherPid}/root/etc/shadow`, O_RDONLY),
    open("its own disk with other rights", "/proc/self/fd/3", O_RDWR, { notTried: "descriptor 3 is another there" }),
    open("the machine's memory", "/dev/mem", O_RDWR, { notTried: "not every kernel has it" }),
    open("the virtualization device, not being on KVM", "/dev/kvm", O_RDWR, { notTried: "not every machine has it" }),
    open("the kernel's log", "/dev/kmsg", O_RDONLY),
    open("a program that the kernel starts on a crash", "/proc/sys/kernel/core_pattern", O_WRONLY),
    open("magic SysRq", "/proc/sysrq-trigger", O_WRONLY, { notTried: "not every kernel has it" }),
    open("page sharing between VMs", "/sys/kernel/mm/ksm/run", O_WRONLY),
    open("the number of huge pages", "/proc/sys/vm/nr_hugepages", O_WRONLY),
    open("out of its cgroup", `${cgroupFolder}/cgroup.procs`, O_WRONLY),
    {
      name: "a shell",
      calls: [call("execve", "/bin/sh", 0, 0)],
      stoppedWith: "ENOENT",
      by: NO_SUCH_PATH,
      outside: { notTried: "it would wait for its input" },
    },
  ];
}

const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MNT_DETACH = 2;
const S_IFBLK = 0o060000;
/** Taken away again where they can be made. */
const FILL = "/tmp/bulkhead-hostile-fill";
const RAW_DISK = "/tmp/bulkhead-hostile-raw";
const DISK_DEVICE = (254 << 8) | 0;

function fileSystem({ readOnlyFile }: Targets): WayOut[] {
  const stopped = (name: string, calls: Call[], outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls, stoppedWith: "EPERM", by: FILTER, outside };
  };
  const handle = u32(8, 1, 0, 0);
  return [
    { ...open("a change of QEMU's own files", readOnlyFile, O_WRONLY), stoppedWith: "EROFS", by: READ_ONLY },
    {
      name: "filling the machine's disk through /tmp",
      calls: [call("open", FILL, O_WRONLY | O_CREAT, 0), call("unlink", FILL)],
      stoppedWith: "EROFS",
      by: READ_ONLY,
      outside: "done",
    },
    {
      ...open("a file in its root", "/planted", O_WRONLY | O_CREAT, { notTried: "it would lie there" }),
      stoppedWith: "EROFS",
      by: READ_ONLY,
    },
    stopped("making its root writable", [call("mount", 0, "/", 0, MS_REMOUNT | MS_BIND, 0)]),
    stopped("mounting a file system", [call("mount", "none", "/tmp", "tmpfs", 0, 0)]),
    stopped("mounting /proc", [call("mount", "proc", "/tmp", "proc", 0, 0)]),
    stopped("mounting by the newer calls", [call("fsopen", "tmpfs", 0)]),
    stopped("taking away what is mounted over something", [call("umount2", "/sys/kernel/debug/none", MNT_DETACH)], { errno: "ENOENT" }),
    stopped("another root", [call("pivot_root", "/", "/")], { errno: "EBUSY" }),
    stopped("leaving a changed root", [call("chroot", "/tmp")]),
    stopped("making the machine's disk a device of its own", [
      call("mknod", RAW_DISK, S_IFBLK | 0o600, DISK_DEVICE),
      call("unlink", RAW_DISK),
    ]),
    stopped("a file by its handle", [call("open_by_handle_at", AT_FDCWD, handle, O_RDONLY)], { errno: "ESTALE" }),
    stopped("watching the machine's files", [call("fanotify_init", 0, O_RDONLY)]),
  ];
}

function processes({ otherPid, ownUserPid, sharedMemoryKey }: Targets): WayOut[] {
  const unseen = (name: string, attempt: Call, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [attempt], stoppedWith: ["ESRCH", "EINVAL"], by: OWN_PIDS, outside };
  };
  const denied = (name: string, attempt: Call, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [attempt], stoppedWith: "EPERM", by: FILTER, outside };
  };
  const RLIMIT_NOFILE = 7;
  return [
    {
      name: "shared memory",
      calls: [call("shmget", sharedMemoryKey, 0, 0)],
      stoppedWith: "ENOENT",
      by: "its IPC namespace",
      outside: "done",
    },
    unseen("a signal to another VM's monitor", call("kill", otherPid, SIGTERM_NONE)),
    unseen("a signal to a process of its own user", call("kill", ownUserPid, SIGTERM_NONE)),
    unseen("a signal to a thread of its own user", call("tgkill", ownUserPid, ownUserPid, SIGTERM_NONE)),
    unseen("killing everything that it may", call("kill", -1, 9), { notTried: "it would" }),
    unseen("a hold on a process of its own user", call("pidfd_open", ownUserPid, 0)),
    unseen("the limits of a process of its own user", call("prlimit64", ownUserPid, RLIMIT_NOFILE, 0, Buffer.alloc(16)), {
      notTried: NOT_EVERY_ROOT,
    }),
    denied("tracing a process of its own user", call("ptrace", PTRACE_ATTACH, ownUserPid, 0, 0)),
    denied("reading the memory of a process of its own user", call("process_vm_readv", ownUserPid, 0, 0, 0, 0, 0)),
    denied("a descriptor out of another process", call("pidfd_getfd", 0, 3, 0), { errno: "EBADF" }),
  ];
}

/** struct __user_cap_header_struct of version 3 and its two data words: every capability. */
const CAP_HEADER = u32(0x20080522, 0);
const ALL_CAPABILITIES = u32(0xffff_ffff, 0xffff_ffff, 0, 0x1ff, 0x1ff, 0);

function privileges(): WayOut[] {
  const [PRIO_PROCESS, SCHED_FIFO, RLIMIT_NOFILE] = [0, 1, 7];
  const hugeLimit = Buffer.from(BigUint64Array.from([1_000_000n, 1_000_000n]).buffer);
  const denied = (name: string, attempt: Call, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [attempt], stoppedWith: ["EPERM", "EACCES"], by: NO_CAPABILITY, outside };
  };
  return [
    {
      ...denied("becoming root", call("setuid", 0)),
      stoppedWith: ["EINVAL", "EPERM"],
      by: "its user namespace maps one user, and it has no capability",
    },
    { ...denied("becoming another VM's user", call("setuid", 200_002)), stoppedWith: ["EINVAL", "EPERM"] },
    denied("root's group", call("setgroups", 1, u32(0))),
    denied("every capability", call("capset", CAP_HEADER, ALL_CAPABILITIES), { notTried: "root outside has fewer or more of them" }),
    denied("a higher priority", call("setpriority", PRIO_PROCESS, 0, -20)),
    denied("the processor for itself", call("sched_setscheduler", 0, SCHED_FIFO, u32(1))),
    denied("more descriptors than its limit", call("setrlimit", RLIMIT_NOFILE, hugeLimit), { notTried: NOT_EVERY_ROOT }),
  ];
}

function namespaces(): WayOut[] {
  const denied = (name: string, attempt: Call, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [attempt], stoppedWith: "EPERM", by: FILTER, outside };
  };
  const [NEW_USER, NEW_NET, SIGCHLD] = [0x1000_0000, 0x4000_0000, 17];
  return [
    denied("a user namespace in which it is root", call("unshare", NEW_USER)),
    denied("a process that is root in a user namespace", call("clone", NEW_USER | SIGCHLD, 0, 0, 0, 0)),
    { ...denied("the same, by the newer call", call("clone3", 0, 0), { errno: "EINVAL" }), stoppedWith: "ENOSYS" },
    denied("another network namespace", call("unshare", NEW_NET)),
    denied("entering a namespace", call("setns", 0, 0), { errno: "EINVAL" }),
  ];
}

const SOCKADDR_UN_BYTES = 110;

function network({ socketPath, abstractName, tcpPort }: Targets): WayOut[] {
  const loopback = bytes(`0200 ${tcpPort.toString(16).padStart(4, "0")} 7f000001 0000000000000000`);
  const unix = Buffer.from(`\u0001\0${socketPath}\0`);
  const abstract = Buffer.alloc(SOCKADDR_UN_BYTES);
  abstract.write(`\u0001\0\0${abstractName}`); // Node binds such a name with all the zeros that follow it
  const connect = (address: Buffer) => [call("socket", AF_UNIX, STREAM, 0), call("connect", RESULT, address, address.length)];
  const noSocket = (name: string, domain: number, type: number, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [call("socket", domain, type, 0)], stoppedWith: "EPERM", by: FILTER, outside };
  };
  const [INET, INET6, NETLINK, PACKET, ALG, VSOCK] = [2, 10, 16, 17, 38, 40];
  return [
    { name: "a unix socket of the host", calls: connect(unix), stoppedWith: "ENOENT", by: NO_SUCH_PATH, outside: "done" },
    { name: "an abstract socket of the host", calls: connect(abstract), stoppedWith: "ECONNREFUSED", by: OWN_NETWORK, outside: "done" },
    {
      name: "a TCP port of the host",
      calls: [call("socket", INET, STREAM, 0), call("connect", RESULT, loopback, loopback.length)],
      stoppedWith: "EPERM",
      by: FILTER,
      outside: "done",
    },
    noSocket("IPv6", INET6, STREAM, { notTried: "not every machine has it" }),
    noSocket("a raw socket", INET, RAW, { errno: "EPROTONOSUPPORT" }),
    noSocket("frames of the host's network", PACKET, RAW),
    noSocket("the kernel's network configuration", NETLINK, RAW),
    noSocket("the hypervisor below, if the host is itself a guest", VSOCK, STREAM, { notTried: "not every kernel has it" }),
    noSocket("the kernel's ciphers", ALG, 5, { notTried: "not every kernel has it" }),
  ];
}

function kernel(): WayOut[] {
  const denied = (name: string, attempt: Call, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [attempt], stoppedWith: "EPERM", by: FILTER, outside };
  };
  const map = u32(2, 4, 8, 1, 0);
  // PERF_TYPE_SOFTWARE, 112 bytes, PERF_COUNT_SW_CPU_CLOCK
  const perf = Buffer.concat([u32(1, 112), Buffer.alloc(104)]);
  const [KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, ADDR_NO_RANDOMIZE, LOG_SIZE] = [0, -3, 0x004_0000, 10];
  return [
    denied("loading a kernel module", call("init_module", "nothing", 7, ""), { notTried: "not every kernel has modules" }),
    denied("another kernel", call("kexec_load", 0, 0, 0, 0), { notTried: "it would take away one that is loaded" }),
    denied("a BPF program's map", call("bpf", 0, map, map.length)),
    denied("performance counters", call("perf_event_open", perf, 0, -1, -1, 0)),
    denied("the keys of its session", call("keyctl", KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 1)),
    denied("a key", call("add_key", "user", "bulkhead-test", "x", 1, -1)),
    denied("handling faults of the kernel's", call("userfaultfd", 0)),
    denied("work by the kernel's own threads", call("io_uring_setup", 1, Buffer.alloc(120)), { notTried: "it may be switched off" }),
    denied("the kernel's log, by the call", call("syslog", LOG_SIZE, 0, 0)),
    denied("an address space without randomness", call("personality", ADDR_NO_RANDOMIZE)),
    { ...denied("a call that is newer than the filter", call("newest"), { notTried: "not every kernel has it" }), stoppedWith: "ENOSYS" },
  ];
}

function machine(): WayOut[] {
  const denied = (name: string, attempt: Call, outside: WayOut["outside"] = "done"): WayOut => {
    return { name, calls: [attempt], stoppedWith: "EPERM", by: FILTER, outside };
  };
  const [NO_CLOCK, TIOCSTI] = [99, 0x5412];
  return [
    denied("the machine's name", call("sethostname", "taken", 5)),
    denied("the machine's time zone and clock", call("settimeofday", 0, 0)),
    denied("a clock", call("clock_settime", NO_CLOCK, Buffer.alloc(16)), { errno: "EINVAL" }),
    denied("a restart", call("reboot", 0, 0, 0, 0), { errno: "EINVAL" }),
    denied("the machine's ports", call("iopl", 3), { notTried: "not every kernel has it" }),
    denied("typing into a terminal", call("ioctl", 0, TIOCSTI, "x"), { errno: "ENOTTY" }),
  ];
}

function descriptors(): WayOut[] {
  const F_GETFD = 1;
  const notTried = { notTried: "it is about the sandbox's own descriptors" };
  return [
    ...[4, 5, 6, 10, 63].map((fd): WayOut => {
      return {
        name: `descriptor ${fd}`,
        calls: [call("fcntl", fd, F_GETFD)],
        stoppedWith: "EBADF",
        by: "it was given one",
        outside: notTried,
      };
    }),
    {
      name: "the folder that its disk lies in",
      calls: [call("openat", 3, "..", O_RDONLY)],
      stoppedWith: "ENOTDIR",
      by: "it was given the file only",
      outside: notTried,
    },
  ];
}

/** What must work, or the rows above would prove nothing. */
export function waysIn(sharedBytes: Buffer): readonly { readonly name: string; readonly calls: readonly Call[] }[] {
  return [
    { name: "writing to its own disk", calls: [call("pwrite64", 3, sharedBytes, sharedBytes.length, 0)] },
    { name: "opening /dev/null", calls: [call("open", "/dev/null", O_RDWR, 0)] },
    { name: "a unix socket of its own", calls: [call("socket", AF_UNIX, STREAM, 0)] },
    { name: "a process of its own", calls: [call("fork")] },
  ];
}
