/** vim25 Network: a port group, as those see it whose VMs are connected to it. It comes and goes with the port group. */
import { HOST } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { networksOfVm } from "../network/port-group-users.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

/** A network with the name that VMs know it by, which is not escaped as its own is. */
export interface NetworkEntity extends Entity {
  readonly portGroup: string;
}

export const network = {
  type: "Network",
  properties: {
    ...managedEntityProperties,
    summary: ({ ref, portGroup }) => ({
      network: { type: "Network", value: ref.value },
      name: portGroup,
      accessible: true,
      ipPoolName: "",
    }),
    host: () => [HOST],
    vm: ({ agent, portGroup }) =>
      agent.vms
        .list()
        .filter((vm) => networksOfVm(vm).has(portGroup))
        .map((vm) => vm.ref),
  },
  methods: {},
} as const satisfies ManagedObjectType<"Network", NetworkEntity>;
