/** vim25 Network: the port group that a new VM's NIC names. Nothing is connected to it until virtual networking lands. */
import { HOST } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

export const network = {
  type: "Network",
  properties: {
    ...managedEntityProperties,
    summary: (self) => ({ network: self.ref, name: self.name, accessible: true, ipPoolName: "" }),
    host: () => [HOST],
    vm: (self) => self.agent.vms.refs(),
  },
  methods: {},
} as const satisfies ManagedObjectType<"Network", Entity>;
