/**
 * The empty room that a monitor stands in, as arguments of setpriv and bubblewrap. Pure; `sandbox-start.ts` carries it out.
 * Nothing of a VM is bound by its path: what the monitor may use it is given as open descriptors.
 * Source: bwrap(1), setpriv(1); paper «Device Isolation», «a VM detects only the devices assigned to it».
 */
import { assertNever } from "../../base/index.ts";
import type { Isolation } from "../isolation.ts";
import { assembleSeccompFilter } from "./seccomp.ts";

export interface SandboxRequest {
  readonly isolation: Isolation;
  /** The VM's own, which no other process of the machine has. */
  readonly uid: number;
  /** A group that it needs beside its own: that of /dev/kvm. */
  readonly group?: number;
  /** By its absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Files and folders that it finds at the paths they have outside: libraries, firmware. */
  readonly readOnlyPaths: readonly string[];
  /** Beside /dev/null, which QEMU needs to see whether it can lock images. */
  readonly devicePaths: readonly string[];
  /** How many descriptors it inherits, from 3 on. */
  readonly descriptorCount: number;
  /** Files that are made for it alone, each of what a descriptor after its own holds, in this order. Only where there are walls. */
  readonly ownFiles?: readonly string[];
}

export interface SandboxPlan {
  readonly argv: readonly string[];
  /** What a descriptor after the program's own and those of its files must hold: the seccomp filter that bwrap reads. */
  readonly seccompFilter: Buffer | undefined;
}

/** The strongest walls that the machine lets us build. */
export type Walls =
  /** Built by the monitor's own user in a user namespace: no process of it is ever root. */
  | "userNamespace"
  /** Built by root, who then becomes the monitor's user and gives up every capability. */
  | "rootNamespaces"
  /** None: a user of its own without capabilities, and QEMU's own seccomp. */
  | "userOnly";

export function wallsOf(isolation: Isolation): Walls {
  if (isolation.userNamespace && isolation.mountNamespace) return "userNamespace";
  return isolation.rootMountNamespace ? "rootNamespaces" : "userOnly";
}

export function planSandbox(request: SandboxRequest): SandboxPlan {
  const { isolation, program, args, descriptorCount, ownFiles = [] } = request;
  const walls = wallsOf(isolation);
  const hasFilter = isolation.seccomp && walls !== "userOnly";
  const filter = hasFilter ? ["--seccomp", String(FIRST_DESCRIPTOR + descriptorCount + ownFiles.length)] : [];
  const seccompFilter = hasFilter ? assembleSeccompFilter() : undefined;
  const command = [program, ...args];
  switch (walls) {
    case "userNamespace": {
      const ids = ["--unshare-user", "--uid", String(request.uid), "--gid", String(request.uid)];
      return {
        argv: [...becomeUser(request), ...[BWRAP, ...ids, ...namespaces(isolation), ...room(request), ...filter, "--"], ...command],
        seccompFilter,
      };
    }
    case "rootNamespaces": {
      const keep = CAPABILITIES_TO_CHANGE_USER.flatMap((capability) => ["--cap-add", capability]);
      return {
        argv: [BWRAP, ...namespaces(isolation), ...room(request), ...keep, ...filter, "--", ...becomePowerless(request), ...command],
        seccompFilter,
      };
    }
    case "userOnly":
      return { argv: [...becomePowerless(request), ...command], seccompFilter };
    default:
      return assertNever(walls);
  }
}

/** Programs that a sandbox built by root runs inside it: they must be found there, with their libraries. */
export function helpersInside(isolation: Isolation): readonly string[] {
  return wallsOf(isolation) === "rootNamespaces" ? [SETPRIV] : [];
}

const BWRAP = "/usr/bin/bwrap";
export const SETPRIV = "/usr/bin/setpriv";
const FIRST_DESCRIPTOR = 3;
const CAPABILITIES_TO_CHANGE_USER = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"];

export function namespaces(isolation: Isolation): string[] {
  return [
    ...(isolation.pidNamespace ? ["--unshare-pid"] : []),
    ...(isolation.networkNamespace ? ["--unshare-net"] : []),
    ...(isolation.ipcNamespace ? ["--unshare-ipc"] : []),
    ...(isolation.utsNamespace ? ["--unshare-uts", "--hostname", "bulkhead"] : []),
    "--unshare-cgroup-try",
  ];
}

/** A root of what is named and nothing else, read-only, no environment, no capability, no terminal. */
function room({ readOnlyPaths, devicePaths, descriptorCount, ownFiles = [] }: SandboxRequest): string[] {
  return [
    ...["--cap-drop", "ALL", "--new-session", "--clearenv"],
    ...foldersAbove([...readOnlyPaths, ...ownFiles, "/dev/null"]),
    ...readOnlyPaths.flatMap((path) => ["--ro-bind", path, path]),
    ...["/dev/null", ...devicePaths].flatMap((path) => ["--dev-bind", path, path]),
    // bwrap copies them and closes the descriptors; outside of the room nobody finds them.
    ...ownFiles.flatMap((path, index) => ["--perms", "0444", "--file", String(FIRST_DESCRIPTOR + descriptorCount + index), path]),
    ...["--dir", "/tmp", "--chdir", "/", "--remount-ro", "/"],
  ];
}

/** Makes every folder that leads to the paths. bwrap itself would make them so that only root may enter, if root builds the room. */
export function foldersAbove(paths: readonly string[]): string[] {
  const folders = paths.flatMap((path) => {
    const parts = path.split("/").slice(1, -1);
    return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
  });
  return [...new Set(folders)].sort().flatMap((folder) => ["--dir", folder]);
}

interface User extends Pick<SandboxRequest, "uid" | "group"> {
  /** Its own group: that of the same number, unless it has another. */
  readonly gid?: number;
}

function becomeUser({ uid, gid = uid, group }: User): string[] {
  const groups = group === undefined ? ["--clear-groups"] : ["--groups", String(group)];
  return [SETPRIV, "--reuid", String(uid), "--regid", String(gid), ...groups];
}

/** Another user, for good: no capability is left, and no file that it executes gives it one. */
export function becomePowerless(user: User): string[] {
  return [...becomeUser(user), "--inh-caps", "-all", "--ambient-caps", "-all", "--bounding-set", "-all", "--no-new-privs", "--"];
}
