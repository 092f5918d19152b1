/**
 * Where a host keeps its things. All of it moves with one `--root DIR`, so that several hosts can run on one machine. Pure.
 * Source: ARCHITECTURE.md «What is kept where».
 */
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";

export interface HostPaths {
  readonly root: string;
  /** Eight hex digits that tell hosts of one machine apart: in cgroup names and uid ranges. */
  readonly hostId: string;
  /** root's: what must outlive a reboot. */
  readonly state: string;
  /** Files beneath it that guests are swapped to. */
  readonly swap: string;
  /** hostd's own folder beneath it: database and certificate. */
  readonly hostdState: string;
  /** Gone at a reboot. */
  readonly run: string;
  /** A folder of its own, for hostd sees it and nothing else of `run`. */
  readonly rpcFolder: string;
  readonly vmkernelSocket: string;
  /** Where vmkernel passes open files to hostd. */
  readonly filesSocket: string;
  /** A folder per running VM, by its id. */
  readonly monitors: string;
  /** Of the virtual network: its namespace, and its programs' pins. */
  readonly network: string;
  /** What the host's firewall was made from. */
  readonly firewall: string;
  /** Named pipes of serial ports: a unix socket each. */
  readonly pipes: string;
  /** Datastores: `<volumes>/<name>`. */
  readonly volumes: string;
}

/** Longest path that a unix socket can be bound to, in bytes: sun_path of sockaddr_un, with its terminator. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** @param root the `--root` argument; "/" on a host that owns its machine */
export function hostPaths(root: string): HostPaths {
  const absolute = resolve(root);
  const run = join(absolute, "run/bulkhead");
  const state = join(absolute, "var/lib/bulkhead");
  return {
    root: absolute,
    hostId: createHash("sha256").update(absolute).digest("hex").slice(0, 8),
    state,
    swap: join(state, "swap"),
    hostdState: join(state, "hostd"),
    run,
    rpcFolder: join(run, "rpc"),
    vmkernelSocket: join(run, "rpc/vmkernel.sock"),
    filesSocket: join(run, "rpc/files.sock"),
    monitors: join(run, "monitors"),
    network: join(run, "network"),
    firewall: join(run, "firewall.json"),
    pipes: join(run, "pipes"),
    volumes: join(absolute, "vmfs/volumes"),
  };
}
