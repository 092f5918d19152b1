/** vim25 Datacenter: the one that a standalone host pretends to be in. */
import { DATASTORE_FOLDER, HOST_FOLDER, NETWORK_FOLDER, VM_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

export const datacenter = {
  type: "Datacenter",
  properties: {
    ...managedEntityProperties,
    vmFolder: () => VM_FOLDER,
    hostFolder: () => HOST_FOLDER,
    datastoreFolder: () => DATASTORE_FOLDER,
    networkFolder: () => NETWORK_FOLDER,
    datastore: (self) => self.agent.inventory.datastoreRefs(),
    network: (self) => self.agent.networks.refs(),
    configuration: () => ({}),
  },
  methods: {},
} as const satisfies ManagedObjectType<"Datacenter", Entity>;
