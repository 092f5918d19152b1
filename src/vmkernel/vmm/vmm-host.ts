/** What of the host every monitor is started with. */
import { stat } from "node:fs/promises";
import type { HostPaths } from "../../base/index.ts";
import type { Isolation } from "../isolation.ts";
import { filesOfQemu, QEMU } from "./sandbox-qemu.ts";

export interface VmmHost {
  /** Tells the hosts of one machine apart, in uids. */
  readonly hostId: string;
  /** The folder of the run-time folders, root's alone. */
  readonly folder: string;
  readonly accelerator: "kvm" | "tcg";
  readonly isolation: Isolation;
  /** In what every monitor's confinement is weaker than the design; empty on a whole host. */
  readonly weaknesses: readonly string[];
  /** The host's cgroup, which holds its monitors'; undefined where the machine has none (--degraded). */
  readonly cgroup: string | undefined;
  /** QEMU's file, by which its process is known among those of its sandbox. */
  readonly program: string;
  /** What QEMU finds in its sandbox. */
  readonly readOnlyPaths: readonly string[];
  /** /dev/kvm and its group, where the accelerator is KVM. */
  readonly kvm: { readonly path: string; readonly gid: number } | undefined;
}

const KVM = "/dev/kvm";

/** The host's cgroup, by name. */
export function hostCgroup({ hostId }: HostPaths): string {
  return `bulkhead-${hostId}`;
}

export async function describeVmmHost(
  paths: HostPaths,
  found: Pick<VmmHost, "accelerator" | "isolation" | "weaknesses">,
): Promise<VmmHost> {
  const { accelerator, isolation } = found;
  return {
    ...found,
    hostId: paths.hostId,
    folder: paths.monitors,
    cgroup: isolation.memoryCgroup || isolation.pidsCgroup ? hostCgroup(paths) : undefined,
    program: QEMU,
    readOnlyPaths: await filesOfQemu(isolation),
    kvm: accelerator === "kvm" ? { path: KVM, gid: (await stat(KVM)).gid } : undefined,
  };
}
