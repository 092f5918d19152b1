/**
 * What becomes of each property of VirtualMachineConfigSpec. A table; pure.
 * A property that the schema gets and this table lacks does not compile.
 */
import type { VirtualMachineConfigSpec } from "../../wire/index.ts";

type Property = Exclude<keyof VirtualMachineConfigSpec, "$type">;

/**
 * "field": one .vmx key (settings.ts). "own": apply-config-spec.ts has a line for it. "ignored": says nothing about the VM.
 * Else when its value asks for something that this host does not do: it is refused then, never just stored.
 */
export type SpecRow<P extends Property> = "field" | "own" | "ignored" | ((value: NonNullable<VirtualMachineConfigSpec[P]>) => boolean);

const isTrue = (value: boolean) => value;
const always = () => true;
const isFilled = (value: readonly unknown[]) => value.length > 0;

export const SPEC_ROWS: { readonly [P in Property]: SpecRow<P> } = {
  changeVersion: "own",
  name: "field",
  version: "own",
  createDate: "ignored", // the server's to say
  uuid: "field",
  instanceUuid: "field",
  npivNodeWorldWideName: isFilled,
  npivPortWorldWideName: isFilled,
  npivWorldWideNameType: always,
  npivDesiredNodeWwns: (count) => count > 0,
  npivDesiredPortWwns: (count) => count > 0,
  npivTemporaryDisabled: "ignored",
  npivOnNonRdmDisks: isTrue,
  npivWorldWideNameOp: (operation) => operation !== "remove",
  locationId: "field",
  guestId: "field",
  alternateGuestName: "field",
  annotation: "field",
  files: "own",
  tools: "own",
  flags: "own",
  consolePreferences: "ignored", // of a client's own console window
  powerOpInfo: "own",
  rebootPowerOff: isTrue,
  numCPUs: "own",
  vcpuConfig: isFilled,
  numCoresPerSocket: "own",
  memoryMB: "own",
  memoryHotAddEnabled: "field",
  cpuHotAddEnabled: "field",
  cpuHotRemoveEnabled: "field",
  virtualICH7MPresent: isTrue,
  virtualSMCPresent: isTrue,
  deviceChange: "own",
  cpuAllocation: "own",
  memoryAllocation: "own",
  latencySensitivity: "own",
  cpuAffinity: "own",
  memoryAffinity: ({ affinitySet = [] }) => affinitySet.length > 0, // memory is not placed; an empty set is written
  networkShaper: ({ enabled }) => enabled === true,
  cpuFeatureMask: "own",
  extraConfig: "own",
  swapPlacement: (place) => place === "vmDirectory", // what is swapped lies in the host's own folder
  bootOptions: "own",
  vAppConfig: always,
  ftInfo: always,
  repConfig: always,
  vAppConfigRemoved: "ignored", // there is none
  vAssertsEnabled: isTrue,
  changeTrackingEnabled: "field",
  firmware: "field",
  maxMksConnections: "field",
  guestAutoLockEnabled: "field",
  managedBy: "own",
  memoryReservationLockedToMax: "field",
  nestedHVEnabled: "field",
  vPMCEnabled: "field",
  scheduledHardwareUpgradeInfo: ({ upgradePolicy }) => upgradePolicy !== undefined && upgradePolicy !== "never",
  vmProfile: (profiles) =>
    profiles.some(({ $type }) => $type !== "VirtualMachineEmptyProfileSpec" && $type !== "VirtualMachineDefaultProfileSpec"),
  messageBusTunnelEnabled: isTrue,
  crypto: always,
  migrateEncryption: "field",
  sgxInfo: ({ epcSize }) => epcSize > 0,
  ftEncryptionMode: "field",
  guestMonitoringModeInfo: always,
  sevEnabled: isTrue,
  virtualNuma: ({ coresPerNumaNode = 0, exposeVnumaOnCpuHotadd = false }) => coresPerNumaNode > 0 || exposeVnumaOnCpuHotadd,
  motherboardLayout: (layout) => layout !== "i440bxHostBridge",
  pmemFailoverEnabled: isTrue,
  vmxStatsCollectionEnabled: "ignored", // of VMware's own process
  vmOpNotificationToAppEnabled: isTrue,
  vmOpNotificationTimeout: (seconds) => seconds > 0,
  deviceSwap: always,
  simultaneousThreads: (threads) => threads > 1, // one thread per core, always: paper «Instruction Isolation»
  pmem: always,
  deviceGroups: always,
  fixedPassthruHotPlugEnabled: isTrue,
  metroFtEnabled: isTrue,
  metroFtHostGroup: (group) => group !== "",
};

/** @returns the properties that ask for what this host does not do */
export function unavailableIn(spec: VirtualMachineConfigSpec): Property[] {
  return Object.entries(spec).flatMap(([name, value]) => {
    if (!isProperty(name) || value === undefined || value === null) return [];
    const row: SpecRow<never> = SPEC_ROWS[name] as SpecRow<never>;
    return typeof row === "function" && row(value as never) ? [name] : [];
  });
}

function isProperty(name: string): name is Property {
  return Object.hasOwn(SPEC_ROWS, name);
}
