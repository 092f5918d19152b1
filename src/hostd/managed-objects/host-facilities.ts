/**
 * The host's managers that have nothing to manage here yet. Each is there, tells truly that there is nothing, and refuses by name
 * what is asked of it (src/hostd/not-supported.txt): a client that looks for it finds it and gets the fault that it knows.
 */
import { fault, type PowerSystemInfo } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const nothingCustom = { value: () => [], availableField: () => [] };

/** There is no agent, and none can be set up. */
export const hostSnmpSystem = {
  type: "HostSnmpSystem",
  properties: {
    configuration: () => ({ enabled: false }),
    limits: () => ({
      maxReadOnlyCommunities: 0,
      maxTrapDestinations: 0,
      maxCommunityLength: 0,
      maxBufferSize: 0,
      capability: "COMPLETE" as const,
    }),
  },
  methods: {},
} as const satisfies ManagedObjectType<"HostSnmpSystem", HostAgent>;

export const powerSystemCapability = () => ({ availablePolicy: [] });
/** The machine's firmware and kernel see to it. */
export const powerSystemInfo = (): PowerSystemInfo => ({
  currentPolicy: { key: 0, name: "Not supported", shortName: "off", description: "Power is managed by the machine, not by this host." },
});

export const hostPowerSystem = {
  type: "HostPowerSystem",
  properties: { capability: () => powerSystemCapability(), info: () => powerSystemInfo() },
  methods: {
    ConfigurePowerPolicy(_, { key }) {
      if (key === powerSystemInfo().currentPolicy.key) return; // it is that already
      throw fault("HostConfigFault", "Power is managed by the machine: this host offers no policy to choose from.", {});
    },
  },
} as const satisfies ManagedObjectType<"HostPowerSystem", HostAgent>;

/** No sensors are read. */
export const hostHealthStatusSystem = {
  type: "HostHealthStatusSystem",
  properties: { runtime: () => ({}) },
  methods: {},
} as const satisfies ManagedObjectType<"HostHealthStatusSystem", HostAgent>;

export const hostCacheConfigurationManager = {
  type: "HostCacheConfigurationManager",
  properties: { cacheConfigurationInfo: () => [] },
  methods: {},
} as const satisfies ManagedObjectType<"HostCacheConfigurationManager", HostAgent>;

export const hostGraphicsManager = {
  type: "HostGraphicsManager",
  properties: { ...nothingCustom, graphicsInfo: () => [], sharedPassthruGpuTypes: () => [], sharedGpuCapabilities: () => [] },
  methods: { IsSharedGraphicsActive: () => false },
} as const satisfies ManagedObjectType<"HostGraphicsManager", HostAgent>;

export const hostVMotionSystem = {
  type: "HostVMotionSystem",
  properties: nothingCustom,
  methods: {},
} as const satisfies ManagedObjectType<"HostVMotionSystem", HostAgent>;

export const hostMemorySystem = {
  type: "HostMemorySystem",
  properties: nothingCustom,
  methods: {},
} as const satisfies ManagedObjectType<"HostMemorySystem", HostAgent>;

export const cryptoManager = {
  type: "CryptoManager",
  properties: { enabled: () => false },
  methods: {},
} as const satisfies ManagedObjectType<"CryptoManager", HostAgent>;

/** Managers of which the schema wants no property. */
export const propertyless = {
  DatastoreNamespaceManager: { type: "DatastoreNamespaceManager", properties: {}, methods: {} },
  DistributedVirtualSwitchManager: { type: "DistributedVirtualSwitchManager", properties: {}, methods: {} },
  HostDiagnosticSystem: { type: "HostDiagnosticSystem", properties: {}, methods: {} },
  HostFirmwareSystem: { type: "HostFirmwareSystem", properties: {}, methods: {} },
  HostImageConfigManager: {
    type: "HostImageConfigManager",
    properties: {},
    methods: { fetchSoftwarePackages: () => [] }, // the host is installed as a whole, and not as packages of ESXi's kind
  },
  HostKernelModuleSystem: { type: "HostKernelModuleSystem", properties: {}, methods: {} },
  HostPatchManager: { type: "HostPatchManager", properties: {}, methods: {} },
  HostVStorageObjectManager: { type: "HostVStorageObjectManager", properties: {}, methods: {} },
  HostVFlashManager: { type: "HostVFlashManager", properties: {}, methods: {} },
  IscsiManager: { type: "IscsiManager", properties: {}, methods: {} },
  LocalizationManager: { type: "LocalizationManager", properties: {}, methods: {} },
  MessageBusProxy: { type: "MessageBusProxy", properties: {}, methods: {} },
  ServiceManager: { type: "ServiceManager", properties: {}, methods: {} },
  StorageResourceManager: { type: "StorageResourceManager", properties: {}, methods: {} },
} as const satisfies { readonly [T in Propertyless]: ManagedObjectType<T, HostAgent> };

type Propertyless =
  | "DatastoreNamespaceManager"
  | "DistributedVirtualSwitchManager"
  | "HostVStorageObjectManager"
  | "LocalizationManager"
  | "ServiceManager"
  | "StorageResourceManager"
  | "HostDiagnosticSystem"
  | "HostFirmwareSystem"
  | "HostImageConfigManager"
  | "HostKernelModuleSystem"
  | "HostPatchManager"
  | "HostVFlashManager"
  | "IscsiManager"
  | "MessageBusProxy";
