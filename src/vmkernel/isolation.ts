/**
 * What isolation needs of this machine, what is weaker where it is withheld, and whether a host may run so. Pure;
 * `isolation-probe.ts` tries each of them. Paper «Secure Virtual Machine Isolation»; nothing is weakened silently.
 */

/** Why each is needed is its row in {@link NEEDS}. */
export const ISOLATION_FEATURES = [
  "userNamespace",
  "mountNamespace",
  "pidNamespace",
  "networkNamespace",
  "ipcNamespace",
  "utsNamespace",
  "rootMountNamespace",
  "memoryCgroup",
  "pidsCgroup",
  "seccomp",
  "bpf",
  "packetFilter",
  "taps",
] as const;

export type IsolationFeature = (typeof ISOLATION_FEATURES)[number];

/** What this machine has. The namespaces other than the user namespace count as they are made: without it, by root. */
export type Isolation = Readonly<Record<IsolationFeature, boolean>>;

export interface MissingIsolation {
  readonly feature: IsolationFeature;
  /** As people call it. */
  readonly name: string;
  /** A sentence: what is weaker without it. */
  readonly weaker: string;
  /** What to do about it. */
  readonly remedy: string;
  /** What the kernel or the tool said. */
  readonly because: string;
}

export interface IsolationProbe {
  readonly have: Isolation;
  readonly missing: readonly MissingIsolation[];
}

type Need = Pick<MissingIsolation, "name" | "weaker" | "remedy">;

const PRIVILEGED = "run on the machine itself or in a container with --privileged";
const CGROUPS = "mount /sys/fs/cgroup writable, with that controller";

const NEEDS: Readonly<Record<IsolationFeature, Need>> = {
  userNamespace: {
    name: "user namespaces",
    weaker: "A monitor's user is one of the machine's own, not of a user namespace that holds nothing else.",
    remedy: `set sysctl user.max_user_namespaces above 0 and allow unprivileged ones, or ${PRIVILEGED}`,
  },
  mountNamespace: {
    name: "mount namespaces",
    weaker: "A monitor sees the machine's file system, where only its user keeps it from files, and has QEMU's own seccomp filter alone.",
    remedy: PRIVILEGED,
  },
  pidNamespace: {
    name: "pid namespaces",
    weaker: "A monitor sees the machine's processes, where only its user keeps it from signalling them.",
    remedy: PRIVILEGED,
  },
  networkNamespace: {
    name: "network namespaces",
    weaker: "A monitor reaches the machine's network and its abstract sockets.",
    remedy: PRIVILEGED,
  },
  ipcNamespace: {
    name: "IPC namespaces",
    weaker: "A monitor reaches the machine's System V shared memory and message queues where their modes let it.",
    remedy: PRIVILEGED,
  },
  utsNamespace: { name: "UTS namespaces", weaker: "A monitor sees the machine's host name.", remedy: PRIVILEGED },
  rootMountNamespace: {
    name: "mounts by root",
    weaker: "hostd sees the machine's file system and network, where only its user keeps it from them, and has no seccomp filter.",
    remedy: `${PRIVILEGED}: root needs CAP_SYS_ADMIN`,
  },
  memoryCgroup: { name: "the memory cgroup", weaker: "A monitor can take all of the machine's memory.", remedy: CGROUPS },
  pidsCgroup: { name: "the pids cgroup", weaker: "A monitor can start processes and threads without end.", remedy: CGROUPS },
  seccomp: {
    name: "seccomp",
    weaker: "A monitor can call every part of the kernel that its user may.",
    remedy: "use a kernel with CONFIG_SECCOMP_FILTER",
  },
  bpf: {
    name: "BPF",
    weaker: "Virtual switches can't be programmed, so virtual machines have no network.",
    remedy: `${PRIVILEGED}: root needs CAP_BPF, and the kernel CONFIG_BPF_SYSCALL`,
  },
  packetFilter: {
    name: "nftables",
    weaker: "The host has no firewall: who reaches its ports is not limited, and what would limit it is refused.",
    remedy: `install nftables, and ${PRIVILEGED}: root needs CAP_NET_ADMIN, and the kernel CONFIG_NF_TABLES_INET and CONFIG_NFT_CT`,
  },
  taps: {
    name: "taps",
    weaker: "Virtual machines can't be plugged into virtual switches, so they have no network.",
    remedy: "load the kernel's module tun, and let the host open /dev/net/tun",
  },
};

/** @param failures why each feature that is missing could not be had; what is not in it is there */
export function describeProbe(failures: Readonly<Partial<Record<IsolationFeature, string>>>): IsolationProbe {
  const missing = ISOLATION_FEATURES.flatMap((feature) => {
    const because = failures[feature];
    return because === undefined ? [] : [{ feature, because, ...NEEDS[feature] }];
  });
  const have = Object.fromEntries(ISOLATION_FEATURES.map((feature) => [feature, failures[feature] === undefined])) as Isolation;
  return { have, missing };
}

export type IsolationDecision =
  | { readonly kind: "run"; readonly withheld: readonly IsolationFeature[]; readonly weaknesses: readonly string[] }
  /** `line` names what is missing and what to do. */
  | { readonly kind: "refuse"; readonly line: string };

/** Whether a host may run on a machine like this. `degraded` is what the administrator said, knowing what is weaker then. */
export function decideIsolation({ missing }: IsolationProbe, { degraded }: { readonly degraded: boolean }): IsolationDecision {
  const [first, ...others] = missing;
  if (first === undefined || degraded)
    return { kind: "run", withheld: missing.map(({ feature }) => feature), weaknesses: missing.map(({ weaker }) => weaker) };
  const rest = others.length === 0 ? "" : ` Also missing: ${others.map(({ name }) => name).join(", ")}.`;
  const line = `This machine withholds ${first.name} (${first.because}): ${first.remedy}, or start with --degraded.${rest}`;
  return { kind: "refuse", line: line.replace(/\s+/g, " ") };
}

/** A whole machine; for plans that are printed or tested without one. */
export const FULL_ISOLATION: Isolation = describeProbe({}).have;
