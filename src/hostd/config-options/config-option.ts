/**
 * What a VM of one hardware version can be on this host: vim25 VirtualMachineConfigOption. Pure.
 * It says what CreateVM_Task and ReconfigVM_Task accept, and lists as default devices exactly those that CreateVM_Task adds: clients
 * build their own device lists from it.
 */

import type { HostDescription } from "../../vmkernel/index.ts";
import {
  fault,
  type VirtualMachineCapability,
  type VirtualMachineConfigOption,
  type VirtualMachineConfigOptionDescriptor,
} from "../../wire/index.ts";
import { HOST } from "../inventory-tree.ts";
import {
  BUSES,
  CUSTOM_SHARES,
  DEFAULT_MEMORY_MIB,
  defaultDevices,
  HARDWARE_VERSION,
  MEMORY_MIB,
  memoryMaxMib,
  OTHER_GUEST,
  VCPUS_MAX,
} from "../vm-config/index.ts";
import { deviceOptionsOf } from "./device-options.ts";
import { guestDescriptors } from "./guest-descriptors.ts";
import { always, fixed, range, sharesOption } from "./option-types.ts";

export type HostSize = Pick<HostDescription, "cpu" | "memoryBytes">;

const versions: readonly number[] = Array.from(
  { length: HARDWARE_VERSION.max - HARDWARE_VERSION.min + 1 },
  (_, index) => HARDWARE_VERSION.min + index,
);
const keyOf = (version: number): string => `vmx-${String(version).padStart(2, "0")}`;
const describe = (version: number): string => `Virtual hardware version ${version}`;

export function configOptionDescriptors(): readonly VirtualMachineConfigOptionDescriptor[] {
  return versions.map((version) => ({
    key: keyOf(version),
    description: describe(version),
    host: [HOST],
    createSupported: true,
    defaultConfigOption: version === HARDWARE_VERSION.max,
    runSupported: true,
    upgradeSupported: true,
  }));
}

export interface Asked {
  /** "vmx-13"; the newest when it is left out. */
  readonly key: string | undefined;
  /** Guests to describe; all when there is none. */
  readonly guestIds: readonly string[];
}

/** @throws {InvalidArgument} for a hardware version that this host does not have */
export function configOption({ key, guestIds }: Asked, host: HostSize, capabilities: VirtualMachineCapability): VirtualMachineConfigOption {
  const version = key === undefined || key === "" ? HARDWARE_VERSION.max : versions.find((one) => keyOf(one) === key);
  if (version === undefined) {
    const message = `Virtual hardware ${key} is not supported: ${keyOf(HARDWARE_VERSION.min)} to ${keyOf(HARDWARE_VERSION.max)} are.`;
    throw fault("InvalidArgument", message, { invalidProperty: "key" });
  }
  const memoryMax = memoryMaxMib(host);
  const guests = guestDescriptors(guestIds, { memoryMax, version });
  return {
    version: keyOf(version),
    description: describe(version),
    guestOSDescriptor: guests,
    // What a VM is that names no guest; where a client asked for others, the first of them.
    guestOSDefaultIndex: Math.max(
      0,
      guests.findIndex(({ id }) => id === OTHER_GUEST),
    ),
    hardwareOptions: hardwareOptions(version, { memoryMax, cpus: Math.min(host.cpu.threads, VCPUS_MAX) }),
    capabilities,
    datastore: { unsupportedVolumes: [] },
    defaultDevice: defaultDevices(),
    supportedMonitorType: ["release"],
  };
}

function hardwareOptions(hwVersion: number, { memoryMax, cpus }: { memoryMax: number; cpus: number }) {
  const shares = { sharesOption: sharesOption(CUSTOM_SHARES, 1000) };
  return {
    hwVersion,
    virtualDeviceOption: deviceOptionsOf(hwVersion),
    deviceListReadonly: false,
    numCPU: Array.from({ length: cpus }, (_, index) => index + 1),
    numCoresPerSocket: range(1, cpus),
    numCpuReadonly: false,
    memoryMB: range(MEMORY_MIB.min, memoryMax, Math.min(DEFAULT_MEMORY_MIB, memoryMax)),
    numPCIControllers: fixed(1),
    numIDEControllers: fixed(BUSES.ide.count),
    numUSBControllers: range(0, 1),
    numUSBXHCIControllers: range(0, 1),
    numSIOControllers: fixed(1),
    numPS2Controllers: fixed(1),
    resourceConfigOption: { cpuAllocationOption: shares, memoryAllocationOption: shares },
    autoCoresPerSocket: always(true),
    numNVDIMMControllers: fixed(0),
    numTPMDevices: fixed(0),
  };
}
