/** vim25 ComputeResource: what the host has to give. */
import type { ManagedEntityStatus } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { ENVIRONMENT_BROWSER, HOST, ROOT_POOL } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

const MIB = 2 ** 20;
const green: ManagedEntityStatus = "green";

const totalMhz = ({ host }: HostAgent): number => host.cpu.mhz * host.cpu.cores;

export const computeResource = {
  type: "ComputeResource",
  properties: {
    ...managedEntityProperties,
    resourcePool: () => ROOT_POOL,
    host: () => [HOST],
    datastore: (self) => self.agent.inventory.datastoreRefs(),
    network: (self) => self.agent.networks.refs(),
    environmentBrowser: () => ENVIRONMENT_BROWSER,
    configurationEx: () => ({ vmSwapPlacement: "vmDirectory" }),
    summary: ({ agent }) => ({
      totalCpu: totalMhz(agent),
      totalMemory: agent.host.memoryBytes,
      numCpuCores: agent.host.cpu.cores,
      numCpuThreads: agent.host.cpu.threads,
      effectiveCpu: totalMhz(agent),
      effectiveMemory: Math.floor(agent.host.memoryBytes / MIB),
      numHosts: 1,
      numEffectiveHosts: 1,
      overallStatus: green,
    }),
  },
  methods: {},
} as const satisfies ManagedObjectType<"ComputeResource", Entity>;
