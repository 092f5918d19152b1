/** vim25 VirtualMachine: what a client sees of a VM, and what it can ask of it. The deeds are in vm-deeds/. */
import { formatDatastorePath } from "../../base/index.ts";
import {
  type GuestInfo,
  type ManagedEntityStatus,
  readVmx,
  type VirtualMachineCapability,
  type VirtualMachineConfigInfo,
  type VirtualMachineConfigSummary,
  type VirtualMachineGuestOsFamily,
  type VirtualMachineRuntimeInfo,
  type VirtualMachineSummary,
} from "../../wire/index.ts";
import { disabledMethods } from "../admission.ts";
import type { Call, HostAgent } from "../agent.ts";
import { acquireTicket, dropConnections, queryConnections } from "../console/acquire-ticket.ts";
import { pressKeys } from "../console/press-keys.ts";
import { createScreenshot } from "../console/screenshot.ts";
import { ENVIRONMENT_BROWSER, HOST, networkRef, ROOT_POOL, VM_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType, Reader } from "../managed-object.ts";
import { networksOfVm, withNetworks } from "../network/port-group-users.ts";
import { exportVm } from "../nfc/export-vm.ts";
import { answerVm } from "../questions/answer.ts";
import { questionOf } from "../questions/question-of.ts";
import { limitBelowMemory, overheadMbOf } from "../resources/guarantees.ts";
import { poolRef } from "../resources/pool-tree.ts";
import { childrenOf, snapshotInfo, snapshotRef } from "../snapshots/snapshot-tree.ts";
import type { Vm } from "../vm.ts";
import { asRunning } from "../vm-config/index.ts";
import { cloneVm } from "../vm-deeds/clone.ts";
import { aboutVm, readableFiles } from "../vm-deeds/context.ts";
import { destroyVm, unregisterVm } from "../vm-deeds/destroy.ts";
import { powerOff, powerOn, rebootGuest, reset, sendNmi, shutdownGuest, standbyGuest, suspend, terminate } from "../vm-deeds/power.ts";
import { reconfigure, rename, upgradeHardware } from "../vm-deeds/reconfigure.ts";
import { reloadFromPath } from "../vm-deeds/reload.ts";
import { consolidateDisks, createSnapshot, removeAllSnapshots, revertToCurrent } from "../vm-deeds/snapshots.ts";
import { refuseToolsImage } from "../vm-deeds/tools.ts";
import { poolFor } from "./folder.ts";
import { ipStackOf } from "./guest-ip-stack.ts";
import { guestNicsOf, mainAddressOf } from "./guest-nics.ts";
import { type Entity, managedEntityProperties as entity, weaknessEvents } from "./managed-entity.ts";
import { quickStatsOf } from "./vm-quick-stats.ts";
import { resourceConfigOf, vmStorageProperties, vmStorageSummary } from "./vm-storage.ts";

/** A VM with the host that it is on. */
export interface VmEntity {
  readonly agent: HostAgent;
  readonly vm: Vm;
}

const asEntity = ({ agent, vm }: VmEntity): Entity => ({ agent, ref: vm.ref, name: vm.name, parent: VM_FOLDER });
function configOf({ agent, vm }: VmEntity): VirtualMachineConfigInfo | undefined {
  if (vm.files.kind === "unreadable") return undefined;
  const config = withNetworks(vm.files.config, (name) => agent.networks.has(name));
  return vm.monitor === undefined ? config : asRunning(config, vm.monitor);
}

export const virtualMachine = {
  type: "VirtualMachine",
  properties: {
    ...entity,
    name: ({ vm }) => vm.name,
    parent: () => VM_FOLDER,
    overallStatus: (self) => statusOf(self),
    configStatus: (self) => statusOf(self),
    configIssue: ({ agent, vm }) => weaknessEvents(agent, issuesOf(vm), { ref: vm.ref, name: vm.name }),
    effectiveRole: (self, reader: Reader) => entity.effectiveRole(asEntity(self), reader),
    permission: (self) => entity.permission(asEntity(self)),
    recentTask: (self) => entity.recentTask(asEntity(self)),
    disabledMethod: ({ vm }) => disabledMethods(vm.situation),
    capability: () => vmCapability,
    config: configOf,
    ...vmStorageProperties,
    resourceConfig: resourceConfigOf,
    environmentBrowser: () => ENVIRONMENT_BROWSER,
    resourcePool: ({ agent, vm }) => poolRef(agent.pools.poolOf(vm)),
    runtime: (self) => runtime(self),
    guest: (self) => guest(self),
    summary: (self) => summary(self),
    datastore: ({ agent, vm }) => {
      const found = agent.inventory.datastoreNamed(vm.vmxPath.datastore);
      return found === undefined ? [] : [found];
    },
    network: ({ agent, vm }) => [...networksOfVm(vm)].filter((name) => agent.networks.has(name)).map(networkRef),
    snapshot: ({ vm }) => (vm.files.kind === "readable" ? snapshotInfo(vm.ref, vm.files.snapshots) : undefined),
    rootSnapshot: ({ vm }) =>
      vm.files.kind === "readable" ? childrenOf(vm.files.snapshots.snapshots, undefined).map(({ uid }) => snapshotRef(vm.id, uid)) : [],
    guestHeartbeatStatus: (self) => heartbeat(self),
  },
  methods: {
    RefreshStorageInfo: ({ agent, vm }) => agent.vms.refresh(vm),
    AnswerVM: ({ vm }, { questionId, answerChoice }, call) => answerVm(call, vm, { questionId, answerChoice }),
    PowerOnVM_Task: ({ vm }, _, call) => powerOn(call, vm).ref,
    PowerOffVM_Task: ({ vm }, _, call) => powerOff(call, vm).ref,
    ResetVM_Task: ({ vm }, _, call) => reset(call, vm).ref,
    SuspendVM_Task: ({ vm }, _, call) => suspend(call, vm).ref,
    ShutdownGuest: ({ vm }, _, call) => shutdownGuest(call, vm),
    RebootGuest: ({ vm }, _, call) => rebootGuest(call, vm),
    StandbyGuest: ({ vm }, _, call) => standbyGuest(call, vm),
    SendNMI: ({ vm }, _, call) => sendNmi(call, vm),
    TerminateVM: ({ vm }, _, call) => terminate(call, vm),
    ReconfigVM_Task: async ({ vm }, { spec }, call) => (await reconfigure(call, vm, spec)).ref,
    UpgradeVM_Task: ({ vm }, { version }, call) => upgradeHardware(call, vm, version).ref,
    Rename_Task: ({ vm }, { newName }, call) => rename(call, vm, newName).ref,
    AcquireTicket: ({ vm }, { ticketType }, call) => acquireTicket(call, vm, ticketType),
    QueryConnections: ({ vm }, _, call) => queryConnections(call, vm),
    DropConnections: ({ vm }, { listOfConnections }, call) => dropConnections(call, vm, listOfConnections),
    PutUsbScanCodes: ({ vm }, { spec }, call) => pressKeys(call, vm, spec),
    CreateScreenshot_Task: ({ vm }, _, call) => createScreenshot(call, vm).ref,
    MountToolsInstaller: ({ vm }) => refuseToolsImage(vm),
    UnmountToolsInstaller: () => undefined, // none is ever mounted
    UpgradeTools_Task: ({ vm }, _, call) => call.startTask(vm.name, { kind: "none" }, async () => refuseToolsImage(vm)).ref,
    ExtractOvfEnvironment: ({ vm }) => readVmx(readableFiles(vm).vmx, OVF_ENVIRONMENT_KEY) ?? "",
    ResetGuestInformation: () => undefined, // of a guest that does not run nothing is kept
    DefragmentAllDisks: ({ vm }, _, call) => noteNothingToDefragment(call, vm),
    QueryUnownedFiles: () => [], // no datastore has a principal: what lies on one is its host's
    reloadVirtualMachineFromPath_Task: ({ vm }, { configurationPath }, call) => reloadFromPath(call, vm, configurationPath).ref,
    Reload: ({ agent, vm }) => agent.vms.refresh(vm),
    ExportVm: ({ vm }, _, call) => exportVm(call, vm),
    CreateSnapshot_Task: async ({ vm }, { name, description = "", memory, quiesce }, call) =>
      (await createSnapshot(call, vm, { name, description, memory, quiesce })).ref,
    CreateSnapshotEx_Task: async ({ vm }, { name, description = "", memory, quiesceSpec }, call) =>
      (await createSnapshot(call, vm, { name, description, memory, quiesce: quiesceSpec !== undefined })).ref,
    RevertToCurrentSnapshot_Task: async ({ vm }, { suppressPowerOn }, call) =>
      (await revertToCurrent(call, vm, { suppressPowerOn: suppressPowerOn === true })).ref,
    RemoveAllSnapshots_Task: ({ vm }, { consolidate }, call) => removeAllSnapshots(call, vm, consolidate !== false).ref,
    ConsolidateVMDisks_Task: ({ vm }, _, call) => consolidateDisks(call, vm).ref,
    CloneVM_Task: async ({ vm }, { folder, name, spec }, call) =>
      (await cloneVm(call, vm, { folder, name, spec, pool: poolFor(call, spec.location.pool ?? ROOT_POOL) })).ref,
    UnregisterVM: ({ vm }, _, call) => unregisterVm(call, vm),
    Destroy_Task: async ({ vm }, _, call) => (await destroyVm(call, vm)).ref,
  },
} as const satisfies ManagedObjectType<"VirtualMachine", VmEntity>;

/** Where a guest finds its OVF environment, and whoever made the VM has put it. */
const OVF_ENVIRONMENT_KEY = "guestinfo.ovfEnv";

/** A thin disk is a sparse file and a thick one a whole file: bringing their pieces together is their file system's business. */
function noteNothingToDefragment(call: Call, vm: Vm): void {
  const message = `The disks of ${vm.name} are files that their file system keeps together: there is nothing to defragment`;
  call.agent.events.post("VmMessageEvent", message, aboutVm(call, vm), { template: false, message });
}

/** In what it is weaker than designed while it runs, and a memory limit that will hold it up. */
function issuesOf({ monitor, files }: VmEntity["vm"]): readonly string[] {
  const limit = files.kind === "readable" ? limitBelowMemory(files.config) : undefined;
  return [...(monitor?.weaknesses ?? []), ...(limit === undefined ? [] : [asSentence(limit)])];
}

const asSentence = (clause: string): string => clause.charAt(0).toUpperCase() + clause.slice(1);

/** Yellow when there is something wrong with it; red when its .vmx can't be read. */
function statusOf({ vm }: VmEntity): ManagedEntityStatus {
  if (vm.files.kind === "unreadable") return "red";
  return issuesOf(vm).length > 0 ? "yellow" : "green";
}

function runtime({ vm, agent }: VmEntity): VirtualMachineRuntimeInfo {
  return {
    host: HOST,
    connectionState: vm.files.kind === "readable" ? "connected" : "inaccessible",
    powerState: vm.powerState,
    faultToleranceState: "notConfigured",
    toolsInstallerMounted: false,
    numMksConnections: agent.consoles.viewersOf(vm.id).length,
    recordReplayState: "inactive",
    question: questionOf(vm),
    onlineStandby: false,
    consolidationNeeded: vm.files.kind === "readable" && vm.files.consolidationNeeded,
    ...(vm.monitor === undefined ? {} : { bootTime: new Date(vm.monitor.startedAtMs) }),
    ...(vm.files.kind === "readable" ? usageMax(vm.files.config, agent) : {}),
    ...(vm.monitor !== undefined && vm.files.kind === "readable" ? { memoryOverhead: overheadMbOf(vm.files.config) * 2 ** 20 } : {}),
  };
}

/** The most that it could use, were there no limits: in MHz and MB. */
function usageMax({ hardware }: VirtualMachineConfigInfo, { host }: HostAgent) {
  return { maxCpuUsage: hardware.numCPU * host.cpu.mhz, maxMemoryUsage: hardware.memoryMB };
}

function guest(self: VmEntity): GuestInfo {
  const { vm } = self;
  const state = vm.monitor?.guest;
  const guestId = configOf(self)?.guestId;
  const common = {
    toolsStatus: "toolsNotRunning" as const,
    toolsRunningStatus: "guestToolsNotRunning",
    toolsVersionStatus2: "guestToolsUnmanaged",
    guestState: vm.monitor === undefined ? "notRunning" : "unknown",
    ...(guestId === undefined ? {} : { guestId }),
  };
  if (state === undefined || state.tools === "notRunning") return common;
  const net = guestNicsOf(state, configOf(self)?.hardware.device ?? []);
  const address = mainAddressOf(net);
  return {
    ...common,
    toolsStatus: "toolsOk",
    toolsRunningStatus: "guestToolsRunning",
    guestState: "running",
    guestFamily: familyOfOs(state.osId),
    guestOperationsReady: state.runsPrograms && familyOfOs(state.osId) !== "windowsGuest",
    interactiveGuestOperationsReady: false, // there is nobody at the guest's console to run a program for
    ...(state.hostName === undefined ? {} : { hostName: state.hostName }),
    ...(state.osName === undefined ? {} : { guestFullName: state.osName }),
    ...(address === undefined ? {} : { ipAddress: address }),
    net,
    ipStack: ipStackOf(state),
    disk: state.disks.map(({ path, type, capacityBytes, freeBytes }) => ({
      diskPath: path,
      capacity: capacityBytes,
      freeSpace: freeBytes,
      filesystemType: type,
    })),
  };
}

function familyOfOs(id: string | undefined): VirtualMachineGuestOsFamily {
  if (id === "mswindows") return "windowsGuest";
  return id === undefined || /bsd$/.test(id) ? "otherGuestFamily" : "linuxGuest";
}

function heartbeat({ vm }: VmEntity): ManagedEntityStatus {
  return vm.monitor?.guest.tools === "running" ? "green" : "gray";
}

function nicCount(self: VmEntity): number {
  return configOf(self)?.hardware.device?.filter((device) => "macAddress" in device).length ?? 0;
}

function summary(self: VmEntity): VirtualMachineSummary {
  const { vm } = self;
  const info = guest(self);
  const storage = vmStorageSummary(self);
  return {
    vm: vm.ref,
    runtime: runtime(self),
    guest: {
      ...(info.toolsStatus === undefined ? {} : { toolsStatus: info.toolsStatus }),
      ...(info.toolsRunningStatus === undefined ? {} : { toolsRunningStatus: info.toolsRunningStatus }),
      ...(info.hostName === undefined ? {} : { hostName: info.hostName }),
      ...(info.ipAddress === undefined ? {} : { ipAddress: info.ipAddress }),
    },
    config: configSummary(self),
    ...(storage && { storage }),
    quickStats: quickStatsOf(self, heartbeat(self)),
    overallStatus: statusOf(self),
  };
}

function configSummary(self: VmEntity): VirtualMachineConfigSummary {
  const { vm } = self;
  const config = configOf(self);
  const base = { name: vm.name, template: false, vmPathName: formatDatastorePath(vm.vmxPath) };
  if (config === undefined) return base;
  const { hardware } = config;
  return {
    ...base,
    memorySizeMB: hardware.memoryMB,
    cpuReservation: config.cpuAllocation?.reservation ?? 0,
    memoryReservation: config.memoryAllocation?.reservation ?? 0,
    numCpu: hardware.numCPU,
    numEthernetCards: nicCount(self),
    numVirtualDisks: hardware.device?.filter(({ $type }) => $type === "VirtualDisk").length ?? 0,
    uuid: config.uuid,
    guestId: config.guestId,
    guestFullName: config.guestFullName,
    ...(config.instanceUuid === undefined ? {} : { instanceUuid: config.instanceUuid }),
    ...(config.annotation === undefined ? {} : { annotation: config.annotation }),
  };
}

/** What a VM of this host can do, true today. */
export const vmCapability: VirtualMachineCapability = {
  snapshotOperationsSupported: true,
  multipleSnapshotsSupported: true,
  snapshotConfigSupported: true,
  poweredOffSnapshotsSupported: true,
  memorySnapshotsSupported: true,
  revertToSnapshotSupported: true,
  quiescedSnapshotsSupported: true,
  disableSnapshotsSupported: false,
  lockSnapshotsSupported: false,
  consolePreferencesSupported: false,
  cpuFeatureMaskSupported: true,
  s1AcpiManagementSupported: false,
  settingScreenResolutionSupported: false,
  toolsAutoUpdateSupported: false,
  vmNpivWwnSupported: false,
  npivWwnOnNonRdmVmSupported: false,
  vmNpivWwnDisableSupported: false,
  vmNpivWwnUpdateSupported: false,
  swapPlacementSupported: false,
  toolsSyncTimeSupported: false,
  virtualMmuUsageSupported: false,
  diskSharesSupported: false,
  bootOptionsSupported: true,
  bootRetryOptionsSupported: true,
  settingVideoRamSizeSupported: true,
  settingDisplayTopologySupported: false,
  recordReplaySupported: false,
  changeTrackingSupported: false,
  multipleCoresPerSocketSupported: true,
  hostBasedReplicationSupported: false,
  guestAutoLockSupported: false,
  memoryReservationLockSupported: false,
  featureRequirementSupported: false,
  poweredOnMonitorTypeChangeSupported: false,
  seSparseDiskSupported: false,
  nestedHVSupported: false,
  vPMCSupported: false,
};
