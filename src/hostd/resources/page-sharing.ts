/**
 * Which VMs may share equal pages of memory: those of one salt, and by default none with another. Pure.
 * Source: Mem.ShareForceSalting, sched.mem.pshare.salt, sched.mem.pshare.enable; paper «Memory Isolation».
 *
 *   ShareForceSalting   a salt of its own              none
 *   0                   with all                       with all
 *   1                   with those of the same salt    with all that have none
 *   2 (default)         with those of the same salt    with none
 *
 * An empty salt is one that nobody else has.
 */
import { readVmx, type Vmx } from "../../wire/index.ts";
import { readField, reclaimFields } from "../vm-config/index.ts";

export type SaltingPolicy = 0 | 1 | 2;

export type Sharing =
  | { readonly kind: "alone" }
  | { readonly kind: "group"; readonly group: string }
  /** It might share, and does not; a sentence says why. */
  | { readonly kind: "notNow"; readonly because: string };

export interface SharingQuestion {
  readonly vmx: Vmx;
  readonly policy: SaltingPolicy;
  /** Of the VMs that share now; the kernel serves one group at a time. */
  readonly groups: readonly string[];
}

const EVERYBODY = "everybody";
const UNSALTED = "unsalted";

export function planSharing({ vmx, policy, groups }: SharingQuestion): Sharing {
  const group = groupOf(vmx, policy);
  if (group === undefined) return { kind: "alone" };
  if (groups.every((running) => running === group)) return { kind: "group", group };
  // Which group that is, is not said: who knows its salt could join it, and measure what is in its pages.
  const because = "its pages are shared with nobody while VMs of another group run: this kernel shares within one group at a time";
  return { kind: "notNow", because };
}

function groupOf(vmx: Vmx, policy: SaltingPolicy): string | undefined {
  if (readField(reclaimFields.isShared, vmx) === false) return undefined;
  if (policy === 0) return EVERYBODY;
  const salt = readVmx(vmx, "sched.mem.pshare.salt");
  if (salt !== undefined) return salt === "" ? undefined : `salt ${salt}`;
  return policy === 1 ? UNSALTED : undefined;
}
