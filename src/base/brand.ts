/** Identifiers whose form has been checked where they entered. Pure. */

/** The id of a registered VM, as ESXi forms it: a small decimal number (vim25 VirtualMachine moid). */
export type VmId = string & { readonly brand: "VmId" };

const VM_ID = /^[1-9][0-9]{0,8}$/;

/** @param text untrusted. @returns the id, or undefined when `text` does not have the form of one. */
export function parseVmId(text: string): VmId | undefined {
  return VM_ID.test(text) ? (text as VmId) : undefined;
}
