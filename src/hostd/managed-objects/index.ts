/** Every managed object type that this host has; what is not here does not exist, and a method that is in none answers NotSupported. */
import { type BoundObject, bind } from "../managed-object.ts";
import { ROOT_ID } from "../resources/pool-tree.ts";
import { hostLocalAccountManager, userDirectory } from "./account-manager.ts";
import { authorizationManager } from "./authorization-manager.ts";
import { autoStartManager } from "./auto-start-manager.ts";
import { computeResource } from "./compute-resource.ts";
import { datacenter } from "./datacenter.ts";
import { datastore, hostDatastoreBrowser } from "./datastore.ts";
import { diagnosticManager } from "./diagnostic-manager.ts";
import { environmentBrowser } from "./environment-browser.ts";
import { dynamicTypeManager, managedMethodExecuter } from "./esxcli.ts";
import { eventHistoryCollector, eventManager } from "./event-manager.ts";
import { fileManager } from "./file-manager.ts";
import { folder } from "./folder.ts";
import { guestAuthManager, guestFileManager, guestOperationsManager, guestProcessManager } from "./guest-operations.ts";
import { hostAccessManager, hostAuthenticationManager, hostCertificateManager } from "./host-access.ts";
import { hostDateTimeSystem } from "./host-date-time.ts";
import {
  cryptoManager,
  hostCacheConfigurationManager,
  hostGraphicsManager,
  hostHealthStatusSystem,
  hostMemorySystem,
  hostPowerSystem,
  hostSnmpSystem,
  hostVMotionSystem,
  propertyless,
} from "./host-facilities.ts";
import { hostFirewallSystem, hostServiceSystem } from "./host-firewall.ts";
import { hostCpuSchedulerSystem, hostPciPassthruSystem } from "./host-hardware.ts";
import { hostNetworkSystem, hostVirtualNicManager } from "./host-network.ts";
import { hostDatastoreSystem, hostStorageSystem } from "./host-storage.ts";
import { hostSystem } from "./host-system.ts";
import { httpNfcLease } from "./http-nfc-lease.ts";
import { licenseManager } from "./license-manager.ts";
import type { Entity } from "./managed-entity.ts";
import { network } from "./network.ts";
import { optionManager } from "./option-manager.ts";
import { ovfManager } from "./ovf-manager.ts";
import { performanceManager } from "./performance-manager.ts";
import { propertyCollector, propertyFilter } from "./property-collector.ts";
import { resourcePool } from "./resource-pool.ts";
import { searchIndex } from "./search-index.ts";
import { serviceInstance } from "./service-instance.ts";
import { sessionManager } from "./session-manager.ts";
import { task, taskHistoryCollector, taskManager } from "./task.ts";
import { containerView, inventoryView, listView, viewManager } from "./view-manager.ts";
import { virtualDiskManager } from "./virtual-disk-manager.ts";
import { virtualMachine } from "./virtual-machine.ts";
import { virtualMachineSnapshot } from "./virtual-machine-snapshot.ts";

export const managedObjectTypes = {
  ...propertyless,
  AuthorizationManager: authorizationManager,
  ComputeResource: computeResource,
  ContainerView: containerView,
  CryptoManager: cryptoManager,
  Datacenter: datacenter,
  Datastore: datastore,
  DiagnosticManager: diagnosticManager,
  EnvironmentBrowser: environmentBrowser,
  EventHistoryCollector: eventHistoryCollector,
  EventManager: eventManager,
  FileManager: fileManager,
  Folder: folder,
  HostAutoStartManager: autoStartManager,
  HostAccessManager: hostAccessManager,
  HostAuthenticationManager: hostAuthenticationManager,
  HostCacheConfigurationManager: hostCacheConfigurationManager,
  HostCertificateManager: hostCertificateManager,
  HostCpuSchedulerSystem: hostCpuSchedulerSystem,
  GuestAuthManager: guestAuthManager,
  GuestFileManager: guestFileManager,
  GuestOperationsManager: guestOperationsManager,
  GuestProcessManager: guestProcessManager,
  HostDatastoreBrowser: hostDatastoreBrowser,
  HostDatastoreSystem: hostDatastoreSystem,
  HostDateTimeSystem: hostDateTimeSystem,
  HostFirewallSystem: hostFirewallSystem,
  HostGraphicsManager: hostGraphicsManager,
  HostHealthStatusSystem: hostHealthStatusSystem,
  HostMemorySystem: hostMemorySystem,
  HostNetworkSystem: hostNetworkSystem,
  HostPciPassthruSystem: hostPciPassthruSystem,
  HostPowerSystem: hostPowerSystem,
  HostServiceSystem: hostServiceSystem,
  HostSnmpSystem: hostSnmpSystem,
  HostStorageSystem: hostStorageSystem,
  HostSystem: hostSystem,
  LicenseManager: licenseManager,
  HostVMotionSystem: hostVMotionSystem,
  HostVirtualNicManager: hostVirtualNicManager,
  HostLocalAccountManager: hostLocalAccountManager,
  HttpNfcLease: httpNfcLease,
  UserDirectory: userDirectory,
  InternalDynamicTypeManager: dynamicTypeManager,
  InventoryView: inventoryView,
  ListView: listView,
  Network: network,
  OptionManager: optionManager,
  OvfManager: ovfManager,
  PerformanceManager: performanceManager,
  PropertyCollector: propertyCollector,
  PropertyFilter: propertyFilter,
  ReflectManagedMethodExecuter: managedMethodExecuter,
  ResourcePool: resourcePool,
  SearchIndex: searchIndex,
  ServiceInstance: serviceInstance,
  SessionManager: sessionManager,
  Task: task,
  TaskHistoryCollector: taskHistoryCollector,
  TaskManager: taskManager,
  ViewManager: viewManager,
  VirtualDiskManager: virtualDiskManager,
  VirtualMachine: virtualMachine,
  VirtualMachineSnapshot: virtualMachineSnapshot,
} as const;

type Types = typeof managedObjectTypes;
/** The WSDL name of every method that some type here performs. */
export type ImplementedMethod = { [T in keyof Types]: keyof Types[T]["methods"] }[keyof Types];

/** An entity of the fixed tree, by its type. */
export function bindEntity(entity: Entity): BoundObject {
  switch (entity.ref.type) {
    case "Folder":
      return bind(folder, entity.ref.value, entity);
    case "Datacenter":
      return bind(datacenter, entity.ref.value, entity);
    case "ComputeResource":
      return bind(computeResource, entity.ref.value, entity);
    case "HostSystem":
      return bind(hostSystem, entity.ref.value, entity);
    case "ResourcePool":
      return bind(resourcePool, entity.ref.value, { ...entity, pool: ROOT_ID });
    default:
      throw new Error(`the inventory's tree has a ${entity.ref.type}, which is no entity`);
  }
}
