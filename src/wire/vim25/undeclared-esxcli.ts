/**
 * What esxcli goes through over the API, which the published schema does not have: the executer of dynamic methods, the manager of
 * dynamic types, and what they say. Pure. Named as clients name them: rbvmomi and PowerCLI by the WSDL names of ESXi.
 */
import type { DataObjectRow, ManagedObjectRow, MemberRow, MethodRow } from "./schema-rows.ts";
import type { LocalizedMethodFault, MethodFault } from "./types.generated.ts";

const FIRST = "vmodl.version.version0";
const member = (name: string, type: string, flags = ""): MemberRow => [name, type, FIRST, flags];
const data = (base: string, ...properties: readonly MemberRow[]): DataObjectRow => ({ base, version: FIRST, properties });

const query = (vmodl: string, params: readonly MemberRow[], result: string): MethodRow => ({
  vmodl,
  version: FIRST,
  params,
  result,
  optional: true,
  privilege: "System.Read",
  faults: [],
});

const OBJECT = { base: "ManagedObject", version: FIRST, properties: [] } as const;

export const managedMethodExecuter: ManagedObjectRow = {
  ...OBJECT,
  vmodl: "vmodl.reflect.ManagedMethodExecuter",
  methods: {
    ExecuteSoap: query(
      "executeSoap",
      [
        member("moid", "string"),
        member("version", "string"),
        member("method", "string"),
        member("argument", "ReflectManagedMethodExecuterSoapArgument[]", "?"),
      ],
      "ReflectManagedMethodExecuterSoapResult",
    ),
    FetchSoap: query(
      "fetchSoap",
      [member("moid", "string"), member("version", "string"), member("prop", "string")],
      "ReflectManagedMethodExecuterSoapResult",
    ),
  },
};

export const dynamicTypeManager: ManagedObjectRow = {
  ...OBJECT,
  vmodl: "vmodl.reflect.DynamicTypeManager",
  methods: {
    DynamicTypeMgrQueryMoInstances: query(
      "queryMoInstances",
      [member("filterSpec", "DynamicTypeMgrFilterSpec", "?")],
      "DynamicTypeMgrMoInstance[]",
    ),
    DynamicTypeMgrQueryTypeInfo: query(
      "queryTypeInfo",
      [member("filterSpec", "DynamicTypeMgrFilterSpec", "?")],
      "DynamicTypeMgrAllTypeInfo",
    ),
  },
};

const named = [member("name", "string"), member("wsdlName", "string"), member("version", "string")];
const annotated = member("annotation", "DynamicTypeMgrAnnotation[]", "?");
const typed = [member("name", "string"), member("version", "string"), member("type", "string"), member("privId", "string", "?")];

export const esxcliDataObjects: Readonly<Record<string, DataObjectRow>> = {
  ReflectManagedMethodExecuterSoapArgument: data("DynamicData", member("name", "string"), member("val", "string")),
  ReflectManagedMethodExecuterSoapFault: data("DynamicData", member("faultMsg", "string"), member("faultDetail", "string", "?")),
  ReflectManagedMethodExecuterSoapResult: data(
    "DynamicData",
    member("response", "string", "?"),
    member("fault", "ReflectManagedMethodExecuterSoapFault", "?"),
  ),
  VimEsxCLICLIFault: data("MethodFault", member("errMsg", "string[]", "?")),
  DynamicTypeMgrFilterSpec: data("DynamicData"),
  DynamicTypeMgrMoFilterSpec: data("DynamicTypeMgrFilterSpec", member("id", "string", "?"), member("typeSubstr", "string", "?")),
  DynamicTypeMgrTypeFilterSpec: data("DynamicTypeMgrFilterSpec", member("typeSubstr", "string", "?")),
  DynamicTypeMgrMoInstance: data("DynamicData", member("id", "string"), member("moType", "string")),
  DynamicTypeMgrAnnotation: data("DynamicData", member("name", "string"), member("parameter", "string[]", "?")),
  DynamicTypeMgrPropertyTypeInfo: data("DynamicData", ...typed, member("msgIdFormat", "string", "?"), annotated),
  DynamicTypeMgrParamTypeInfo: data("DynamicData", ...typed, annotated),
  DynamicTypeMgrMethodTypeInfo: data(
    "DynamicData",
    ...named,
    member("paramTypeInfo", "DynamicTypeMgrParamTypeInfo[]", "?"),
    member("returnTypeInfo", "DynamicTypeMgrParamTypeInfo", "?"),
    member("fault", "string[]", "?"),
    member("privId", "string", "?"),
    annotated,
  ),
  DynamicTypeMgrManagedTypeInfo: data(
    "DynamicData",
    ...named,
    member("base", "string[]", "?"),
    member("property", "DynamicTypeMgrPropertyTypeInfo[]", "?"),
    member("method", "DynamicTypeMgrMethodTypeInfo[]", "?"),
    annotated,
  ),
  DynamicTypeMgrDataTypeInfo: data(
    "DynamicData",
    ...named,
    member("base", "string[]", "?"),
    member("property", "DynamicTypeMgrPropertyTypeInfo[]", "?"),
    annotated,
  ),
  DynamicTypeEnumTypeInfo: data("DynamicData", ...named, member("value", "string[]", "?"), annotated),
  DynamicTypeMgrAllTypeInfo: data(
    "DynamicData",
    member("managedTypeInfo", "DynamicTypeMgrManagedTypeInfo[]", "?"),
    member("enumTypeInfo", "DynamicTypeEnumTypeInfo[]", "?"),
    member("dataTypeInfo", "DynamicTypeMgrDataTypeInfo[]", "?"),
  ),
};

export interface SoapArgument {
  readonly name: string;
  /** XML: an element of that name, or one for each value of a list. */
  readonly val: string;
}

/** One of the two. */
export interface SoapResult {
  /** XML: the value that was returned, as `obj`. */
  readonly response?: string | undefined;
  readonly fault?: { readonly faultMsg: string; readonly faultDetail?: string | undefined } | undefined;
}

/** What a command says that fails. */
export interface CliFault extends MethodFault {
  readonly errMsg?: readonly string[] | undefined;
}

export interface LocalizedCliFault extends LocalizedMethodFault {
  readonly fault: CliFault;
}

/** A DynamicTypeMgrMoFilterSpec or DynamicTypeMgrTypeFilterSpec. */
export interface DynamicTypeFilter {
  readonly $type?: string;
  readonly id?: string | undefined;
  readonly typeSubstr?: string | undefined;
}

export interface MoInstance {
  readonly id: string;
  readonly moType: string;
}

export interface DynamicMember {
  readonly name: string;
  readonly version: string;
  /** "vim.EsxCLI.network.vm.list.VM[]" */
  readonly type: string;
  readonly privId?: string;
  readonly annotation?: readonly { readonly name: string }[];
}

interface DynamicName {
  readonly name: string;
  readonly wsdlName: string;
  readonly version: string;
}

export interface DynamicMethod extends DynamicName {
  readonly paramTypeInfo: readonly DynamicMember[];
  readonly returnTypeInfo: DynamicMember;
  readonly fault: readonly string[];
  readonly privId: string;
}

export interface DynamicManagedType extends DynamicName {
  readonly base: readonly string[];
  readonly method: readonly DynamicMethod[];
}

export interface DynamicDataType extends DynamicName {
  readonly base: readonly string[];
  readonly property: readonly DynamicMember[];
}

export interface AllTypeInfo {
  readonly managedTypeInfo: readonly DynamicManagedType[];
  readonly dataTypeInfo: readonly DynamicDataType[];
}

export interface TypeQuery {
  readonly filterSpec?: DynamicTypeFilter | undefined;
}

declare module "./types.generated.ts" {
  interface ManagedObjects {
    ReflectManagedMethodExecuter: {
      lineage: "ReflectManagedMethodExecuter" | "ManagedObject";
      properties: Record<never, never>;
      methods: {
        ExecuteSoap: {
          args: {
            readonly moid: string;
            readonly version: string;
            readonly method: string;
            readonly argument?: readonly SoapArgument[] | undefined;
          };
          result: SoapResult | undefined;
        };
        FetchSoap: { args: { readonly moid: string; readonly version: string; readonly prop: string }; result: SoapResult | undefined };
      };
    };
    InternalDynamicTypeManager: {
      lineage: "InternalDynamicTypeManager" | "ManagedObject";
      properties: Record<never, never>;
      methods: {
        DynamicTypeMgrQueryMoInstances: { args: TypeQuery; result: readonly MoInstance[] | undefined };
        DynamicTypeMgrQueryTypeInfo: { args: TypeQuery; result: AllTypeInfo | undefined };
      };
    };
  }
}
