/** What keeps a VM from booting and is no fault of its configuration: said at power-on, as a warning. Pure. */
import type { MachineSpec } from "../../vmkernel/index.ts";

/**
 * Debian's UEFI firmware (OVMF) is built without drivers for LSI Logic, LSI SAS and PVSCSI: it finds no disk on them, and ends in its
 * shell. An operating system that runs already finds them; only booting from them needs a BIOS.
 * @returns a sentence, or undefined when there is something that the firmware can boot from
 */
export function bootWarning({ firmware, devices }: MachineSpec): string | undefined {
  if (firmware.kind !== "efi") return undefined;
  const scsi = new Set(devices.flatMap((device) => (device.kind === "scsi" ? [device.key] : [])));
  const media = devices.filter((device) => device.kind === "disk" || (device.kind === "cdrom" && device.image !== undefined));
  const unseen = media.filter((device) => "controllerKey" in device && scsi.has(device.controllerKey));
  if (media.length === 0 || unseen.length < media.length) return undefined;
  return "This host's UEFI firmware has no driver for SCSI controllers and finds none of the VM's disks: put the one to boot from on a SATA, NVMe or IDE controller, or choose BIOS.";
}
