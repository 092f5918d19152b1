/**
 * The walls around hostd, which parses what strangers send: its own user without a capability, a file system of its own code
 * and state, and a network namespace with nothing in it. It accepts on the socket that it inherits and can connect nowhere. Pure.
 */
import type { Isolation } from "./isolation.ts";
import { becomePowerless, foldersAbove, namespaces, type SandboxPlan } from "./vmm/sandbox.ts";
import { assembleSeccompFilter } from "./vmm/seccomp.ts";

export interface HostdSandboxRequest {
  readonly isolation: Isolation;
  /** The user and group `bulkhead`. */
  readonly uid: number;
  readonly gid: number;
  /** Node, by its absolute path, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** What it finds where it is outside: its program's files, the folder of its code (also in a folder that only root may enter). */
  readonly readOnlyPaths: readonly string[];
  /** Its state, and the folder of vmkernel's socket. They must be its user's where it writes. */
  readonly writablePaths: readonly string[];
  /** How many descriptors it inherits, from 3 on: its listening socket first. */
  readonly descriptorCount: number;
}

/** Started with `stdin: "lifeline"`: it ends when what started it ends. */
export function planHostdSandbox(request: HostdSandboxRequest): SandboxPlan {
  const { isolation, program, args, descriptorCount } = request;
  const command = [...becomePowerless(request), program, ...args];
  // Its code may lie in a folder that only root may enter, so root builds the room; there is no other way to bind it.
  if (!isolation.rootMountNamespace) return { argv: command, seccompFilter: undefined };
  const filter = isolation.seccomp ? ["--seccomp", String(FIRST_DESCRIPTOR + descriptorCount)] : [];
  const room = [
    ...["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"],
    ...["--new-session", "--die-with-parent", "--clearenv"],
    // Before what is bound: a host's folders may lie beneath /tmp.
    ...["--tmpfs", "/tmp", "--chmod", "1777", "/tmp"],
    ...foldersAbove([...request.readOnlyPaths, ...request.writablePaths, ...DEVICES]),
    ...request.readOnlyPaths.flatMap((path) => ["--ro-bind", path, path]),
    ...request.writablePaths.flatMap((path) => ["--bind", path, path]),
    ...DEVICES.flatMap((path) => ["--dev-bind", path, path]),
    ...["--chdir", "/", "--remount-ro", "/"],
  ];
  return {
    argv: ["/usr/bin/bwrap", ...namespaces(isolation), ...room, ...filter, "--", ...command],
    seccompFilter: isolation.seccomp ? assembleSeccompFilter() : undefined,
  };
}

const FIRST_DESCRIPTOR = 3;
const DEVICES = ["/dev/null", "/dev/urandom"];
