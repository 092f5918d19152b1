/**
 * extraConfig: the keys of a .vmx that have no property of their own. Pure.
 * What has one is set through it alone, for another privilege guards it, and it is checked there: a disk's file name, a memory size.
 * Source: vim25 VirtualMachineConfigSpec.extraConfig.
 */
import { isVmxKey, type OptionValue, readVmx, type Vmx, type VmxChanges, vmxKeys } from "../../wire/index.ts";
import { isMask } from "./cpu-mask.ts";
import { invalidArgument } from "./fields.ts";
import { EXTRA_CONFIG_MAX } from "./limits.ts";
import { identityFields, sharedCodecs } from "./settings.ts";

const identityKeys: ReadonlySet<string> = new Set(
  Object.values(identityFields as Readonly<Record<string, { key: string }>>).map(({ key }) => key.toLowerCase()),
);

/** Keys, in lower case, that say what a VM is made of, where its files are, or what it may use of the host. */
const OWNED: readonly RegExp[] = [
  /^\.encoding$/,
  /^config\.version$/,
  /^(extendedconfigfile|nvram|workingdir|migrate\.hostlog|sched\.swap\.(dir|derivedname)|log\.filename|vmxstats\.filename)$/,
  /^(checkpoint|snapshot\d*)\./,
  /^managedby\./,
  /^sched\.(cpu|mem)\.(min|max|minsize|shares|units|affinity|latencysensitivity)$/,
  /^sched\.(scsi|sata|ide|nvme)\d+:\d+\./,
  /^bios\.(bootorder|hddorder)$/,
  /^(scsi|sata|ide|nvme)\d+(:\d+)?\.(present|virtualdev|sharedbus|filename|devicetype|mode|sharing|redo|clientdevice|startconnected|allowguestconnectioncontrol|writethrough)$/,
  /^ethernet\d+\.(present|virtualdev|networkname|connectiontype|vnet|dvs\..*|opaquenetwork\..*|address|addresstype|generatedaddress|generatedaddressoffset|checkmacaddress|wakeonpcktrcv|uptcompatibility|externalid|startconnected|allowguestconnectioncontrol|shares|limit|reservation)$/,
  /^(floppy|serial|parallel)\d+\.(present|filetype|filename|clientdevice|startconnected|allowguestconnectioncontrol|yieldonmsrread|trynorxloss|network\..*|pipe\..*|vspc.*|autodetect)$/,
  /^(usb|ehci|usb_xhci|sound|vtpm|vwdt|precisionclock\d+|vmci\d+|svga)\.(present|id|virtualdev|filename|vramsize|numdisplays|autodetect|graphicsmemorykb)$/,
  /^(usb|usb_xhci):\d+\./,
  /^pcipassthru\d+\./,
  /^mks\.(enable3d|use3drenderer)$/,
];

/** @throws {Fault} InvalidArgument, which names the key */
export function writeExtraConfig(entries: readonly OptionValue[]): VmxChanges {
  if (entries.length > EXTRA_CONFIG_MAX) throw invalidArgument("configSpec.extraConfig");
  return Object.fromEntries(entries.map(({ key, value }) => [key, acceptValue(key, valueText(key, value?.value))] as const));
}

/** Everything that has no property of its own, and what can be set both ways. */
export function readExtraConfig(vmx: Vmx): OptionValue[] {
  return vmxKeys(vmx)
    .filter((key) => !isOwned(key))
    .map((key) => ({ $type: "OptionValue", key, value: { anyType: "string", value: readVmx(vmx, key) ?? "" } }));
}

/** An empty value takes the key out. */
function acceptValue(key: string, text: string): string | undefined {
  if (!isVmxKey(key)) throw invalidArgument(`configSpec.extraConfig[${JSON.stringify(key.slice(0, 80))}]`, "a .vmx cannot have such a key");
  if (isOwned(key)) throw invalidArgument(`configSpec.extraConfig["${key}"]`, "it is set through its own property");
  if (text === "") return undefined;
  if (sharedCodecs.get(key.toLowerCase())?.read(text) === undefined && sharedCodecs.has(key.toLowerCase())) {
    throw invalidArgument(`configSpec.extraConfig["${key}"]`, "it cannot have that value");
  }
  if (!isMask(key, text)) throw invalidArgument(`configSpec.extraConfig["${key}"]`, "it is no mask of 32 bits");
  return text;
}

function valueText(key: string, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "TRUE" : "FALSE";
  throw invalidArgument(`configSpec.extraConfig["${key}"]`, "it is no text");
}

function isOwned(key: string): boolean {
  const lower = key.toLowerCase();
  return identityKeys.has(lower) || OWNED.some((pattern) => pattern.test(lower));
}
