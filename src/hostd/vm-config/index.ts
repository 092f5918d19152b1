export { memoryMaxMib, memoryMibOf, planUpgrade, readAllocations, vcpusOf } from "./compute.ts";
export { type CatalogueRow, DEVICE_CATALOGUE, type DeviceType, isOfVersion } from "./device-catalogue.ts";
export type { DiskToCreate } from "./device-draft.ts";
export { readField } from "./fields.ts";
export { type GuestOsId, guestFamily, guestFullName, guestOsIds, isGuestOsId, OTHER_GUEST } from "./guest-os.ts";
export { guestVariablesOf } from "./guest-variables.ts";
export { planHotChange } from "./hot-change.ts";
export { changeVersionOf } from "./identity.ts";
export {
  BUSES,
  DISK_BYTES,
  DISKS_MAX,
  HARDWARE_VERSION,
  keyOfNode,
  MEMORY_MIB,
  PORTS,
  SCSI_CONTROLLER_UNIT,
  unitsOf,
  VCPUS_MAX,
  VIDEO_KIB,
} from "./limits.ts";
export { parseMac } from "./mac-address.ts";
export { planMacs } from "./mac-conflicts.ts";
export { efiVariablesOf, type MachineQuestion, MEMORY_ADDED_KEY, machineSpecOf, serialFilesOf } from "./machine-spec.ts";
export { descriptorOf, makeDiskUuid } from "./new-disks.ts";
export { DEFAULT_MEMORY_MIB, defaultDevices } from "./new-vmx.ts";
export { nameFile, resolveFile, type VmPlace } from "./place.ts";
export { planClone } from "./plan-clone.ts";
export { type ConfigContext, type ConfigPlan, planCreate, planReconfigure } from "./plan-config.ts";
export { asRunning, type ConfigReading, diskPathsOf, readConfig, readCpuAffinity } from "./read-config.ts";
export { reclaimFields } from "./settings.ts";
export { CUSTOM_SHARES, DISK_SHARES } from "./shares.ts";
export { type VmDisk, vmDisksOf } from "./vm-disks.ts";
