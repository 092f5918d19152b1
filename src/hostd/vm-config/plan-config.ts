/**
 * From what a client asks to what is to be done: CreateVM_Task and ReconfigVM_Task as plans. Pure.
 * A plan is made whole or refused whole; nothing has happened yet when it is refused.
 * Source: vim25 VirtualMachineConfigSpec; the vSphere Web Services API «ConfigSpec features».
 */
import { randomBytes } from "node:crypto";
import { type DatastorePath, folderOf, formatDatastorePath, parseDatastorePath } from "../../base/index.ts";
import {
  fault,
  formatVmx,
  type ManagedByInfo,
  updateVmx,
  type VirtualMachineAffinityInfo,
  type VirtualMachineConfigInfo,
  type VirtualMachineConfigSpec,
  VMX_BYTES_MAX,
  type Vmx,
  type VmxChanges,
} from "../../wire/index.ts";
import { writeBootOrder } from "./boot-order.ts";
import { checkSize, type HostSize, refuseLowerVersion, writeAllocations, writeCoresPerSocket, writeLockedReservation } from "./compute.ts";
import { writeCpuMask } from "./cpu-mask.ts";
import { planDeviceChanges } from "./device-changes.ts";
import type { DevicePlan } from "./device-draft.ts";
import { readDevices } from "./devices/index.ts";
import { writeExtraConfig } from "./extra-config.ts";
import { type Fields, invalidArgument, writeFields } from "./fields.ts";
import { biosUuidOf, changeVersionOf } from "./identity.ts";
import { beginVmx } from "./new-vmx.ts";
import { checkFirewalls, isFirewallKey } from "./nic-firewall.ts";
import type { VmPlace } from "./place.ts";
import { bootFields, flagFields, identityFields, latencyField, optionFields, powerOpFields, toolsFields } from "./settings.ts";
import { unavailableIn } from "./spec-rows.ts";

export interface ConfigContext extends VmPlace {
  readonly host: HostSize;
  /** MAC addresses of the host's other VMs, lower case: no new adapter gets one of them. */
  readonly macsInUse?: ReadonlySet<string>;
  /** Whether a file is there: a new disk that has no name of its own gets one that is free. */
  readonly isTaken?: (file: DatastorePath) => boolean;
  readonly random?: (bytes: number) => Uint8Array;
}

export type ConfigPlan = Pick<DevicePlan, "vmx" | "disksToCreate" | "disksToAttach" | "disksToExtend" | "disksToDelete" | "keyOfChange">;

/** @throws {Fault} as vim25 CreateVM_Task declares them; each names the property or the device that is wrong */
export function planCreate(spec: VirtualMachineConfigSpec, context: ConfigContext): ConfigPlan {
  if ((spec.name ?? "").trim() === "") throw invalidArgument("configSpec.name");
  const vmx = beginVmx(context, context.random ?? randomBytes);
  const own = spec.uuid === undefined ? spec : { locationId: spec.uuid, ...spec };
  return planChange(vmx, own, { ...context, devices: readDevices(vmx, { ...context, disks: new Map() }) });
}

/**
 * @param config what {@link readConfig} made of the same .vmx: it knows the sizes of disks
 * @throws {Fault} as vim25 ReconfigVM_Task declares them
 */
export function planReconfigure(
  vmx: Vmx,
  spec: VirtualMachineConfigSpec,
  context: ConfigContext & { readonly config: Pick<VirtualMachineConfigInfo, "hardware"> },
): ConfigPlan {
  const seen = spec.changeVersion ?? "";
  if (seen !== "" && seen !== changeVersionOf(vmx)) {
    throw fault("ConcurrentAccess", "The configuration has changed since it was read.", {});
  }
  if (spec.name !== undefined && spec.name.trim() === "") throw invalidArgument("configSpec.name");
  refuseLowerVersion(spec, vmx);
  return planChange(vmx, spec, { ...context, devices: context.config.hardware.device ?? [] });
}

function planChange(vmx: Vmx, spec: VirtualMachineConfigSpec, context: ConfigContext & Pick<DevicePlan, "devices">): ConfigPlan {
  const [unavailable] = unavailableIn(spec);
  if (unavailable !== undefined) {
    const property = `configSpec.${unavailable}`;
    throw fault("InvalidVmConfig", `Invalid virtual machine configuration. This host does not offer what ${property} asks for.`, {
      property,
    });
  }
  checkSize(spec, vmx, context.host);
  checkFiles(spec, context);
  const sized = updateVmx(vmx, { ...writeFields(sizedFields, spec, "configSpec"), ...writeCoresPerSocket(spec) });
  const asked = updateVmx(sized, { ...writeAllocations(spec, sized), ...writeSettings(spec, context) });
  const set = updateVmx(asked, writeLockedReservation(asked));
  const plan = planDeviceChanges({
    vmx: set,
    devices: context.devices,
    changes: spec.deviceChange ?? [],
    place: context,
    biosUuid: biosUuidOf(set, context),
    macsInUse: context.macsInUse ?? new Set(),
    isTaken: context.isTaken ?? (() => false),
    random: context.random ?? randomBytes,
  });
  const order = spec.bootOptions?.bootOrder;
  const guarded = writeFirewalls(plan, spec);
  const done = order === undefined ? guarded : updateVmx(guarded, writeBootOrder(order, plan.devices));
  if (Buffer.byteLength(formatVmx(done)) > VMX_BYTES_MAX) {
    throw fault("InvalidVmConfig", `Invalid virtual machine configuration. It would take more than ${VMX_BYTES_MAX} bytes.`, {});
  }
  const { devices: _, ...rest } = plan;
  return { ...rest, vmx: done };
}

/** Again, after the devices: an adapter that is added begins without what its place had before, and may be given this with it. */
function writeFirewalls({ vmx, devices }: DevicePlan, { extraConfig = [] }: VirtualMachineConfigSpec): Vmx {
  const entries = extraConfig.filter(({ key }) => isFirewallKey(key));
  if (entries.length === 0) return vmx;
  const written = updateVmx(vmx, writeExtraConfig(entries));
  checkFirewalls(
    written,
    devices.map(({ key }) => key),
  );
  return written;
}

// 0 cores a socket is no value of the .vmx: writeCoresPerSocket knows what it means.
const { numCoresPerSocket: _, ...sizedFields } = { ...identityFields, ...optionFields } satisfies Fields<VirtualMachineConfigSpec>;

function writeSettings(spec: VirtualMachineConfigSpec, context: ConfigContext): VmxChanges {
  const { flags = {}, bootOptions = {}, tools = {}, powerOpInfo = {}, latencySensitivity, managedBy } = spec;
  if ((tools.pendingCustomization ?? "") !== "") throw invalidArgument("configSpec.tools.pendingCustomization");
  return {
    ...writeExtraConfig(spec.extraConfig ?? []),
    ...writeFields(flagFields, flags, "configSpec.flags"),
    ...writeFields(bootFields, bootOptions, "configSpec.bootOptions"),
    ...writeFields(toolsFields, tools, "configSpec.tools"),
    ...writeFields(powerOpFields, powerOpInfo, "configSpec.powerOpInfo"),
    ...(latencySensitivity &&
      writeFields({ level: latencyField }, latencySensitivity as { level: string }, "configSpec.latencySensitivity")),
    ...writeCpuMask(spec.cpuFeatureMask ?? []),
    ...(managedBy && writeManagedBy(managedBy)),
    ...writeAffinity("sched.cpu.affinity", spec.cpuAffinity, {
      max: context.host.cpu.threads - 1,
      at: "configSpec.cpuAffinity",
    }),
    ...(spec.memoryAffinity && { "numa.nodeAffinity": "all" }), // spec-rows.ts lets no other through
  };
}

/** An empty set lets the VM run anywhere; SOAP has no other word for it than to leave it out. */
function writeAffinity(key: string, info: VirtualMachineAffinityInfo | undefined, { max, at }: { max: number; at: string }): VmxChanges {
  if (info === undefined) return {};
  const set = info.affinitySet ?? [];
  if (set.some((cpu) => !Number.isInteger(cpu) || cpu < 0 || cpu > max)) throw invalidArgument(`${at}.affinitySet`);
  return { [key]: set.length === 0 ? "all" : [...new Set(set)].sort((one, other) => one - other).join(",") };
}

/** Our own keys: vCenter keeps this in its database, a lone host has only the .vmx. An empty extension frees the VM. */
function writeManagedBy({ extensionKey, type }: ManagedByInfo): VmxChanges {
  const isFree = extensionKey === "";
  return { "managedBy.extensionKey": isFree ? undefined : extensionKey, "managedBy.type": isFree ? undefined : type };
}

/** A VM's files lie in its folder: other folders for snapshots, suspended memory and logs are not offered. */
function checkFiles({ files }: VirtualMachineConfigSpec, { vmxPath }: VmPlace): void {
  const home = formatDatastorePath(folderOf(vmxPath));
  for (const name of ["snapshotDirectory", "suspendDirectory", "logDirectory"] as const) {
    const text = files?.[name] ?? "";
    const folder = parseDatastorePath(text);
    if (text !== "" && (folder === undefined || formatDatastorePath(folder) !== home)) throw invalidArgument(`configSpec.files.${name}`);
  }
}
