/** vim25 HostSystem: the machine, as far as this host knows it. Its managers come with the issues that build what they manage. */
import type {
  AnyValue,
  HostCapability,
  HostConfigInfo,
  HostConfigManager,
  HostDnsConfig,
  HostHardwareInfo,
  HostListSummary,
  HostListSummaryQuickStats,
  HostRuntimeInfo,
  ManagedEntityStatus,
} from "../../wire/index.ts";
import { aboutInfo } from "../about.ts";
import type { HostAgent } from "../agent.ts";
import { cpuIdInfo } from "../cpu-id.ts";
import { ADVANCED_OPTIONS, AUTO_START_MANAGER, HOST, HOST_BROWSER, LICENSE_MANAGER, VM_NETWORK } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { type Entity, managedEntityProperties, weaknessEvents } from "./managed-entity.ts";

const HZ_PER_MHZ = 1_000_000;

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
    configManager: (): HostConfigManager => ({
      advancedOption: ADVANCED_OPTIONS,
      licenseManager: LICENSE_MANAGER,
      autoStartManager: AUTO_START_MANAGER,
    }),
    vm: ({ agent }) => agent.vms.refs(),
    datastore: ({ agent }) => agent.inventory.datastoreRefs(),
    network: () => [VM_NETWORK],
    datastoreBrowser: () => HOST_BROWSER,
  },
  methods: {
    QueryTpmAttestationReport: () => undefined, // no TPM is looked at yet (capability.tpmSupported): there is no report, as vim25 has it
  },
} as const satisfies ManagedObjectType<"HostSystem", Entity>;

const int = (value: number): AnyValue => ({ anyType: "int", value });

/** A host that runs weaker than its design is not green. */
function statusOf({ host }: HostAgent): ManagedEntityStatus {
  return host.weaknesses.length === 0 ? "green" : "yellow";
}

function runtime({ host }: HostAgent): HostRuntimeInfo {
  return {
    connectionState: "connected",
    powerState: "poweredOn",
    standbyMode: "none",
    inMaintenanceMode: false,
    inQuarantineMode: false,
    bootTime: new Date(host.bootedAtMs),
  };
}

function summary(agent: HostAgent): HostListSummary {
  const { host, identity } = agent;
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
      numNics: 0,
      numHBAs: 0,
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

function hardware({ host }: HostAgent): HostHardwareInfo {
  const { cpu } = host;
  const hz = cpu.mhz * HZ_PER_MHZ;
  const threadsPerPackage = Math.max(1, Math.floor(cpu.threads / cpu.packages));
  return {
    systemInfo: { vendor: host.vendor, model: host.model, uuid: host.uuid },
    cpuInfo: { numCpuPackages: cpu.packages, numCpuCores: cpu.cores, numCpuThreads: cpu.threads, hz },
    cpuPkg: Array.from({ length: cpu.packages }, (_, index) => ({
      index,
      vendor: /AMD/.test(cpu.vendor) ? "amd" : "intel",
      hz,
      busHz: 0,
      description: cpu.model,
      threadId: Array.from({ length: threadsPerPackage }, (_, thread) => index * threadsPerPackage + thread),
    })),
    memorySize: host.memoryBytes,
    cpuFeature: cpuIdInfo(cpu.features),
    smcPresent: false,
  };
}

function config({ identity, host, autoStart }: HostAgent): HostConfigInfo {
  return {
    host: HOST,
    product: aboutInfo(identity.instanceUuid),
    network: { dnsConfig: dnsConfig(identity.hostName) },
    hyperThread: { available: host.cpu.threads > host.cpu.cores, active: host.cpu.threads > host.cpu.cores, config: true },
    autoStart: autoStart.config,
    certificate: [...identity.certificate].map((byte) => (byte << 24) >> 24), // vim25 byte is signed
    // How instructions are run and why; and what is weaker than the design, if anything is.
    option: [
      { key: "Bulkhead.accelerator", value: { anyType: "string", value: host.accelerator.kind } },
      { key: "Bulkhead.acceleratorBecause", value: { anyType: "string", value: host.accelerator.because } },
      { key: "Bulkhead.weaknesses", value: { anyType: "string[]", value: host.weaknesses } },
    ],
  };
}

/** "esx1.example.org" is host esx1 in domain example.org. The machine's own configuration, which this host does not change. */
function dnsConfig(fullName: string): HostDnsConfig {
  const [hostName = fullName, ...domain] = fullName.split(".");
  return { dhcp: false, hostName, domainName: domain.join(".") };
}

/** What the host can do, true today. */
export const hostCapability: HostCapability = {
  recursiveResourcePoolsSupported: false,
  cpuMemoryResourceConfigurationSupported: false,
  rebootSupported: false,
  shutdownSupported: false,
  vmotionSupported: false,
  standbySupported: false,
  datastorePrincipalSupported: false,
  sanSupported: false,
  nfsSupported: false,
  iscsiSupported: false,
  vlanTaggingSupported: false,
  nicTeamingSupported: false,
  highGuestMemSupported: true,
  maintenanceModeSupported: false,
  suspendedRelocateSupported: false,
  restrictedSnapshotRelocateSupported: false,
  perVmSwapFiles: false,
  localSwapDatastoreSupported: false,
  unsharedSwapVMotionSupported: false,
  backgroundSnapshotsSupported: false,
  preAssignedPCIUnitNumbersSupported: true,
  screenshotSupported: false,
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
