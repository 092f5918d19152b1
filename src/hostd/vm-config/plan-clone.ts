/**
 * The .vmx of a VM that is made of another: the same machine under another name, with UUIDs and addresses of its own. Pure.
 * Source: vim25 VirtualMachineCloneSpec; paper «Linked Clones».
 */
import { formatSpacedUuid, updateVmx, type VirtualEthernetCard, type Vmx, type VmxChanges, vmxKeys } from "../../wire/index.ts";
import { readDevices } from "./devices/index.ts";
import { makeVmUuid } from "./identity.ts";
import { PORTS } from "./limits.ts";
import { generateMac } from "./mac-address.ts";
import { baseNameOf, type VmPlace } from "./place.ts";

export interface CloneQuestion {
  readonly name: string;
  /** Where the clone lies. */
  readonly place: VmPlace;
  /** MAC addresses of all VMs of the host, lower case. */
  readonly macsInUse: ReadonlySet<string>;
  /** How the clone names the file of the disk at each node: "scsi0:0". */
  readonly files: ReadonlyMap<string, string>;
  readonly random: (bytes: number) => Uint8Array;
}

/** Of the VM that it was, and of what was done to that. */
const LEFT_OUT = /^(checkpoint\.|vc\.uuid$|uuid\.|sched\.swap\.derivedname$|extendedconfigfile$|nvram$|managedby\.|snapshot\.)/i;

export function planClone(source: Vmx, { name, place, macsInUse, files, random }: CloneQuestion): Vmx {
  const bios = makeVmUuid(random(14));
  const written = formatSpacedUuid(bios.replaceAll("-", ""));
  const left: VmxChanges = Object.fromEntries(
    vmxKeys(source)
      .filter((key) => LEFT_OUT.test(key))
      .map((key) => [key, undefined]),
  );
  const taken = new Set(macsInUse);
  const cards = readDevices(source, { ...place, disks: new Map() }).filter(
    (device): device is VirtualEthernetCard => "macAddress" in device,
  );
  const macs = cards.map((card): readonly [string, string | undefined][] => {
    const number = card.key - PORTS.ethernet.key;
    const mac = generateMac(bios, number, taken);
    taken.add(mac);
    // An address that somebody chose was chosen for the other VM.
    return [
      [`ethernet${number}.addressType`, "generated"],
      [`ethernet${number}.generatedAddress`, mac],
      [`ethernet${number}.address`, undefined],
      [`ethernet${number}.checkMACAddress`, undefined],
    ];
  });
  return updateVmx(source, {
    ...left,
    displayName: name,
    nvram: `${baseNameOf(place)}.nvram`,
    "uuid.bios": written,
    "uuid.location": written,
    "vc.uuid": formatSpacedUuid(`52${Buffer.from(random(15)).toString("hex")}`),
    ...Object.fromEntries(macs.flat()),
    ...Object.fromEntries([...files].map(([node, file]) => [`${node}.fileName`, file])),
  });
}
