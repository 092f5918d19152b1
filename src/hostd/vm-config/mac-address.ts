/**
 * MAC addresses of VMs: which a client may give, and which the host gives. Pure.
 * Source: the vSphere Web Services API: 00:0c:29 generated, 00:50:56:00–3f manual; vSphere keeps 00:50:56:40–ff for vCenter.
 */

/** In a .vmx: "static", "generated", "vpx". */
export type MacKind = "manual" | "generated" | "assigned";

const GENERATED_PREFIX = "00:0c:29";
const VMWARE_PREFIX = "00:50:56";
const MANUAL_FOURTH_MAX = 0x3f;
const GENERATED_STEP = 10; // ESXi's distance between the addresses of one VM (generatedAddressOffset)

/** @returns lower case with colons, or undefined when `text` is no MAC address of a single host */
export function parseMac(text: string): string | undefined {
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === "00:00:00:00:00:00") return undefined;
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  return isGroup ? undefined : mac;
}

/** Why a client may not give this address itself; undefined when it may. */
export function refuseManualMac(mac: string): string | undefined {
  const fourth = Number.parseInt(mac.slice(9, 11), 16);
  if (!mac.startsWith(VMWARE_PREFIX) || fourth <= MANUAL_FOURTH_MAX) return undefined;
  return `${mac} is outside 00:50:56:00:00:00–00:50:56:3f:ff:ff, the range for manual addresses.`;
}

/** Whether a .vmx has to say that the address is meant: ESXi checks that it is one of VMware's otherwise. */
export function isForeignMac(mac: string): boolean {
  return !mac.startsWith(VMWARE_PREFIX) && !mac.startsWith(GENERATED_PREFIX);
}

/** The offset that goes with the address of ethernet`number`. */
export function generatedOffset(number: number): number {
  return number * GENERATED_STEP;
}

/**
 * The address of ethernet`number`: from the VM's UUID as ESXi does it, so that a copied folder keeps its addresses.
 * @param biosUuid as uuid.bios gives it, 8-4-4-4-12
 * @param taken addresses that it must not be
 */
export function generateMac(biosUuid: string, number: number, taken: ReadonlySet<string> = new Set()): string {
  const base = Number.parseInt(biosUuid.replaceAll("-", "").slice(-6), 16) + generatedOffset(number);
  for (let shift = 0; ; shift++) {
    const low = ((base + shift) % 0x1000000).toString(16).padStart(6, "0");
    const mac = `${GENERATED_PREFIX}:${low.slice(0, 2)}:${low.slice(2, 4)}:${low.slice(4, 6)}`;
    if (!taken.has(mac)) return mac;
  }
}
