/** What tells a VM from others when its .vmx does not say, and the version of its configuration. Pure. */
import { createHash } from "node:crypto";
import { formatDatastorePath } from "../../base/index.ts";
import { formatCanonicalUuid, formatVmx, type Vmx } from "../../wire/index.ts";
import { readField } from "./fields.ts";
import { baseNameOf, type VmPlace } from "./place.ts";
import { identityFields } from "./settings.ts";

/** The VM's SMBIOS UUID; for a .vmx without one, one that stays the same as long as the file lies where it does. */
export function biosUuidOf(vmx: Vmx, { vmxPath }: Pick<VmPlace, "vmxPath">): string {
  return readField(identityFields.uuid, vmx) ?? makeVmUuid(createHash("sha256").update(formatDatastorePath(vmxPath)).digest());
}

/** @param bytes at least 14. @returns a UUID as ESXi forms them: "564d…", "VM" in ASCII */
export function makeVmUuid(bytes: Uint8Array): string {
  return formatCanonicalUuid(`564d${Buffer.from(bytes).toString("hex").slice(0, 28)}`);
}

export function displayNameOf(vmx: Vmx, place: Pick<VmPlace, "vmxPath">): string {
  return readField(identityFields.name, vmx) || baseNameOf(place);
}

/** Changes with every change of the file; clients send it back to say which configuration they saw. */
export function changeVersionOf(vmx: Vmx): string {
  return createHash("sha256").update(formatVmx(vmx)).digest("hex").slice(0, 16);
}
