/**
 * The fixed part of a standalone host's inventory: ids, names and parents, as ESXi has them. Pure.
 * Source: the vSphere Web Services API.
 */
import type { HostConfigManager, MoRef, ServiceContent } from "../wire/index.ts";

export interface TreeNode {
  readonly ref: MoRef;
  readonly name: string;
  readonly parent: MoRef | undefined;
}

const ref = (type: string, value: string): MoRef => ({ type, value });
export const ROOT_FOLDER = ref("Folder", "ha-folder-root");
export const DATACENTER = ref("Datacenter", "ha-datacenter");
export const VM_FOLDER = ref("Folder", "ha-folder-vm");
export const HOST_FOLDER = ref("Folder", "ha-folder-host");
export const DATASTORE_FOLDER = ref("Folder", "ha-folder-datastore");
export const NETWORK_FOLDER = ref("Folder", "ha-folder-network");
export const COMPUTE_RESOURCE = ref("ComputeResource", "ha-compute-res");
export const HOST = ref("HostSystem", "ha-host");
export const ROOT_POOL = ref("ResourcePool", "ha-root-pool");
export const ENVIRONMENT_BROWSER = ref("EnvironmentBrowser", "ha-env-browser");
export const HOST_BROWSER = ref("HostDatastoreBrowser", "ha-host-datastorebrowser");
export const HOST_AGENT_SETTINGS = { type: "OptionManager", value: "HostAgentSettings" } as const;
export const ADVANCED_OPTIONS = { type: "OptionManager", value: "ha-adv-options" } as const;
export const ACCOUNT_MANAGER = { type: "HostLocalAccountManager", value: "ha-localacctmgr" } as const;
export const USER_DIRECTORY = { type: "UserDirectory", value: "ha-user-directory" } as const;
export const LICENSE_MANAGER = { type: "LicenseManager", value: "ha-license-manager" } as const;
export const AUTO_START_MANAGER = { type: "HostAutoStartManager", value: "ha-autostart-mgr" } as const;
export const METHOD_EXECUTER = { type: "ReflectManagedMethodExecuter", value: "ha-managed-method-executer" } as const;
export const DYNAMIC_TYPE_MANAGER = { type: "InternalDynamicTypeManager", value: "ha-dynamic-type-manager" } as const;

const NETWORK_PREFIX = "HaNetwork-";

/** The network that clients see for a port group: it comes and goes with it. */
export function networkRef(portGroup: string): MoRef<"Network"> {
  return { type: "Network", value: NETWORK_PREFIX + portGroup.replace(MARKUP, (character) => `%${character.charCodeAt(0).toString(16)}`) };
}

/** What XML has a use for: older pyVmomi writes an id into its request as it is. */
const MARKUP = /[%&<>"']/g;

/** The port group of a network, by the network's id; undefined for the id of something else. */
export function portGroupOf(moid: string): string | undefined {
  if (!moid.startsWith(NETWORK_PREFIX)) return undefined;
  return moid
    .slice(NETWORK_PREFIX.length)
    .replace(/%(2[2567]|3[ce])/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** The host's managers, by the name that HostConfigManager has for each, under the ids that ESXi gives them. */
export const HOST_MANAGERS = {
  accountManager: ACCOUNT_MANAGER,
  userDirectory: USER_DIRECTORY,
  advancedOption: ADVANCED_OPTIONS,
  authenticationManager: { type: "HostAuthenticationManager", value: "ha-auth-manager" },
  autoStartManager: AUTO_START_MANAGER,
  cacheConfigurationManager: { type: "HostCacheConfigurationManager", value: "ha-cache-configuration-manager" },
  certificateManager: { type: "HostCertificateManager", value: "ha-certificate-manager" },
  cpuScheduler: { type: "HostCpuSchedulerSystem", value: "cpuSchedulerSystem" },
  datastoreSystem: { type: "HostDatastoreSystem", value: "ha-datastoresystem" },
  dateTimeSystem: { type: "HostDateTimeSystem", value: "dateTimeSystem" },
  diagnosticSystem: { type: "HostDiagnosticSystem", value: "diagnosticsystem" },
  firewallSystem: { type: "HostFirewallSystem", value: "firewallSystem" },
  firmwareSystem: { type: "HostFirmwareSystem", value: "ha-firmwareSystem" },
  graphicsManager: { type: "HostGraphicsManager", value: "ha-graphics-manager" },
  healthStatusSystem: { type: "HostHealthStatusSystem", value: "healthStatusSystem" },
  hostAccessManager: { type: "HostAccessManager", value: "ha-host-access-manager" },
  imageConfigManager: { type: "HostImageConfigManager", value: "ha-image-config-manager" },
  iscsiManager: { type: "IscsiManager", value: "iscsiManager" },
  kernelModuleSystem: { type: "HostKernelModuleSystem", value: "kernelModuleSystem" },
  licenseManager: LICENSE_MANAGER,
  memoryManager: { type: "HostMemorySystem", value: "memoryManagerSystem" },
  messageBusProxy: { type: "MessageBusProxy", value: "messageBusProxy" },
  networkSystem: { type: "HostNetworkSystem", value: "networkSystem" },
  patchManager: { type: "HostPatchManager", value: "ha-host-patch-manager" },
  pciPassthruSystem: { type: "HostPciPassthruSystem", value: "ha-pcipassthrusystem" },
  powerSystem: { type: "HostPowerSystem", value: "ha-power-system" },
  serviceSystem: { type: "HostServiceSystem", value: "serviceSystem" },
  snmpSystem: { type: "HostSnmpSystem", value: "ha-snmp-agent" },
  storageSystem: { type: "HostStorageSystem", value: "storageSystem" },
  vFlashManager: { type: "HostVFlashManager", value: "ha-vflash-manager" },
  virtualNicManager: { type: "HostVirtualNicManager", value: "ha-vnic-mgr" },
  vmotionSystem: { type: "HostVMotionSystem", value: "ha-vmotion-system" },
  // Not here: vsanSystem and vsanInternalSystem, for a client that finds them asks what the host's part in its vSAN cluster is.
} as const satisfies HostConfigManager;

/** Managers of ServiceContent that ESXi has, and that have nothing to manage here: what they are asked is refused by name. */
export const UNPERFORMED_MANAGERS = {
  cryptoManager: { type: "CryptoManager", value: "ha-crypto-manager" },
  datastoreNamespaceManager: { type: "DatastoreNamespaceManager", value: "ha-datastore-namespace-manager" },
  dvSwitchManager: { type: "DistributedVirtualSwitchManager", value: "ha-dvsmanager" },
  localizationManager: { type: "LocalizationManager", value: "ha-l10n-manager" },
  serviceManager: { type: "ServiceManager", value: "ha-servicemanager" },
  storageResourceManager: { type: "StorageResourceManager", value: "ha-storage-resource-manager" },
  vStorageObjectManager: { type: "HostVStorageObjectManager", value: "ha-vstorage-object-manager" },
} as const satisfies Partial<ServiceContent>;

/** What each folder may hold: vim25 Folder.childType. */
export const childTypes: Readonly<Record<string, readonly string[]>> = {
  [ROOT_FOLDER.value]: ["Datacenter"],
  [VM_FOLDER.value]: ["VirtualMachine"],
  [HOST_FOLDER.value]: ["ComputeResource"],
  [DATASTORE_FOLDER.value]: ["Datastore"],
  [NETWORK_FOLDER.value]: ["Network"],
};

/** The entities that are always there. VMs, datastores and networks hang beneath their folders. */
export function fixedTree(hostName: string): readonly TreeNode[] {
  return [
    { ref: ROOT_FOLDER, name: "ha-folder-root", parent: undefined },
    { ref: DATACENTER, name: "ha-datacenter", parent: ROOT_FOLDER },
    { ref: VM_FOLDER, name: "vm", parent: DATACENTER },
    { ref: HOST_FOLDER, name: "host", parent: DATACENTER },
    { ref: DATASTORE_FOLDER, name: "datastore", parent: DATACENTER },
    { ref: NETWORK_FOLDER, name: "network", parent: DATACENTER },
    { ref: COMPUTE_RESOURCE, name: hostName, parent: HOST_FOLDER },
    { ref: HOST, name: hostName, parent: COMPUTE_RESOURCE },
    { ref: ROOT_POOL, name: "Resources", parent: COMPUTE_RESOURCE },
  ];
}
