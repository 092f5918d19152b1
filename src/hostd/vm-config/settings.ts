/**
 * The settings of a VM that are one .vmx key each, grouped as the API groups them. Tables; pure.
 * Where storage.md §2 names no key for a property, the key is of our own making and marked so: other products leave it alone.
 */

import { LOG_KEEP_OLD, LOG_ROTATE_BYTES } from "../../vmkernel/index.ts";
import type {
  ToolsConfigInfo,
  VirtualMachineBootOptions,
  VirtualMachineConfigSpec,
  VirtualMachineDefaultPowerOpInfo,
  VirtualMachineFlagInfo,
} from "../../wire/index.ts";
import { type Codec, choice, type Field, type Fields, flag, integer, text, uuid } from "./fields.ts";
import { formatGuestOs, isGuestOsId, parseGuestOs } from "./guest-os.ts";
import { BOOT_WAIT_MS_MAX, HARDWARE_VERSION, MEMORY_MIB, NAME_LENGTH_MAX, TEXT_LENGTH_MAX, VCPUS_MAX } from "./limits.ts";

const milliseconds = integer({ min: 0, max: BOOT_WAIT_MS_MAX });
const seconds = integer({ min: 0, max: Math.floor(BOOT_WAIT_MS_MAX / 1000) });
/** The API's milliseconds, where a .vmx has seconds. */
const wholeSeconds: Codec<number> = {
  read(written) {
    const count = seconds.read(written);
    return count === undefined ? undefined : count * 1000;
  },
  write: (value) => seconds.write(Math.ceil(value / 1000)),
};
const powerOp = choice({ soft: "soft", hard: "hard", preset: "default" });

/** "vmx-21" is written 21. */
const hardwareVersion: Codec<string> = {
  read: (written) => (/^[0-9]{1,2}$/.test(written) ? `vmx-${written.padStart(2, "0")}` : undefined),
  write: (value) => {
    const number = /^vmx-([0-9]{2})$/.exec(value)?.[1];
    return number !== undefined && Number(number) >= HARDWARE_VERSION.min && Number(number) <= HARDWARE_VERSION.max
      ? String(Number(number))
      : undefined;
  },
};

const guestId: Codec<string> = {
  read: parseGuestOs,
  write: (value) => (isGuestOsId(value) ? formatGuestOs(value) : undefined),
};

/** What a VM is: each has a property of its own and is set through it alone. */
export const identityFields: Fields<
  Pick<
    VirtualMachineConfigSpec,
    | "name"
    | "guestId"
    | "alternateGuestName"
    | "version"
    | "annotation"
    | "uuid"
    | "instanceUuid"
    | "locationId"
    | "numCPUs"
    | "numCoresPerSocket"
    | "memoryMB"
    | "firmware"
  >
> = {
  name: { key: "displayName", codec: text({ max: NAME_LENGTH_MAX }) },
  guestId: { key: "guestOS", codec: guestId },
  alternateGuestName: { key: "guestOSAltName", codec: text({ max: NAME_LENGTH_MAX * 4 }) },
  version: { key: "virtualHW.version", codec: hardwareVersion },
  annotation: { key: "annotation", codec: text({ max: TEXT_LENGTH_MAX }) },
  uuid: { key: "uuid.bios", codec: uuid },
  instanceUuid: { key: "vc.uuid", codec: uuid },
  locationId: { key: "uuid.location", codec: uuid },
  numCPUs: { key: "numvcpus", codec: integer({ min: 1, max: VCPUS_MAX }) },
  numCoresPerSocket: { key: "cpuid.coresPerSocket", codec: integer({ min: 1, max: VCPUS_MAX }) },
  memoryMB: { key: "memSize", codec: integer({ min: MEMORY_MIB.min, max: MEMORY_MIB.max }) },
  firmware: { key: "firmware", codec: choice({ bios: "bios", efi: "efi" }), implied: "bios" }, // libvirt knows "efi" only
};

/** How it runs: extraConfig may set these too, with the same check. */
export const optionFields: Fields<
  Pick<
    VirtualMachineConfigSpec,
    | "memoryHotAddEnabled"
    | "cpuHotAddEnabled"
    | "cpuHotRemoveEnabled"
    | "changeTrackingEnabled"
    | "nestedHVEnabled"
    | "vPMCEnabled"
    | "memoryReservationLockedToMax"
    | "maxMksConnections"
    | "guestAutoLockEnabled"
    | "migrateEncryption"
    | "ftEncryptionMode"
    | "swapPlacement"
  >
> = {
  memoryHotAddEnabled: { key: "mem.hotadd", codec: flag },
  cpuHotAddEnabled: { key: "vcpu.hotadd", codec: flag },
  cpuHotRemoveEnabled: { key: "vcpu.hotremove", codec: flag },
  changeTrackingEnabled: { key: "ctkEnabled", codec: flag },
  nestedHVEnabled: { key: "vhv.enable", codec: flag },
  vPMCEnabled: { key: "vpmc.enable", codec: flag },
  memoryReservationLockedToMax: { key: "sched.mem.pin", codec: flag },
  maxMksConnections: { key: "RemoteDisplay.maxConnections", codec: integer({ min: -1, max: 40 }) },
  guestAutoLockEnabled: { key: "tools.guest.desktop.autolock", codec: flag },
  migrateEncryption: {
    key: "migrate.encryptionMode",
    codec: choice({ disabled: "disabled", opportunistic: "opportunistic", required: "required" }),
  },
  ftEncryptionMode: {
    key: "ftcpt.ftEncryptionMode",
    codec: choice({
      ftEncryptionDisabled: "ftEncryptionDisabled",
      ftEncryptionOpportunistic: "ftEncryptionOpportunistic",
      ftEncryptionRequired: "ftEncryptionRequired",
    }),
  },
  swapPlacement: { key: "sched.swap.placement", codec: choice({ inherit: "inherit", vmDirectory: "vmDirectory", hostLocal: "hostLocal" }) }, // our own key
};

export const flagFields: Fields<VirtualMachineFlagInfo> = {
  disableAcceleration: { key: "monitor.disableAcceleration", codec: flag }, // our own key
  enableLogging: { key: "logging", codec: flag },
  runWithDebugInfo: { key: "monitor.debugInfo", codec: flag }, // our own key
  monitorType: { key: "monitor.type", codec: choice({ release: "release", debug: "debug", stats: "stats" }) }, // our own key
  htSharing: { key: "sched.cpu.htsharing", codec: choice({ any: "any", none: "none", internal: "internal" }) },
  snapshotDisabled: { key: "snapshot.disabled", codec: flag }, // our own key
  snapshotLocked: { key: "snapshot.locked", codec: flag }, // our own key
  diskUuidEnabled: { key: "disk.EnableUUID", codec: flag },
  virtualMmuUsage: { key: "monitor.virtual_mmu", codec: choice({ automatic: "automatic", on: "hardware", off: "software" }) },
  virtualExecUsage: { key: "monitor.virtual_exec", codec: choice({ hvAuto: "automatic", hvOn: "hardware", hvOff: "software" }) },
  snapshotPowerOffBehavior: {
    key: "snapshot.action",
    codec: choice({ powerOff: "keep", revert: "autoRevert", prompt: "prompt", take: "autoCommit" }),
  },
  recordReplayEnabled: { key: "replay.supported", codec: flag },
  cbrcCacheEnabled: { key: "sched.cbrc.enabled", codec: flag }, // our own key
  vvtdEnabled: { key: "vvtd.enable", codec: flag },
  vbsEnabled: { key: "vbs.enabled", codec: flag }, // our own key
};

export const defaultFlags: VirtualMachineFlagInfo = {
  $type: "VirtualMachineFlagInfo",
  disableAcceleration: false,
  enableLogging: true,
  useToe: false,
  runWithDebugInfo: false,
  monitorType: "release",
  htSharing: "any",
  snapshotDisabled: false,
  snapshotLocked: false,
  diskUuidEnabled: false,
  snapshotPowerOffBehavior: "powerOff",
  recordReplayEnabled: false,
  faultToleranceType: "unset",
  cbrcCacheEnabled: false,
  vvtdEnabled: false,
  vbsEnabled: false,
};

/** All but the order, which names devices: boot-order.ts. */
export const bootFields: Fields<VirtualMachineBootOptions> = {
  bootDelay: { key: "bios.bootDelay", codec: milliseconds },
  enterBIOSSetup: { key: "bios.forceSetupOnce", codec: flag },
  efiSecureBootEnabled: { key: "uefi.secureBoot.enabled", codec: flag },
  bootRetryEnabled: { key: "bios.bootRetry.enabled", codec: flag },
  bootRetryDelay: { key: "bios.bootRetry.delay", codec: wholeSeconds },
  networkBootProtocol: { key: "bios.networkBootProtocol", codec: choice({ ipv4: "ipv4", ipv6: "ipv6" }) }, // our own key
};

export const defaultBoot: VirtualMachineBootOptions = {
  $type: "VirtualMachineBootOptions",
  bootDelay: 0,
  enterBIOSSetup: false,
  efiSecureBootEnabled: false,
  bootRetryEnabled: false,
  bootRetryDelay: 10_000,
  networkBootProtocol: "ipv4",
};

export const toolsFields: Fields<ToolsConfigInfo> = {
  afterPowerOn: { key: "toolScripts.afterPowerOn", codec: flag },
  afterResume: { key: "toolScripts.afterResume", codec: flag },
  beforeGuestStandby: { key: "toolScripts.beforeSuspend", codec: flag },
  beforeGuestShutdown: { key: "toolScripts.beforePowerOff", codec: flag },
  beforeGuestReboot: { key: "toolScripts.beforeReboot", codec: flag }, // our own key
  toolsUpgradePolicy: { key: "tools.upgrade.policy", codec: choice({ manual: "manual", upgradeAtPowerCycle: "upgradeAtPowerCycle" }) },
  syncTimeWithHostAllowed: { key: "time.synchronize.allow", codec: flag },
  syncTimeWithHost: { key: "tools.syncTime", codec: flag },
};

export const defaultTools: ToolsConfigInfo = {
  $type: "ToolsConfigInfo",
  toolsVersion: 0,
  afterPowerOn: true,
  afterResume: true,
  beforeGuestStandby: true,
  beforeGuestShutdown: true,
  beforeGuestReboot: false,
  toolsUpgradePolicy: "manual",
  syncTimeWithHostAllowed: true,
  syncTimeWithHost: false,
};

export const powerOpFields: Fields<VirtualMachineDefaultPowerOpInfo> = {
  powerOffType: { key: "powerType.powerOff", codec: powerOp },
  suspendType: { key: "powerType.suspend", codec: powerOp },
  resetType: { key: "powerType.reset", codec: powerOp },
  standbyAction: { key: "powerType.standby", codec: choice({ checkpoint: "checkpoint", powerOnSuspend: "powerOnSuspend" }) }, // our own key
};

/** The log in the VM's folder: how many old ones are kept, and how long each grows. */
export const logFields = {
  keepOld: { key: "log.keepOld", codec: integer(LOG_KEEP_OLD) },
  rotateBytes: { key: "log.rotateSize", codec: integer(LOG_ROTATE_BYTES) },
} as const satisfies Record<string, Field<number>>;

/** What ESXi's hardening guides ask for, and what is without them. */
export const defaultLog = { keepOld: 10, rotateBytes: 2_048_000 };

/** "custom" is of old versions of the API: it said no more than its nearest level. */
export const latencyField: Field<string> = {
  key: "sched.cpu.latencySensitivity",
  codec: choice({ low: "low", normal: "normal", medium: "medium", high: "high" }),
};

export const defaultPowerOps: VirtualMachineDefaultPowerOpInfo = {
  $type: "VirtualMachineDefaultPowerOpInfo",
  powerOffType: "soft",
  suspendType: "hard",
  resetType: "soft",
  defaultPowerOffType: "soft",
  defaultSuspendType: "hard",
  defaultResetType: "soft",
  standbyAction: "checkpoint",
};

/** How memory is taken back from a VM: keys of a .vmx that have no property. */
export const reclaimFields = {
  /** In MB: the most that its balloon may take; -1 is what the host lets balloons take. */
  balloonMax: { key: "sched.mem.maxmemctl", codec: integer({ min: -1, max: MEMORY_MIB.max }) },
  isShared: { key: "sched.mem.pshare.enable", codec: flag },
} as const;

/** Fields that extraConfig may set as well, by lower-case key. */
export const sharedCodecs: ReadonlyMap<string, Codec<never>> = new Map(
  [reclaimFields, optionFields, flagFields, bootFields, toolsFields, powerOpFields, logFields].flatMap((fields) =>
    Object.values(fields as Readonly<Record<string, { key: string; codec: Codec<never> }>>).map(
      ({ key, codec }) => [key.toLowerCase(), codec] as const,
    ),
  ),
);
