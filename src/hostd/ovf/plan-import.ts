/**
 * From an OVF descriptor to the virtual machine that it means on this host: a ConfigSpec that ImportVApp takes, and the files that are
 * to be sent. Pure. Source: vim25 OvfManager.CreateImportSpec; DSP0243.
 */
import type { Fault } from "../../base/index.ts";
import {
  bytesPerUnit,
  fault,
  type OvfFileItem,
  type OvfItem,
  type OvfPackage,
  type OvfSystem,
  RESOURCE,
  type VirtualMachineConfigSpec,
} from "../../wire/index.ts";
import { HARDWARE_VERSION, isGuestOsId } from "../vm-config/index.ts";
import { type ImportWish, planDevices } from "./import-devices.ts";

export interface ImportRequest {
  readonly entityName: string;
  readonly datastore: string;
  /** "" for the descriptor's own. */
  readonly deploymentOption: string;
  /** As the client calls it; "" leaves it to the host. */
  readonly diskProvisioning: string;
  /** The package's networks by name, as the client wants them. */
  readonly networkMapping: ReadonlyMap<string, string>;
  /** Port groups that VMs can be connected to. */
  readonly portGroups: readonly string[];
  /** Keys of the .vmx that the package brings along are taken. */
  readonly allowExtraConfig: boolean;
}

export interface ImportPlan {
  readonly configSpec: VirtualMachineConfigSpec;
  readonly fileItems: readonly OvfFileItem[];
  readonly warnings: readonly Fault[];
}

const PROVISIONING: ReadonlyMap<string, ImportWish["provisioning"]> = new Map([
  ["", "thick"], // as a disk of which nothing is said is made
  ["thin", "thin"],
  ["thick", "thick"],
  ["flat", "thick"],
  ["monolithicFlat", "thick"],
  ["preallocated", "thick"],
  ["eagerZeroedThick", "eagerZeroedThick"],
]);
export const SUPPORTED_PROVISIONING = ["monolithicFlat", "thick", "eagerZeroedThick", "thin"];
export const ALLOW_EXTRA_CONFIG = "allowExtraConfig";
const MIB = 2 ** 20;

/** CIM's numbers of operating systems that say more than «other». Source: CIM_OperatingSystem.OSType. */
const GUEST_OF_CIM: ReadonlyMap<number, string> = new Map([
  [36, "otherLinuxGuest"],
  [42, "freebsdGuest"],
  [78, "freebsd64Guest"],
  [79, "rhel6Guest"],
  [80, "rhel6_64Guest"],
  [93, "ubuntuGuest"],
  [94, "ubuntu64Guest"],
  [95, "debian6Guest"],
  [96, "debian6_64Guest"],
  [101, "otherLinux64Guest"],
  [102, "otherGuest64"],
  [103, "windows7Server64Guest"],
  [106, "centosGuest"],
  [107, "centos64Guest"],
]);

/** @throws {Fault} one of OVF's, for what this host can't make of it */
export function planImport(ovf: OvfPackage, request: ImportRequest): ImportPlan {
  const { system } = ovf;
  const warnings: Fault[] = [];
  const provisioning = PROVISIONING.get(request.diskProvisioning);
  if (provisioning === undefined)
    throw fault("OvfUnsupportedDiskProvisioning", `Disks of the kind '${request.diskProvisioning}' are not made on this host.`, {
      diskProvisioning: request.diskProvisioning,
      supportedDiskProvisioning: SUPPORTED_PROVISIONING.join(","),
    });
  const items = itemsOf(ovf, request.deploymentOption);
  const networks = mapNetworks(ovf, items, request);
  const devices = planDevices(ovf, items, { entityName: request.entityName, provisioning, networks });
  if (system.properties.some(({ userConfigurable, defaultValue }) => userConfigurable || defaultValue !== ""))
    warnings.push(leftOut(system, "ProductSection", "its properties are not handed to the guest"));
  if (system.extraConfig.size > 0 && !request.allowExtraConfig)
    warnings.push(leftOut(system, "ExtraConfig", `it is taken with the option ${ALLOW_EXTRA_CONFIG} only`));
  const extraConfig = request.allowExtraConfig
    ? [...system.extraConfig].map(([key, value]) => ({ key, value: { anyType: "string", value } }))
    : [];
  return {
    configSpec: {
      name: request.entityName,
      version: `vmx-${String(hardwareVersionOf(system)).padStart(2, "0")}`,
      guestId: guestIdOf(system, warnings),
      files: { vmPathName: `[${request.datastore}]` },
      ...(system.annotation !== "" && { annotation: system.annotation }),
      ...computeOf(items),
      ...firmwareOf(system.configs),
      ...(extraConfig.length > 0 && { extraConfig: extraConfig as never }),
      deviceChange: devices.changes,
    },
    fileItems: devices.fileItems,
    warnings: [...warnings, ...devices.warnings],
  };
}

/** The items of the chosen deployment option: its own take the place of those for all. @throws {Fault} OvfInvalidValueConfiguration */
function itemsOf({ system, deploymentOptions }: OvfPackage, chosen: string): readonly OvfItem[] {
  const option = chosen === "" ? (deploymentOptions.find(({ isDefault }) => isDefault) ?? deploymentOptions[0])?.id : chosen;
  if (chosen !== "" && !deploymentOptions.some(({ id }) => id === chosen))
    throw fault("OvfInvalidValueConfiguration", `The package has no deployment option '${chosen}'.`, {
      elementName: "Configuration",
      attributeName: "id",
      value: chosen,
      lineNumber: system.line,
    });
  const wanted = system.items.filter(({ configurations }) => configurations.length === 0 || configurations.includes(option ?? ""));
  const own = new Set(wanted.filter(({ configurations }) => configurations.length > 0).map(({ instanceId }) => instanceId));
  const items = wanted.filter(({ configurations, instanceId }) => configurations.length > 0 || !own.has(instanceId));
  const seen = new Set<string>();
  for (const { instanceId, line } of items) {
    if (seen.has(instanceId))
      throw fault(
        "OvfInvalidValue",
        `The OVF descriptor is invalid: line ${line}, another item has the InstanceID '${instanceId}' already.`,
        {
          elementName: "Item",
          attributeName: "InstanceID",
          value: instanceId,
          lineNumber: line,
        },
      );
    seen.add(instanceId);
  }
  return items;
}

/** Every network that a device is connected to gets a port group: the one that was asked for, the one of its name, or the first. */
function mapNetworks(
  ovf: OvfPackage,
  items: readonly OvfItem[],
  { networkMapping, portGroups }: ImportRequest,
): ReadonlyMap<string, string> {
  const [first] = portGroups;
  if (first === undefined && items.some(({ resourceType }) => resourceType === RESOURCE.ethernet))
    throw fault("OvfNoHostNic", "The package has network adapters, and this host has no network for them.", {});
  const chosen = (name: string) => networkMapping.get(name) ?? (portGroups.includes(name) ? name : first);
  return new Map(ovf.networks.flatMap(({ name }) => [[name, chosen(name) ?? ""] as const]));
}

function computeOf(items: readonly OvfItem[]): Pick<VirtualMachineConfigSpec, "numCPUs" | "numCoresPerSocket" | "memoryMB"> {
  const cpu = items.find(({ resourceType }) => resourceType === RESOURCE.cpu);
  const memory = items.find(({ resourceType }) => resourceType === RESOURCE.memory);
  const units = memory?.allocationUnits || "byte * 2^20";
  const unit = bytesPerUnit(units);
  if (memory !== undefined && unit === undefined)
    throw fault("OvfElementInvalidValue", `The OVF descriptor, line ${memory.line}: '${units}' is no unit of memory.`, {
      name: "AllocationUnits",
      value: units,
      lineNumber: memory.line,
    });
  return {
    ...(cpu?.quantity !== undefined && { numCPUs: cpu.quantity }),
    ...(cpu?.coresPerSocket !== undefined && { numCoresPerSocket: cpu.coresPerSocket }),
    ...(memory?.quantity !== undefined && { memoryMB: Math.ceil((memory.quantity * (unit ?? 1)) / MIB) }),
  };
}

function firmwareOf(configs: ReadonlyMap<string, string>): Pick<VirtualMachineConfigSpec, "firmware" | "bootOptions"> {
  const firmware = configs.get("firmware");
  const isSecure = configs.get("bootOptions.efiSecureBootEnabled") === "true" || configs.get("uefi.secureBoot.enabled") === "true";
  return {
    ...((firmware === "efi" || firmware === "bios") && { firmware }),
    ...(isSecure && { bootOptions: { efiSecureBootEnabled: true } }),
  };
}

/** The first of the package's families that this host has. @throws {Fault} OvfNoSupportedHardwareFamily */
export function hardwareVersionOf({ families, line }: OvfSystem): number {
  if (families.length === 0) return HARDWARE_VERSION.max;
  const versions = families.map((family) => Number(/^vmx-(\d{1,2})$/.exec(family)?.[1]));
  // An older one that is no longer made is the oldest that is: all that it had is there.
  const known = versions.filter((version) => version <= HARDWARE_VERSION.max).map((version) => Math.max(version, HARDWARE_VERSION.min));
  const [version] = known;
  if (version !== undefined) return version;
  const supported = `vmx-${HARDWARE_VERSION.min} to vmx-${HARDWARE_VERSION.max}`;
  throw fault("OvfNoSupportedHardwareFamily", `The package is for ${families.join(", ")}; this host has ${supported}.`, {
    version: families.join(", "),
    lineNumber: line,
  });
}

function guestIdOf({ osType, osId }: OvfSystem, warnings: Fault[]): string {
  const named = osType === undefined ? undefined : [osType, `${osType}Guest`].find((id) => isGuestOsId(id));
  if (named !== undefined) return named;
  const mapped = osId === undefined ? undefined : GUEST_OF_CIM.get(osId);
  if (mapped !== undefined && isGuestOsId(mapped)) return mapped;
  if (osType !== undefined)
    warnings.push(
      fault("OvfMappedOsId", `The host does not know the guest '${osType}': it is taken for another 64-bit one.`, {
        ovfId: osId ?? 1,
        ovfDescription: osType,
        targetDescription: "otherGuest64",
      }),
    );
  return "otherGuest64";
}

function leftOut({ line }: OvfSystem, name: string, info: string): Fault {
  return fault("OvfUnsupportedSection", `The section ${name} of the OVF descriptor is left out: ${info}.`, {
    name,
    info,
    lineNumber: line,
  });
}
