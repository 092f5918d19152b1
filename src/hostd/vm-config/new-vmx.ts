/** The .vmx that a new VM begins with, before anything that its client asks for. Pure. Source: ESXi's VM files, as ESXi 8 writes it. */
import { emptyVmx, formatSpacedUuid, updateVmx, type VirtualDevice, type Vmx } from "../../wire/index.ts";
import { readDevices } from "./devices/index.ts";
import { makeVmUuid } from "./identity.ts";
import { HARDWARE_VERSION } from "./limits.ts";
import { baseNameOf, type VmPlace } from "./place.ts";

export const DEFAULT_MEMORY_MIB = 1024;
const PCIE_BRIDGES = [4, 5, 6, 7];

export function beginVmx(place: VmPlace, random: (bytes: number) => Uint8Array): Vmx {
  const bios = formatSpacedUuid(makeVmUuid(random(14)).replaceAll("-", ""));
  const instance = formatSpacedUuid(`52${Buffer.from(random(15)).toString("hex")}`);
  const bridges = PCIE_BRIDGES.flatMap((number) => [
    [`pciBridge${number}.present`, "TRUE"],
    [`pciBridge${number}.virtualDev`, "pcieRootPort"],
    [`pciBridge${number}.functions`, "8"],
  ]);
  return updateVmx(emptyVmx, {
    ".encoding": "UTF-8",
    "config.version": "8",
    "virtualHW.version": String(HARDWARE_VERSION.max),
    nvram: `${baseNameOf(place)}.nvram`,
    "pciBridge0.present": "TRUE",
    ...Object.fromEntries(bridges),
    "vmci0.present": "TRUE",
    "svga.present": "TRUE",
    "floppy0.present": "FALSE", // without the key, VMware's own products see a floppy drive
    displayName: baseNameOf(place),
    guestOS: "other",
    numvcpus: "1",
    memSize: String(DEFAULT_MEMORY_MIB),
    "uuid.bios": bios,
    "uuid.location": bios,
    "vc.uuid": instance,
  });
}

/** The devices that a new VM has before its client adds any. */
export function defaultDevices(): readonly VirtualDevice[] {
  const anywhere = { vmxPath: { datastore: "", path: ".vmx" }, datastores: [] };
  return readDevices(
    beginVmx(anywhere, (bytes) => new Uint8Array(bytes)),
    { ...anywhere, disks: new Map() },
  );
}
