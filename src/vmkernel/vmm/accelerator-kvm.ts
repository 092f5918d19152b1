/** Whether a monitor's user can be let at /dev/kvm, and by which group. */
import { type Stats, statSync } from "node:fs";

export type KvmDevice =
  /** `group`: what the monitor's user must be in to open it; undefined when everybody may. */
  | { readonly kind: "usable"; readonly path: string; readonly group: number | undefined }
  /** `because` is a sentence. */
  | { readonly kind: "unusable"; readonly because: string };

const KVM = "/dev/kvm";

export function findKvm(): KvmDevice {
  return judgeKvm(statSync(KVM, { throwIfNoEntry: false }));
}

const GROUP_MAY = 0o060;
const OTHERS_MAY = 0o006;

/** Pure. */
export function judgeKvm(device: Pick<Stats, "mode" | "gid" | "isCharacterDevice"> | undefined): KvmDevice {
  if (device === undefined) return { kind: "unusable", because: `There is no ${KVM}.` };
  if (!device.isCharacterDevice()) return { kind: "unusable", because: `${KVM} is no device.` };
  if ((device.mode & OTHERS_MAY) === OTHERS_MAY) return { kind: "usable", path: KVM, group: undefined };
  if ((device.mode & GROUP_MAY) !== GROUP_MAY) return { kind: "unusable", because: `Only the owner of ${KVM} may open it.` };
  // root's group opens more than this device.
  if (device.gid === 0) return { kind: "unusable", because: `${KVM} is for root's group only: give it a group of its own (kvm).` };
  return { kind: "usable", path: KVM, group: device.gid };
}
