/** vim25 Datastore: a local folder of the host that holds VMs. */

import type { DatastoreDescription } from "../../vmkernel/index.ts";
import type { LocalDatastoreInfo } from "../../wire/index.ts";
import { searchOne, searchTree } from "../datastore-browser/search.ts";
import { checkSpec } from "../datastore-browser/search-folder.ts";
import { removeDatastore, renameDatastore } from "../datastores/datastore-deeds.ts";
import { parseClientPath } from "../files/client-path.ts";
import { HOST, HOST_BROWSER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

export interface DatastoreEntity extends Entity {
  readonly description: DatastoreDescription;
}

// ext4's and XFS's own bounds lie above; vim25 clients show the number and check new disks against it.
const FILE_BYTES_MAX = 62 * 2 ** 40;

export const datastore = {
  type: "Datastore",
  properties: {
    ...managedEntityProperties,
    summary: ({ ref, description }) => ({
      datastore: ref,
      name: description.name,
      url: `/vmfs/volumes/${description.uuid}`,
      capacity: description.capacityBytes,
      freeSpace: description.freeBytes,
      uncommitted: 0,
      accessible: true,
      multipleHostAccess: false,
      type: "local",
      maintenanceMode: "normal",
    }),
    info: ({ description }) => {
      const info: LocalDatastoreInfo = {
        $type: "LocalDatastoreInfo",
        name: description.name,
        url: `/vmfs/volumes/${description.uuid}`,
        freeSpace: description.freeBytes,
        maxFileSize: FILE_BYTES_MAX,
        maxVirtualDiskCapacity: FILE_BYTES_MAX,
        maxMemoryFileSize: FILE_BYTES_MAX,
        path: `/vmfs/volumes/${description.name}`,
      };
      return info;
    },
    capability: () => ({
      directoryHierarchySupported: true,
      rawDiskMappingsSupported: false,
      perFileThinProvisioningSupported: true,
      storageIORMSupported: false,
      nativeSnapshotSupported: false,
    }),
    host: ({ description }) => [
      { key: HOST, mountInfo: { path: `/vmfs/volumes/${description.uuid}`, accessMode: "readWrite", mounted: true, accessible: true } },
    ],
    vm: ({ agent, description }) => agent.vms.refsOn(description.name),
    browser: () => HOST_BROWSER,
  },
  methods: {
    RefreshDatastore: ({ agent }) => agent.refreshDatastores(),
    RefreshDatastoreStorageInfo: ({ agent }) => agent.refreshDatastores(),
    IsClusteredVmdkEnabled: () => false,
    RenameDatastore: ({ agent, description }, { newName }, call) => renameDatastore(agent, description, newName, call),
    Rename_Task: ({ agent, description }, { newName }, call) =>
      call.startTask(description.name, { kind: "none" }, async () => {
        await renameDatastore(agent, description, newName, call);
        return undefined;
      }).ref,
    DestroyDatastore: ({ agent, description }, _, call) => removeDatastore(agent, description, call),
    Destroy_Task: ({ agent, description }, _, call) =>
      call.startTask(description.name, { kind: "none" }, async () => {
        await removeDatastore(agent, description, call);
        return undefined;
      }).ref,
  },
} as const satisfies ManagedObjectType<"Datastore", DatastoreEntity>;

export const hostDatastoreBrowser = {
  type: "HostDatastoreBrowser",
  properties: { datastore: (self) => self.agent.inventory.datastoreRefs() },
  methods: {
    SearchDatastore_Task({ agent }, { datastorePath, searchSpec = {} }, call) {
      const folder = parseClientPath(agent, datastorePath);
      checkSpec(searchSpec);
      const search = async () => ({
        anyType: "HostDatastoreBrowserSearchResults" as const,
        value: await searchOne(agent, folder, searchSpec),
      });
      return call.startTask(folder.datastore, { kind: "none" }, search).ref;
    },
    SearchDatastoreSubFolders_Task({ agent }, { datastorePath, searchSpec = {} }, call) {
      const top = parseClientPath(agent, datastorePath);
      checkSpec(searchSpec);
      const search = async () => ({
        anyType: "HostDatastoreBrowserSearchResults[]" as const,
        value: await searchTree(agent, top, searchSpec),
      });
      return call.startTask(top.datastore, { kind: "none" }, search).ref;
    },
  },
} as const satisfies ManagedObjectType<"HostDatastoreBrowser", Entity>;
