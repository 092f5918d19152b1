/** vim25 OvfManager: packages of virtual machines, read and written. */
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { createDescriptor, createImportSpec, parseDescriptor, validateHost } from "../ovf/ovf-deeds.ts";
import { ALLOW_EXTRA_CONFIG } from "../ovf/plan-import.ts";

export const ovfManager = {
  type: "OvfManager",
  properties: {
    ovfImportOption: () => [
      {
        option: ALLOW_EXTRA_CONFIG,
        description: { key: ALLOW_EXTRA_CONFIG, message: "Takes keys of the .vmx that the package brings along (vmw:ExtraConfig)." },
      },
    ],
    ovfExportOption: () => [],
  },
  methods: {
    ParseDescriptor: (_, { ovfDescriptor, pdp }) => parseDescriptor(ovfDescriptor, pdp),
    ValidateHost: (_, { ovfDescriptor, host, vhp }) => validateHost(ovfDescriptor, host, vhp),
    CreateImportSpec: (agent, question) => createImportSpec(agent, question),
    CreateDescriptor: (agent, { obj, cdp }) => createDescriptor(agent, obj, cdp),
  },
} as const satisfies ManagedObjectType<"OvfManager", HostAgent>;
