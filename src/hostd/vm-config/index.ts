export { type GuestOsId, guestFamily, guestFullName, isGuestOsId } from "./guest-os.ts";
export { efiVariablesOf, type MachineQuestion, machineSpecOf, serialFilesOf } from "./machine-spec.ts";
export { type ConfigContext, type ConfigPlan, planCreate, planReconfigure } from "./plan-config.ts";
export { asRunning, type ConfigReading, diskPathsOf, readConfig } from "./read-config.ts";
