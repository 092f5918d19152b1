/** vim25 HostAutoStartManager: which VMs start and stop with the host. */
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const autoStartManager = {
  type: "HostAutoStartManager",
  properties: {
    config: ({ autoStart }) => autoStart.config,
  },
  methods: {
    ReconfigureAutostart: ({ autoStart }, { spec }) => autoStart.reconfigure(spec),
    // Both begin and return: what they do is seen in the tasks of the VMs.
    AutoStartPowerOn: ({ autoStart }) => autoStart.beginStart(),
    AutoStartPowerOff: ({ autoStart }) => autoStart.beginStop(),
  },
} as const satisfies ManagedObjectType<"HostAutoStartManager", HostAgent>;
