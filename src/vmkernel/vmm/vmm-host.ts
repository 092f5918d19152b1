/** What of the host every monitor is started with. */
import { assert, type HostPaths } from "../../base/index.ts";
import { uidsInUse } from "../../system/index.ts";
import type { Isolation } from "../isolation.ts";
import { type Accelerator, chooseAccelerator } from "./accelerator.ts";
import { findKvm, type KvmDevice } from "./accelerator-kvm.ts";
import { filesOfQemu, QEMU } from "./sandbox-qemu.ts";
import { pickUid } from "./sandbox-uid.ts";

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
  /** /dev/kvm and the group that may open it, where the accelerator is KVM. */
  readonly kvm: Extract<KvmDevice, { kind: "usable" }> | undefined;
}

/** The host's cgroup, by name. */
export function hostCgroup({ hostId }: HostPaths): string {
  return `bulkhead-${hostId}`;
}

function cgroupFor(paths: HostPaths, { memoryCgroup, pidsCgroup }: Isolation): string | undefined {
  return memoryCgroup || pidsCgroup ? hostCgroup(paths) : undefined;
}

/** Runs the self-test guest, as a user and in a cgroup of its own. */
export function testAccelerators(paths: HostPaths, isolation: Isolation): Promise<Accelerator> {
  const uid = pickUid(paths.hostId, uidsInUse());
  assert(uid !== undefined, "no machine has as many processes as there are uids for monitors");
  const parent = cgroupFor(paths, isolation);
  return chooseAccelerator({ isolation, uid, cgroup: parent === undefined ? undefined : `${parent}/self-test` });
}

export async function describeVmmHost(
  paths: HostPaths,
  found: Pick<VmmHost, "accelerator" | "isolation" | "weaknesses">,
): Promise<VmmHost> {
  const { accelerator, isolation } = found;
  const kvm = findKvm();
  return {
    ...found,
    hostId: paths.hostId,
    folder: paths.monitors,
    cgroup: cgroupFor(paths, isolation),
    program: QEMU,
    readOnlyPaths: await filesOfQemu(isolation),
    kvm: accelerator === "kvm" && kvm.kind === "usable" ? kvm : undefined,
  };
}
