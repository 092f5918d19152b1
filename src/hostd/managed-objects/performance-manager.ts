/** vim25 PerformanceManager: what host and VMs use, from performance/. Only real-time figures, of the last hour. */
import {
  fault,
  type MoRef,
  type PerfCompositeMetric,
  type PerfEntityMetric,
  type PerfEntityMetricCSV,
  type PerfQuerySpec,
} from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { HOST } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { counterInfos, performanceDescription } from "../performance/counters.ts";
import { INTERVAL_S } from "../performance/history.ts";
import { answerQuery, availableMetrics, refuseInterval } from "../performance/query.ts";
import { sourceFor } from "../property-source.ts";

const SPECS_MAX = 1100; // a spec for each VM that a host can have, and for itself
const LEVELS = { min: 1, max: 4 };

export const performanceManager = {
  type: "PerformanceManager",
  properties: {
    description: () => performanceDescription,
    historicalInterval: () => [],
    perfCounter: () => counterInfos,
  },
  methods: {
    QueryPerfProviderSummary(agent, { entity }, call) {
      requireProvider(agent, entity, call);
      return { entity, currentSupported: true, summarySupported: false, refreshRate: INTERVAL_S };
    },
    QueryAvailablePerfMetric(agent, { entity, beginTime, endTime, intervalId }, call) {
      requireProvider(agent, entity, call);
      refuseInterval(intervalId, "intervalId");
      return availableMetrics(agent.performance.historyOf(entity), { startTime: beginTime, endTime });
    },
    QueryPerfCounter: (_, { counterId }) =>
      counterId.map((id) => {
        const info = counterInfos.find(({ key }) => key === id);
        if (info === undefined) throw fault("InvalidArgument", `This host has no counter ${id}.`, { invalidProperty: "counterId" });
        return info;
      }),
    QueryPerfCounterByLevel(_, { level }) {
      if (level >= LEVELS.min && level <= LEVELS.max) return counterInfos; // all are of the lowest level
      throw fault("InvalidArgument", `Levels are from ${LEVELS.min} to ${LEVELS.max}.`, { invalidProperty: "level" });
    },
    QueryPerf(agent, { querySpec }, call) {
      if (querySpec.length > SPECS_MAX) {
        throw fault("InvalidArgument", `More than ${SPECS_MAX} entities are asked for.`, { invalidProperty: "querySpec" });
      }
      return querySpec.map((spec) => query(agent, spec, call));
    },
    QueryPerfComposite(agent, { querySpec }, call): PerfCompositeMetric {
      const entity = query(agent, querySpec, call);
      if (querySpec.entity.value !== HOST.value) {
        throw fault("InvalidArgument", "Only the host has parts that are measured by themselves.", { invalidProperty: "querySpec.entity" });
      }
      const { refusal } = sourceFor(agent, call.session);
      const readable = agent.vms.refs().filter((ref) => refusal(ref) === undefined);
      return { entity, childEntity: readable.map((ref) => query(agent, { ...querySpec, entity: ref }, call)) };
    },
  },
} as const satisfies ManagedObjectType<"PerformanceManager", HostAgent>;

function query(agent: HostAgent, spec: PerfQuerySpec, call: Call): PerfEntityMetric | PerfEntityMetricCSV {
  requireProvider(agent, spec.entity, call);
  return answerQuery(spec, agent.performance.historyOf(spec.entity));
}

/** The host or a VM, if the caller may read it: what it uses is part of it. */
function requireProvider(agent: HostAgent, entity: MoRef, { session }: Call): void {
  const source = sourceFor(agent, session);
  const refusal = source.refusal(entity);
  if (refusal !== undefined) throw refusal;
  if (source.find(entity) === undefined) {
    throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: entity });
  }
  if (entity.type === "HostSystem" || entity.type === "VirtualMachine") return;
  throw fault("InvalidArgument", `A ${entity.type} is not measured.`, { invalidProperty: "entity" });
}
