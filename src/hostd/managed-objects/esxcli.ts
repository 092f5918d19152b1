/** vmodl ManagedMethodExecuter and DynamicTypeManager: how clients of the API come to the commands of esxcli. Not in the published schema. */
import type { HostAgent } from "../agent.ts";
import { executeSoap, fetchSoap } from "../esxcli/execute.ts";
import { moInstances, typeInfo } from "../esxcli/type-info.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const managedMethodExecuter = {
  type: "ReflectManagedMethodExecuter",
  properties: {},
  methods: {
    ExecuteSoap: (_, execution, call) => executeSoap(call, execution),
    FetchSoap: (_, reading, call) => fetchSoap(call, reading),
  },
} as const satisfies ManagedObjectType<"ReflectManagedMethodExecuter", HostAgent>;

export const dynamicTypeManager = {
  type: "InternalDynamicTypeManager",
  properties: {},
  methods: {
    DynamicTypeMgrQueryMoInstances: (_, { filterSpec }) => moInstances(filterSpec),
    DynamicTypeMgrQueryTypeInfo: (_, { filterSpec }) => typeInfo(filterSpec),
  },
} as const satisfies ManagedObjectType<"InternalDynamicTypeManager", HostAgent>;
