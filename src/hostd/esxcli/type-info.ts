/** The commands as dynamic types: what clients build their own classes from before they call any. Pure, from the catalogue. */
import type {
  AllTypeInfo,
  DynamicDataType,
  DynamicManagedType,
  DynamicMember,
  DynamicMethod,
  DynamicTypeFilter,
  MoInstance,
} from "../../wire/index.ts";
import { CLI_INFO, handlerOf, namespaces } from "./catalogue.ts";
import { structsOf } from "./cli-info.ts";
import { type Command, elementName, type FieldType, type Param } from "./command.ts";
import { structNameOf, vmodlNameOf, wsdlName } from "./encode-result.ts";

const VERSION = "vim.version.version9"; // that of vSphere 5.5, which every client here is newer than
const CLI_FAULT = "vim.EsxCLI.CLIFault";
const OPTIONAL = [{ name: "optional" }];

export function moInstances({ id, typeSubstr = "" }: DynamicTypeFilter = {}): readonly MoInstance[] {
  const handlers = [...namespaces.keys()].map((namespace) => ({ id: handlerOf(namespace), moType: vmodlNameOf(namespace) }));
  return [...handlers, { id: CLI_INFO.moid, moType: CLI_INFO.type }].filter(
    (instance) => (id === undefined || instance.id === id) && instance.moType.includes(typeSubstr),
  );
}

export function typeInfo({ typeSubstr = "" }: DynamicTypeFilter = {}): AllTypeInfo {
  const isMeant = ({ name }: { readonly name: string }): boolean => name.includes(typeSubstr);
  return {
    managedTypeInfo: [...[...namespaces].map(([namespace, commands]) => managedType(namespace, commands)), cliInfoType].filter(isMeant),
    dataTypeInfo: [...[...namespaces.values()].flat().flatMap(dataTypes), ...cliInfoDataTypes].filter(isMeant),
  };
}

function managedType(namespace: string, commands: readonly Command[]): DynamicManagedType {
  const name = vmodlNameOf(namespace);
  return { ...named(name), base: ["vmodl.ManagedObject"], method: commands.map(methodOf) };
}

function methodOf(command: Command): DynamicMethod {
  const { namespace, name, params, privilege } = command;
  return {
    name,
    wsdlName: wsdlName(`${vmodlNameOf(namespace)}.${name}`),
    version: VERSION,
    paramTypeInfo: Object.entries(params).map(([param, described]) => paramOf(param, described as Param)),
    returnTypeInfo: member("result", resultType(command)),
    fault: [CLI_FAULT],
    privId: privilege,
  };
}

function paramOf(name: string, { type, isList, isRequired }: Param): DynamicMember {
  return { ...member(name, isList ? `${type}[]` : type), ...(!isRequired && { annotation: OPTIONAL }) };
}

function resultType(command: Command): string {
  const { result } = command;
  switch (result.kind) {
    case "nothing":
      return "boolean";
    case "scalar":
      return result.type;
    case "struct":
      return structNameOf(command, result.struct);
    case "list":
      return `${structNameOf(command, result.struct)}[]`;
  }
}

function dataTypes(command: Command): readonly DynamicDataType[] {
  const { result } = command;
  if (result.kind === "nothing" || result.kind === "scalar") return [];
  const typeOf = (type: FieldType): string => (typeof type === "string" ? type : structNameOf(command, type));
  return structsOf(result.struct).map((struct) => ({
    ...named(structNameOf(command, struct)),
    base: ["vmodl.DynamicData"],
    property: Object.entries<FieldType>(struct.fields)
      .map(([field, type]) => ({ ...member(elementName(field), typeOf(type)), annotation: OPTIONAL }))
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
  }));
}

function named(name: string) {
  return { name, wsdlName: wsdlName(name), version: VERSION };
}

function member(name: string, type: string): DynamicMember {
  return { name, version: VERSION, type };
}

const cliInfoType: DynamicManagedType = {
  ...named(CLI_INFO.type),
  base: ["vmodl.ManagedObject"],
  method: [
    {
      name: "FetchCLIInfo",
      wsdlName: "VimCLIInfoFetchCLIInfo",
      version: VERSION,
      paramTypeInfo: [member("typeName", "string")],
      returnTypeInfo: member("result", `${CLI_INFO.type}.Info`),
      fault: ["vim.fault.NotFound"],
      privId: "System.Read",
    },
  ],
};

const described = [member("name", "string"), member("displayName", "string"), member("help", "string")];
const infoType = (name: string, ...property: readonly DynamicMember[]): DynamicDataType => ({
  ...named(`${CLI_INFO.type}.${name}`),
  base: ["vmodl.DynamicData"],
  property,
});

const cliInfoDataTypes: readonly DynamicDataType[] = [
  infoType("Info", ...described, member("method", `${CLI_INFO.type}.Method[]`)),
  infoType("Method", ...described, member("param", `${CLI_INFO.type}.Param[]`), member("hints", "vim.KeyValue[]")),
  infoType("Param", ...described, member("aliases", "string[]"), member("flag", "boolean")),
];
