/** What OvfManager answers. What is wrong with a package is in the answer, as clients look for it there. Source: vim25 OvfManager. */
import { Fault } from "../../base/index.ts";
import {
  fault,
  faultToLocalized,
  formatOvf,
  type MoRef,
  type OvfCreateDescriptorParams,
  type OvfCreateDescriptorResult,
  type OvfCreateImportSpecParams,
  type OvfCreateImportSpecResult,
  type OvfPackage,
  type OvfParseDescriptorParams,
  type OvfParseDescriptorResult,
  type OvfValidateHostParams,
  type OvfValidateHostResult,
  parseOvf,
  type VirtualMachineConfigInfo,
  type VirtualMachineImportSpec,
} from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { HOST, portGroupOf } from "../inventory-tree.ts";
import { parseSnapshotMoid, partOfSnapshot } from "../snapshots/snapshot-tree.ts";
import type { Vm } from "../vm.ts";
import { readableFiles } from "../vm-deeds/context.ts";
import { planExport } from "./plan-export.ts";
import { ALLOW_EXTRA_CONFIG, hardwareVersionOf, planImport, SUPPORTED_PROVISIONING } from "./plan-import.ts";

export function parseDescriptor(text: string, { deploymentOption }: OvfParseDescriptorParams): OvfParseDescriptorResult {
  return withErrors<OvfParseDescriptorResult>(NOTHING_PARSED, () => {
    const ovf = parseOvf(text);
    const { system, networks, deploymentOptions } = ovf;
    const { product, properties, eulas, annotation } = system;
    requireOption(ovf, deploymentOption);
    return {
      eula: eulas,
      network: networks,
      property: properties.map((property, key) => ({
        key,
        id: property.key,
        type: property.type,
        label: property.label,
        description: property.description,
        defaultValue: property.defaultValue,
        userConfigurable: property.userConfigurable,
      })),
      ...(product !== undefined && { productInfo: { key: 0, ...product } }),
      annotation,
      ...sizesOf(ovf),
      defaultEntityName: system.name ?? system.id,
      virtualApp: false,
      deploymentOption: deploymentOptions.map(({ id: key, label, description }) => ({ key, label, description })),
      defaultDeploymentOption: (deploymentOptions.find(({ isDefault }) => isDefault) ?? deploymentOptions[0])?.id ?? "",
    };
  });
}

const NOTHING_PARSED = { annotation: "", defaultEntityName: "", virtualApp: false, defaultDeploymentOption: "" };

interface ImportQuestion {
  readonly ovfDescriptor: string;
  readonly resourcePool: MoRef;
  readonly datastore: MoRef;
  readonly cisp: OvfCreateImportSpecParams;
}

export function createImportSpec(
  agent: HostAgent,
  { ovfDescriptor, resourcePool, datastore, cisp }: ImportQuestion,
): OvfCreateImportSpecResult {
  agent.pools.require(resourcePool);
  if (cisp.hostSystem !== undefined) requireObject(cisp.hostSystem, HOST.value);
  const store = agent.datastores().find(({ uuid }) => uuid === datastore.value);
  if (store === undefined) throw noObject(datastore);
  return withErrors<OvfCreateImportSpecResult>({}, () => {
    const networkMapping = new Map(
      (cisp.networkMapping ?? []).map(({ name, network }) => {
        const portGroup = portGroupOf(network.value);
        if (portGroup === undefined || !agent.networks.has(portGroup)) throw noObject(network);
        return [name, portGroup] as const;
      }),
    );
    const ovf = parseOvf(ovfDescriptor);
    const plan = planImport(ovf, {
      entityName: cisp.entityName === "" ? (ovf.system.name ?? ovf.system.id) : cisp.entityName,
      datastore: store.name,
      deploymentOption: cisp.deploymentOption,
      diskProvisioning: cisp.diskProvisioning ?? "",
      networkMapping,
      portGroups: agent.networks.names(),
      allowExtraConfig: cisp.importOption?.includes(ALLOW_EXTRA_CONFIG) === true,
    });
    const importSpec: VirtualMachineImportSpec = { $type: "VirtualMachineImportSpec", configSpec: plan.configSpec };
    return { importSpec, fileItem: plan.fileItems, warning: plan.warnings.map((warning) => faultToLocalized(warning)) };
  });
}

export function validateHost(text: string, host: MoRef, { deploymentOption }: OvfValidateHostParams): OvfValidateHostResult {
  requireObject(host, HOST.value);
  return withErrors<OvfValidateHostResult>({}, () => {
    const ovf = parseOvf(text);
    requireOption(ovf, deploymentOption);
    hardwareVersionOf(ovf.system);
    const { approximateDownloadSize, approximateFlatDeploymentSize, approximateSparseDeploymentSize } = sizesOf(ovf);
    return {
      ...(approximateDownloadSize === undefined ? {} : { downloadSize: approximateDownloadSize }),
      flatDeploymentSize: approximateFlatDeploymentSize,
      ...(approximateSparseDeploymentSize === undefined ? {} : { sparseDeploymentSize: approximateSparseDeploymentSize }),
      supportedDiskProvisioning: SUPPORTED_PROVISIONING,
    };
  });
}

export function createDescriptor(agent: HostAgent, obj: MoRef, cdp: OvfCreateDescriptorParams): OvfCreateDescriptorResult {
  const vm = agent.vms.find(obj.value);
  if (vm === undefined) {
    if (agent.inventory.find(obj.value) === undefined) throw noObject(obj);
    throw fault("NotSupported", "Only a virtual machine has an OVF descriptor on this host.", {});
  }
  const config = configToDescribe(vm, cdp.snapshot);
  return withErrors<OvfCreateDescriptorResult>({ ovfDescriptor: "" }, () => {
    const { ovf, warnings } = planExport({
      vmId: vm.id,
      name: cdp.name === undefined || cdp.name === "" ? vm.name : cdp.name,
      annotation: cdp.description ?? config.annotation ?? "",
      config,
      files: cdp.ovfFiles ?? [],
    });
    return { ovfDescriptor: formatOvf(ovf), warning: warnings.map((warning) => faultToLocalized(warning)), includeImageFiles: false };
  });
}

/** The VM's, or what it was when the snapshot was taken. @throws {Fault} ManagedObjectNotFound for a snapshot of another VM, or of none */
function configToDescribe(vm: Vm, snapshot: MoRef | undefined): VirtualMachineConfigInfo {
  const { config, snapshotConfigs } = readableFiles(vm);
  if (snapshot === undefined) return config;
  const named = parseSnapshotMoid(snapshot.value);
  const kept = named?.vm === vm.id ? snapshotConfigs.get(named.uid) : undefined;
  if (kept === undefined) throw noObject(snapshot);
  return partOfSnapshot(kept);
}

/** What is wrong with the package is told in the answer; what is wrong with the question is thrown. */
function withErrors<Result>(nothing: Result, deed: () => Result): Result {
  try {
    return deed();
  } catch (error) {
    if (!(error instanceof Fault) || error.fault === "ManagedObjectNotFound") throw error;
    return { ...nothing, error: [faultToLocalized(error)] };
  }
}

function sizesOf({ files, disks }: OvfPackage) {
  const sum = (sizes: readonly (number | undefined)[]) =>
    sizes.every((size) => size !== undefined) ? sizes.reduce<number>((total, size) => total + (size ?? 0), 0) : undefined;
  const download = sum(files.map(({ sizeBytes }) => sizeBytes));
  const sparse = sum(disks.map(({ populatedBytes, fileRef }) => (fileRef === undefined ? 0 : populatedBytes)));
  return {
    ...(download === undefined ? {} : { approximateDownloadSize: download }),
    approximateFlatDeploymentSize: disks.reduce((total, { capacityBytes }) => total + capacityBytes, 0),
    ...(sparse === undefined ? {} : { approximateSparseDeploymentSize: sparse }),
  };
}

function requireOption({ deploymentOptions, system }: OvfPackage, chosen: string): void {
  if (chosen === "" || deploymentOptions.some(({ id }) => id === chosen)) return;
  throw fault("OvfInvalidValueConfiguration", `The package has no deployment option '${chosen}'.`, {
    elementName: "Configuration",
    attributeName: "id",
    value: chosen,
    lineNumber: system.line,
  });
}

function requireObject(ref: MoRef, only: string): void {
  if (ref.value !== only) throw noObject(ref);
}

function noObject(obj: MoRef): Fault {
  return fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj });
}
