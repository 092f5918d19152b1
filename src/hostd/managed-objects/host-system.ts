/** vim25 HostSystem: the machine, as far as this host knows it. */

import { overheadBytes } from "../../vmkernel/index.ts";
import {
  type AnyValue,
  type DatastoreSummary,
  fault,
  type HostCapability,
  type HostConfigManager,
  type HostConnectInfo,
  type HostListSummary,
  type HostListSummaryQuickStats,
  type HostRuntimeInfo,
  type HostSystemResourceInfo,
  type ManagedEntityStatus,
  type MoRef,
  type NetworkSummary,
  type VirtualMachineConfigInfo,
  type VirtualMachineSummary,
  type VirtualMachineVideoCard,
} from "../../wire/index.ts";
import { aboutInfo } from "../about.ts";
import { type HostAgent, sessionOf } from "../agent.ts";
import { enterMaintenance, exitMaintenance } from "../host-power/maintenance.ts";
import { powerHost } from "../host-power/power-host.ts";
import { DYNAMIC_TYPE_MANAGER, HOST, HOST_BROWSER, HOST_MANAGERS, METHOD_EXECUTER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import type { PropertySource } from "../property-collector/source.ts";
import { sourceFor } from "../property-source.ts";
import { lockdownMethods } from "./host-access.ts";
import { config } from "./host-config.ts";
import { hardware } from "./host-hardware.ts";
import { storageDevice } from "./host-storage.ts";
import { type Entity, managedEntityProperties, weaknessEvents } from "./managed-entity.ts";

export const hostSystem = {
  type: "HostSystem",
  properties: {
    ...managedEntityProperties,
    overallStatus: ({ agent }): ManagedEntityStatus => statusOf(agent),
    configStatus: ({ agent }): ManagedEntityStatus => statusOf(agent),
    configIssue: ({ agent }) => weaknessEvents(agent, agent.host.weaknesses),
    runtime: ({ agent }) => runtime(agent),
    summary: ({ agent }) => summary(agent),
    hardware: ({ agent }) => hardware(agent),
    capability: () => hostCapability,
    config: ({ agent }) => config(agent),
    licensableResource: ({ agent }) => ({ resource: [{ key: "numCpuPackages", value: int(agent.host.cpu.packages) }] }),
    configManager: (): HostConfigManager => HOST_MANAGERS,
    systemResources: ({ agent }) => systemResources(agent),
    vm: ({ agent }) => agent.vms.refs(),
    datastore: ({ agent }) => agent.inventory.datastoreRefs(),
    network: ({ agent }) => agent.networks.refs(),
    datastoreBrowser: () => HOST_BROWSER,
  },
  methods: {
    ...lockdownMethods,
    EnterMaintenanceMode_Task: (_, { timeout }, call) => enterMaintenance(call, timeout).ref,
    ExitMaintenanceMode_Task: (_, __, call) => exitMaintenance(call).ref,
    RebootHost_Task: (_, { force }, call) => powerHost(call, "reboot", force).ref,
    ShutdownHost_Task: (_, { force }, call) => powerHost(call, "shutdown", force).ref,
    UpdateFlags(_, { flagInfo }) {
      if (flagInfo.backgroundSnapshotsEnabled === true) throw notOffered("There are no background snapshots on this host.");
    },
    QueryMemoryOverhead: ({ agent }, { videoRamSize, numVcpus }) => memoryOverhead(agent, numVcpus, (videoRamSize ?? 0) / 1024),
    QueryMemoryOverheadEx: ({ agent }, { vmConfigInfo }) => memoryOverheadOf(agent, vmConfigInfo),
    QueryHostConnectionInfo: ({ agent }, _, call) => connectionInfo(agent, sourceFor(agent, sessionOf(call))),
    RetrieveDynamicTypeManager: () => DYNAMIC_TYPE_MANAGER,
    RetrieveManagedMethodExecuter: () => METHOD_EXECUTER,
    RetrieveHardwareUptime: ({ agent }) => Math.floor((agent.clock.now() - agent.host.bootedAtMs) / 1000),
    QueryTpmAttestationReport: () => undefined, // no TPM is looked at yet (capability.tpmSupported): there is no report, as vim25 has it
  },
} as const satisfies ManagedObjectType<"HostSystem", Entity>;

const notOffered = (why: string) => fault("NotSupported", `The operation is not supported on the object. ${why}`, {});

const VCPUS_MAX = 768; // vSphere 8's largest VM: what is beyond it is no VM to be asked about

/** What a VM costs the host beyond its memory, in bytes: as much as its monitor may take. @throws {Fault} InvalidArgument */
function memoryOverhead({ host }: HostAgent, vcpus: number, videoKiB: number): number {
  if (vcpus < 1 || vcpus > VCPUS_MAX) throw fault("InvalidArgument", `A VM has 1 to ${VCPUS_MAX} CPUs.`, { invalidProperty: "numVcpus" });
  if (videoKiB < 0) throw fault("InvalidArgument", "The size of the video memory is negative.", { invalidProperty: "videoRamSize" });
  return overheadBytes({ vcpus, videoKiB }, host.accelerator.kind);
}

function memoryOverheadOf(agent: HostAgent, { hardware }: VirtualMachineConfigInfo): number {
  const videoKiB = (hardware.device ?? []).reduce((sum, device) => {
    return sum + (device.$type === "VirtualMachineVideoCard" ? ((device as VirtualMachineVideoCard).videoRamSizeInKB ?? 0) : 0);
  }, 0);
  return memoryOverhead(agent, hardware.numCPU, videoKiB);
}

const int = (value: number): AnyValue => ({ anyType: "int", value });

/** A host that runs weaker than its design is not green. */
function statusOf({ host }: HostAgent): ManagedEntityStatus {
  return host.weaknesses.length === 0 ? "green" : "yellow";
}

function runtime({ host, hostState }: HostAgent): HostRuntimeInfo {
  return {
    connectionState: "connected",
    powerState: "poweredOn",
    standbyMode: "none",
    inMaintenanceMode: hostState.maintenance === "in",
    inQuarantineMode: false,
    bootTime: new Date(host.bootedAtMs),
  };
}

function summary(agent: HostAgent): HostListSummary {
  const { host, identity, networks } = agent;
  const { cpu } = host;
  return {
    host: HOST,
    hardware: {
      vendor: host.vendor,
      model: host.model,
      uuid: host.uuid,
      memorySize: host.memoryBytes,
      cpuModel: cpu.model,
      cpuMhz: cpu.mhz,
      numCpuPkgs: cpu.packages,
      numCpuCores: cpu.cores,
      numCpuThreads: cpu.threads,
      numNics: networks.adapters().length,
      numHBAs: storageDevice(agent).hostBusAdapter?.length ?? 0,
    },
    runtime: runtime(agent),
    config: {
      name: identity.hostName,
      port: identity.port,
      sslThumbprint: identity.thumbprint,
      product: aboutInfo(identity.instanceUuid),
      vmotionEnabled: false,
      faultToleranceEnabled: false,
    },
    quickStats: hostQuickStats(agent),
    overallStatus: statusOf(agent),
    rebootRequired: false,
  };
}

function hostQuickStats({ host, clock, performance }: HostAgent): HostListSummaryQuickStats {
  const usedMhz = performance.now(HOST, "cpuUsageMhz");
  const usedKiB = performance.now(HOST, "memConsumed");
  return {
    ...(usedMhz === undefined ? {} : { overallCpuUsage: usedMhz }),
    ...(usedKiB === undefined ? {} : { overallMemoryUsage: Math.round(usedKiB / 1024) }),
    uptime: Math.floor((clock.now() - host.bootedAtMs) / 1000),
  };
}

/** All that the host has to give; nothing of it is kept back for the host itself. */
function systemResources({ host }: HostAgent): HostSystemResourceInfo {
  const allocation = (all: number) => ({ reservation: all, expandableReservation: false, limit: all });
  const { mhz, cores } = host.cpu;
  const memoryMib = Math.floor(host.memoryBytes / 2 ** 20);
  return { key: "host", config: { entity: HOST, cpuAllocation: allocation(mhz * cores), memoryAllocation: allocation(memoryMib) } };
}

/** What a management server asks before it takes a host on. Only what the caller may see is told. */
function connectionInfo(agent: HostAgent, source: PropertySource): HostConnectInfo {
  const summaries = <T>(refs: readonly MoRef[]): readonly T[] =>
    refs.flatMap((ref) => {
      const object = source.refusal(ref) === undefined ? source.find(ref) : undefined;
      return object === undefined ? [] : [object.read("summary", source.reader) as T];
    });
  return {
    host: summary(agent),
    vm: summaries<VirtualMachineSummary>(agent.vms.refs()),
    vimAccountNameRequired: false,
    clusterSupported: false,
    network: summaries<NetworkSummary>(agent.networks.refs()).map((network) => ({ $type: "HostConnectInfoNetworkInfo", summary: network })),
    datastore: summaries<DatastoreSummary>(agent.inventory.datastoreRefs()).map((datastore) => ({
      $type: "HostDatastoreConnectInfo",
      summary: datastore,
    })),
    capability: hostCapability,
  };
}

/** What the host can do, true today. */
export const hostCapability: HostCapability = {
  recursiveResourcePoolsSupported: false,
  cpuMemoryResourceConfigurationSupported: false,
  rebootSupported: true,
  shutdownSupported: true,
  vmotionSupported: false,
  standbySupported: false,
  datastorePrincipalSupported: false,
  sanSupported: false,
  nfsSupported: false,
  iscsiSupported: false,
  vlanTaggingSupported: true,
  nicTeamingSupported: true,
  highGuestMemSupported: true,
  maintenanceModeSupported: true,
  suspendedRelocateSupported: false,
  restrictedSnapshotRelocateSupported: false,
  perVmSwapFiles: false,
  localSwapDatastoreSupported: false,
  unsharedSwapVMotionSupported: false,
  backgroundSnapshotsSupported: false,
  preAssignedPCIUnitNumbersSupported: true,
  screenshotSupported: true,
  scaledScreenshotSupported: false,
  storageVMotionSupported: false,
  vmotionWithStorageVMotionSupported: false,
  hbrNicSelectionSupported: false,
  vrNfcNicSelectionSupported: false,
  recordReplaySupported: false,
  ftSupported: false,
  smpFtSupported: false,
  cloneFromSnapshotSupported: false,
  deltaDiskBackingsSupported: false,
  perVMNetworkTrafficShapingSupported: false,
  tpmSupported: false,
  virtualExecUsageSupported: false,
  storageIORMSupported: false,
  vStorageCapable: false,
  snapshotRelayoutSupported: false,
  vmfsDatastoreMountCapable: false,
  eightPlusHostVmfsSharedAccessSupported: false,
  nestedHVSupported: false,
  vPMCSupported: false,
  interVMCommunicationThroughVMCISupported: false,
  featureCapabilitiesSupported: false,
  latencySensitivitySupported: false,
  accel3dSupported: false,
  provisioningNicSelectionSupported: false,
};
