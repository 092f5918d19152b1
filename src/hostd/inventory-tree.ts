/**
 * The fixed part of a standalone host's inventory: ids, names and parents, as ESXi has them. Pure.
 * Source: the vSphere Web Services API.
 */
import type { MoRef } from "../wire/index.ts";

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
export const LICENSE_MANAGER = { type: "LicenseManager", value: "ha-license-manager" } as const;
export const AUTO_START_MANAGER = { type: "HostAutoStartManager", value: "ha-autostart-mgr" } as const;
export const VM_NETWORK = ref("Network", "HaNetwork-VM Network");

/** What each folder may hold: vim25 Folder.childType. */
export const childTypes: Readonly<Record<string, readonly string[]>> = {
  [ROOT_FOLDER.value]: ["Datacenter"],
  [VM_FOLDER.value]: ["VirtualMachine"],
  [HOST_FOLDER.value]: ["ComputeResource"],
  [DATASTORE_FOLDER.value]: ["Datastore"],
  [NETWORK_FOLDER.value]: ["Network"],
};

/** The entities that are always there. VMs hang beneath the VM folder, datastores beneath the datastore folder. */
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
    { ref: VM_NETWORK, name: "VM Network", parent: NETWORK_FOLDER },
  ];
}
