/** vim25 VirtualDiskManager: disks as disks, a descriptor with its data. Creating and copying them come with the disks' own subsystem. */
import type { HostAgent } from "../agent.ts";
import { parseClientPath } from "../files/client-path.ts";
import { deleteDisk } from "../files/delete-files.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const virtualDiskManager = {
  type: "VirtualDiskManager",
  properties: {},
  methods: {
    DeleteVirtualDisk_Task: (agent, { name }, call) => deleteDisk(call, parseClientPath(agent, name)).ref,
  },
} as const satisfies ManagedObjectType<"VirtualDiskManager", HostAgent>;
