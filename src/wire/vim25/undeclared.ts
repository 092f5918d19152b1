/**
 * What clients call and the published schema does not have: as rows like the schema's, and as types. Pure.
 * Fetch reads one property of any object; pyVmomi calls it on all of them. The rest stands in urn:internalvim25: govc's
 * `datastore.disk.info` and `object.method` and Terraform ask for it, and read the answer in urn:vim25. What `govc host.esxcli`, rbvmomi
 * and pyVmomi's helpers go through for esxcli is in undeclared-esxcli.ts. None of it is in a document that we publish.
 */
import type { DataObjectRow, ManagedObjectRow, MemberRow, MethodRow } from "./schema-rows.ts";
import { dynamicTypeManager, esxcliDataObjects, managedMethodExecuter } from "./undeclared-esxcli.ts";
import type { MoRef } from "./values.ts";

const FIRST = "vmodl.version.version0";
const member = (name: string, type: string, flags = ""): MemberRow => [name, type, FIRST, flags];

const retrieve = (vmodl: string, result: string): MethodRow => ({
  vmodl,
  version: FIRST,
  params: [],
  result,
  optional: true,
  privilege: "System.View",
  faults: [],
});

/** By the type that declares them; "ManagedObject" is every type's root. */
export const undeclaredMethods: ReadonlyMap<string, Readonly<Record<string, MethodRow>>> = new Map([
  [
    "ManagedObject",
    {
      Fetch: {
        vmodl: "fetch",
        version: FIRST,
        params: [member("prop", "string")],
        result: "anyType",
        optional: true,
        privilege: "System.View", // the least that any property asks for; its own privilege counts besides
        faults: ["InvalidProperty"],
      },
    },
  ],
  ["ServiceInstance", { RetrieveInternalContent: retrieve("retrieveInternalContent", "DynamicData") }],
  [
    "HostSystem",
    {
      RetrieveDynamicTypeManager: retrieve("retrieveDynamicTypeManager", "InternalDynamicTypeManager"),
      RetrieveManagedMethodExecuter: retrieve("retrieveManagedMethodExecuter", "ReflectManagedMethodExecuter"),
    },
  ],
  [
    "AuthorizationManager",
    {
      DisableMethods: {
        vmodl: "disableMethods",
        version: FIRST,
        params: [
          member("entity", "ManagedObject[]"),
          member("method", "DisabledMethodRequest[]"),
          member("sourceId", "string"),
          member("sessionScope", "boolean", "?"),
        ],
        result: "void",
        optional: false,
        privilege: "Global.DisableMethods",
        faults: [],
      },
      EnableMethods: {
        vmodl: "enableMethods",
        version: FIRST,
        params: [member("entity", "ManagedObject[]"), member("method", "string[]"), member("sourceId", "string")],
        result: "void",
        optional: false,
        privilege: "Global.EnableMethods",
        faults: [],
      },
    },
  ],
  [
    "VirtualDiskManager",
    {
      QueryVirtualDiskInfo_Task: {
        vmodl: "queryVirtualDiskInfo",
        version: FIRST,
        params: [member("name", "string"), member("datacenter", "Datacenter", "?"), member("includeParents", "boolean")],
        result: "Task",
        optional: false,
        privilege: "System.View",
        faults: ["FileFault", "InvalidDatastore"],
        taskResult: "VirtualDiskInfo[]",
      },
      CreateChildDisk_Task: {
        vmodl: "createChildDisk",
        version: FIRST,
        params: [
          member("childName", "string"),
          member("childDatacenter", "Datacenter", "?"),
          member("parentName", "string"),
          member("parentDatacenter", "Datacenter", "?"),
          member("isLinkedClone", "boolean"),
        ],
        result: "Task",
        optional: false,
        privilege: "System.View",
        faults: ["FileFault", "InvalidDatastore"],
        taskResult: "string",
      },
    },
  ],
]);

export const undeclaredManagedObjects: ReadonlyMap<string, ManagedObjectRow> = new Map([
  ["InternalDynamicTypeManager", dynamicTypeManager],
  ["ReflectManagedMethodExecuter", managedMethodExecuter],
]);

export const undeclaredDataObjects: ReadonlyMap<string, DataObjectRow> = new Map<string, DataObjectRow>([
  ...Object.entries(esxcliDataObjects),
  [
    "DisabledMethodRequest",
    { base: "DynamicData", version: FIRST, properties: [member("method", "string"), member("reasonId", "string")] },
  ],
  ["VirtualDiskUnit", { base: "DynamicData", version: FIRST, properties: [member("name", "string")] }],
  [
    "VirtualDiskInfo",
    {
      base: "DynamicData",
      version: FIRST,
      properties: [member("unit", "VirtualDiskUnit"), member("diskType", "string"), member("parent", "string", "?")],
    },
  ],
]);

export interface VirtualDiskInfo {
  /** The descriptor's datastore path. */
  readonly unit: { readonly name: string };
  readonly diskType: string;
  readonly parent?: string | undefined;
}

/** The methods that a managed object type may perform beyond what the schema declares for it. */
export interface UndeclaredMethods {
  HostSystem: {
    RetrieveDynamicTypeManager: { args: Record<never, never>; result: MoRef<"InternalDynamicTypeManager"> };
    RetrieveManagedMethodExecuter: { args: Record<never, never>; result: MoRef<"ReflectManagedMethodExecuter"> };
  };
  VirtualDiskManager: {
    QueryVirtualDiskInfo_Task: {
      args: { readonly name: string; readonly datacenter?: MoRef<"Datacenter"> | undefined; readonly includeParents: boolean };
      result: MoRef<"Task">;
    };
    CreateChildDisk_Task: {
      args: {
        readonly childName: string;
        readonly childDatacenter?: MoRef<"Datacenter"> | undefined;
        readonly parentName: string;
        readonly parentDatacenter?: MoRef<"Datacenter"> | undefined;
        readonly isLinkedClone: boolean;
      };
      result: MoRef<"Task">;
    };
  };
}
