/** A host, a VM's place and a client's wishes, for the tests beside it. */
import type { VmId } from "../../base/index.ts";
import {
  encodeFault,
  encodeRequest,
  encodeResponse,
  NEWEST_VERSION,
  parseVmx,
  type VirtualDevice,
  type VirtualDeviceConfigSpec,
  type VirtualMachineConfigInfo,
  type VirtualMachineConfigSpec,
  type Vmx,
} from "../../wire/index.ts";
import { type ConfigContext, type ConfigPlan, planCreate, planReconfigure } from "./plan-config.ts";
import { readConfig } from "./read-config.ts";

export const vm = "7" as VmId;

export const place = {
  vmxPath: { datastore: "datastore1", path: "web/web.vmx" },
  datastores: [
    { name: "datastore1", uuid: "64a1b2c3-0d1e2f3a-4b5c-525400112233" },
    { name: "second", uuid: "64a1b2c4-0d1e2f3a-4b5c-525400112233" },
  ],
};

export const context: ConfigContext = {
  ...place,
  networks: ["VM Network", "dmz"],
  host: {
    hostName: "esx1",
    memoryBytes: 8 * 1024 ** 3,
    cpu: { model: "a processor", vendor: "a vendor", mhz: 2000, packages: 1, cores: 4, threads: 4, features: ["lm", "nx"] },
  },
  random: (bytes) => Uint8Array.from({ length: bytes }, (_, index) => index + 1),
};

type Extra = Readonly<Record<string, unknown>>;

// Devices as a client sends them: only what its type requires, and what the test says.
export const deviceOf = (type: string, key: number, extra: Extra = {}): VirtualDevice => ({ $type: type, key, ...extra });
export const scsi = (key: number, extra: Extra = {}, type = "ParaVirtualSCSIController") =>
  deviceOf(type, key, { busNumber: 0, sharedBus: "noSharing", ...extra });
export const disk = (key: number, controllerKey: number | undefined, extra: Extra = {}, backing: Extra = {}) =>
  deviceOf("VirtualDisk", key, {
    ...(controllerKey !== undefined && { controllerKey }),
    capacityInKB: 1024 * 1024,
    backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "[datastore1]", diskMode: "persistent", ...backing },
    ...extra,
  });
export const nic = (key: number, extra: Extra = {}, type = "VirtualVmxnet3") =>
  deviceOf(type, key, { backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" }, ...extra });
export const cdrom = (key: number, controllerKey: number, fileName?: string) =>
  deviceOf("VirtualCdrom", key, {
    controllerKey,
    ...(fileName !== undefined && { backing: { $type: "VirtualCdromIsoBackingInfo", fileName } }),
  });
export const serial = (key: number, fileName: string) =>
  deviceOf("VirtualSerialPort", key, { yieldOnPoll: true, backing: { $type: "VirtualSerialPortFileBackingInfo", fileName } });

export const add = (device: VirtualDevice, fileOperation?: VirtualDeviceConfigSpec["fileOperation"]): VirtualDeviceConfigSpec => ({
  operation: "add",
  ...(fileOperation !== undefined && { fileOperation }),
  device,
});
export const edit = (device: VirtualDevice): VirtualDeviceConfigSpec => ({ operation: "edit", device });
export const remove = (device: VirtualDevice, fileOperation?: VirtualDeviceConfigSpec["fileOperation"]): VirtualDeviceConfigSpec => ({
  operation: "remove",
  ...(fileOperation !== undefined && { fileOperation }),
  device,
});

/** Creates, having checked that a real client could have sent the spec. */
export function create(spec: Partial<VirtualMachineConfigSpec> = {}, changes: Partial<ConfigContext> = {}): ConfigPlan {
  const whole = { name: "web", guestId: "debian12_64Guest", numCPUs: 2, memoryMB: 512, ...spec };
  encodeRequest({ method: "ReconfigVM_Task", thisRef: { type: "VirtualMachine", value: vm }, args: { spec: whole } });
  return planCreate(whole, { ...context, ...changes });
}

export function reconfigure(vmx: Vmx, spec: VirtualMachineConfigSpec, changes: Partial<ConfigContext> = {}): ConfigPlan {
  encodeRequest({ method: "ReconfigVM_Task", thisRef: { type: "VirtualMachine", value: vm }, args: { spec } });
  return planReconfigure(vmx, spec, { ...context, config: read(vmx), ...changes });
}

/** Reads, having checked that the result is what the schema says it is. */
export function read(vmx: Vmx): VirtualMachineConfigInfo {
  const config = readConfig(vmx, { ...place, disks: new Map() });
  encodeResponse({ method: "Fetch", returnType: "VirtualMachineConfigInfo", returnValue: config, version: NEWEST_VERSION });
  return config;
}

export function deviceByKey(vmx: Vmx, key: number): VirtualDevice | undefined {
  return read(vmx).hardware.device?.find((device) => device.key === key);
}

/** What was thrown, having checked that the schema has such a fault with such fields. */
export function refusal(attempt: () => unknown): {
  readonly fault: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
} {
  try {
    attempt();
  } catch (error) {
    encodeFault(error as Parameters<typeof encodeFault>[0], NEWEST_VERSION);
    const { fault, message, fields } = error as { fault: string; message: string; fields: Readonly<Record<string, unknown>> };
    return { fault, message, fields };
  }
  throw new Error("nothing was refused");
}

export const vmxOf = (text: string) => parseVmx(text, "web.vmx");
