/**
 * The vim25 schema: what types there are, what they hold, what can be called on them. Pure but for reading its file once.
 * A type is put together when it is first asked for and kept: a host uses a few hundred of the three thousand.
 */
import { assert } from "../../base/index.ts";
import { type MemberRow, type MethodRow, schemaRows } from "./schema-rows.ts";
import { undeclaredDataObjects, undeclaredManagedObjects, undeclaredMethods } from "./undeclared.ts";

export const PRIMITIVES = [
  "string",
  "boolean",
  "byte",
  "short",
  "int",
  "long",
  "float",
  "double",
  "dateTime",
  "base64Binary",
  "TypeName",
  "MethodName",
  "PropertyPath",
] as const;
export type Primitive = (typeof PRIMITIVES)[number];

/** A type as a property, a parameter or a result names it: "VirtualDevice[]" is {item: "VirtualDevice", array: true}. */
export type TypeRef = PrimitiveRef | NamedRef;

export interface PrimitiveRef {
  readonly kind: "primitive";
  readonly text: string;
  readonly item: Primitive;
  readonly array: boolean;
}

export interface NamedRef {
  readonly kind: "anyType" | "void" | "enum" | "dataObject" | "reference";
  readonly text: string;
  readonly item: string;
  readonly array: boolean;
}

export interface Member {
  readonly name: string;
  /** As it travels: a link to another data object is the string that is that one's key. */
  readonly type: TypeRef;
  readonly optional: boolean;
  /** The schema's name of the version that it came with; see {@link knows}. */
  readonly version: string;
  readonly privilege: string | undefined;
}

export interface DataObjectType {
  readonly name: string;
  readonly base: string | undefined;
  readonly version: string;
  /** All of them in the order of the wire: inherited ones first, from the root down. */
  readonly members: ReadonlyMap<string, Member>;
}

export interface EnumType {
  readonly name: string;
  readonly version: string;
  readonly values: ReadonlySet<string>;
}

export interface Method {
  /** WSDL name: "PowerOnVM_Task". */
  readonly name: string;
  /** The managed object type that declares it. */
  readonly declaredBy: string;
  /** "vim.VirtualMachine.powerOn", as a task's key has it. */
  readonly vmodl: string;
  /** "VirtualMachine.powerOn", as TaskInfo.descriptionId has it. */
  readonly descriptionId: string;
  readonly version: string;
  readonly params: ReadonlyMap<string, Member>;
  readonly result: TypeRef;
  readonly resultOptional: boolean;
  /** Undefined where the schema asks for none: the method checks for itself. */
  readonly privilege: string | undefined;
  readonly faults: readonly string[];
  /** What the task results in; undefined for a method that is no task. */
  readonly taskResult: TypeRef | undefined;
}

export interface ManagedObjectType {
  readonly name: string;
  readonly base: string | undefined;
  readonly vmodl: string;
  readonly version: string;
  /** Own and inherited. */
  readonly properties: ReadonlyMap<string, Member>;
  readonly methods: ReadonlyMap<string, Method>;
}

const typeRefs = new Map<string, TypeRef>();
const dataObjects = new Map<string, DataObjectType>();
const enums = new Map<string, EnumType>();
const managedObjects = new Map<string, ManagedObjectType>();
const lineages = new Map<string, readonly string[]>();
const subtypes = new Map<string, readonly string[]>();
let declaringTypes: ReadonlyMap<string, string> | undefined;

/** @param text untrusted: a type's name, with "[]" for an array of it. @returns undefined when the schema has none of that name */
export function findType(text: string): TypeRef | undefined {
  const known = typeRefs.get(text);
  if (known !== undefined) return known;
  const found = resolve(text);
  if (found !== undefined) typeRefs.set(text, found);
  return found;
}

function resolve(text: string): TypeRef | undefined {
  const array = text.endsWith("[]");
  const item = array ? text.slice(0, -2) : text;
  const primitive = PRIMITIVES.find((name) => name === item);
  if (primitive !== undefined) return { kind: "primitive", text, item: primitive, array };
  if (item === "anyType" || item === "void") return { kind: item, text, item, array };
  const rows = schemaRows();
  if (rows.dataObjects.has(item) || undeclaredDataObjects.has(item)) return { kind: "dataObject", text, item, array };
  if (rows.enums.has(item)) return { kind: "enum", text, item, array };
  if (rows.managedObjects.has(item) || undeclaredManagedObjects.has(item)) return { kind: "reference", text, item, array };
  return undefined;
}

/** @param text a type that our own code names: it is a bug when the schema has none of that name */
export function typeOf(text: string): TypeRef {
  const type = findType(text);
  assert(type !== undefined, `the schema has no type ${text}`);
  return type;
}

export function dataObjectType(name: string): DataObjectType {
  const known = dataObjects.get(name);
  if (known !== undefined) return known;
  const row = schemaRows().dataObjects.get(name) ?? undeclaredDataObjects.get(name);
  assert(row !== undefined, `the schema has no data object ${name}`);
  const members = new Map(row.base === null ? [] : dataObjectType(row.base).members);
  for (const property of row.properties) members.set(property[0], memberOf(property));
  const type = { name, base: row.base ?? undefined, version: row.version, members };
  dataObjects.set(name, type);
  return type;
}

export function enumType(name: string): EnumType {
  const known = enums.get(name);
  if (known !== undefined) return known;
  const row = schemaRows().enums.get(name);
  assert(row !== undefined, `the schema has no enumeration ${name}`);
  const type = { name, version: row.version, values: new Set(row.values) };
  enums.set(name, type);
  return type;
}

/** @param name untrusted. @returns undefined when the schema has no managed object type of that name */
export function findManagedObjectType(name: string): ManagedObjectType | undefined {
  const known = managedObjects.get(name);
  if (known !== undefined) return known;
  const row = schemaRows().managedObjects.get(name) ?? undeclaredManagedObjects.get(name);
  if (row === undefined) return undefined;
  const base = row.base === null ? undefined : findManagedObjectType(row.base);
  const properties = new Map(base?.properties);
  for (const property of row.properties) properties.set(property[0], memberOf(property));
  const methods = new Map(base?.methods);
  const undeclared = undeclaredMethods.get(base === undefined ? "ManagedObject" : name);
  for (const [method, methodRow] of Object.entries({ ...undeclared, ...row.methods }))
    methods.set(method, methodOf(method, name, row.vmodl, methodRow));
  const type = { name, base: base?.name, vmodl: row.vmodl, version: row.version, properties, methods };
  managedObjects.set(name, type);
  return type;
}

/** The managed object type of a name that our own code gives. */
export function managedObjectType(name: string): ManagedObjectType {
  const type = findManagedObjectType(name);
  assert(type !== undefined, `the schema has no managed object ${name}`);
  return type;
}

/**
 * A method by its WSDL name alone, which no two managed object types share.
 * @param name untrusted
 * @returns undefined when nothing has a method of that name
 */
export function findMethod(name: string): Method | undefined {
  declaringTypes ??= new Map([
    ...[...undeclaredMethods].flatMap(([type, methods]) => Object.keys(methods).map((method) => [method, type] as const)),
    ...[...undeclaredManagedObjects, ...schemaRows().managedObjects].flatMap(([type, { methods }]) =>
      Object.keys(methods).map((method) => [method, type] as const),
    ),
  ]);
  const type = declaringTypes.get(name);
  return type === undefined ? undefined : findManagedObjectType(type)?.methods.get(name);
}

/** Whether `type` is `base` or inherits from it. Names of data objects or of managed objects, untrusted; false for any other. */
export function isSubtype(type: string, base: string): boolean {
  return lineageOf(type).includes(base);
}

/** A data object or managed object type and what it inherits from, the root last; empty for a name that is neither. */
export function lineageOf(type: string): readonly string[] {
  const known = lineages.get(type);
  if (known !== undefined) return known;
  const { dataObjects: data, managedObjects: managed } = schemaRows();
  const row = data.get(type) ?? managed.get(type) ?? undeclaredDataObjects.get(type) ?? undeclaredManagedObjects.get(type);
  if (row === undefined) return [];
  const lineage = [type, ...(row.base === null ? [] : lineageOf(row.base))];
  lineages.set(type, lineage);
  return lineage;
}

/** The data object types that inherit from `name`, itself first: what a value that is declared so may be. */
export function subtypesOf(name: string): readonly string[] {
  const known = subtypes.get(name);
  if (known !== undefined) return known;
  const all = [name];
  for (const type of schemaRows().dataObjects.keys()) if (type !== name && isSubtype(type, name)) all.push(type);
  subtypes.set(name, all);
  return all;
}

/** Whether `name` is a fault of the schema. Untrusted. */
export function isFaultType(name: string): boolean {
  return isSubtype(name, "MethodFault");
}

/** When a type came, as a schema version; undefined for primitives, which were always there. */
export function versionOfType(type: TypeRef): string | undefined {
  switch (type.kind) {
    case "primitive":
    case "anyType":
    case "void":
      return undefined;
    case "enum":
      return enumType(type.item).version;
    case "dataObject":
      return dataObjectType(type.item).version;
    case "reference":
      return managedObjectType(type.item).version;
  }
}

function memberOf([name, type, version, flags, privilege]: MemberRow): Member {
  const wireType = flags.includes("~") ? `string${type.endsWith("[]") ? "[]" : ""}` : type;
  return { name, type: typeOf(wireType), optional: flags.includes("?"), version, privilege };
}

function methodOf(name: string, declaredBy: string, object: string, row: MethodRow): Method {
  const vmodl = `${object}.${row.vmodl}`;
  return {
    name,
    declaredBy,
    vmodl,
    descriptionId: vmodl.replace(/^vim\./, ""),
    version: row.version,
    params: new Map(row.params.map((param) => [param[0], memberOf(param)])),
    result: typeOf(row.result),
    resultOptional: row.optional,
    privilege: row.privilege ?? undefined,
    faults: row.faults,
    taskResult: row.taskResult == null ? undefined : typeOf(row.taskResult),
  };
}
