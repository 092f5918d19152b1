/**
 * The OpenAPI document of VI/JSON as this host answers it: made from the schema, in the words of one release. Pure.
 * Laid out as the published one (vmware/vcf-api-specs, vi-json.yaml), so that what is generated from either has the same names:
 * `X_enum` for an enumeration and `X` for its box, `PrimitiveX` and `ArrayOfX` for what stands under Any, `XRequestType` for
 * a method's arguments.
 */
import type { PerformedType } from "../../hostd/index.ts";
import {
  BOXED_VALUE,
  dataObjectType,
  enumType,
  jsonArrayTypeOf,
  jsonTypeOf,
  knows,
  type Member,
  type Method,
  managedObjectType,
  PRIMITIVES,
  type Primitive,
  schemaRows,
  TYPE_NAME,
  type TypeRef,
  typeOf,
  versionOfType,
} from "../../wire/index.ts";

type Schema = Readonly<Record<string, unknown>>;
type Schemas = Record<string, Schema>;

const ANY = "Any";
const REFERENCE = "ManagedObjectReference";

/** @param version of the API: what came after it is not there */
export function describeOpenApi(version: string, performed: readonly PerformedType[]): Schema {
  const schemas: Schemas = {};
  describeBoxes(schemas);
  describeEnums(schemas, version);
  describeDataObjects(schemas, version);
  return {
    openapi: "3.0.3",
    info: { title: "Virtual Infrastructure JSON API", version },
    servers: [{ url: `/sdk/vim25/${version}` }],
    security: [{ Session: [] }],
    paths: describePaths(schemas, version, performed),
    components: {
      schemas,
      parameters: { moId: { name: "moId", in: "path", required: true, schema: { type: "string" } } },
      securitySchemes: { Session: { type: "apiKey", in: "header", name: "vmware-api-session-id" } },
    },
  };
}

function describePaths(schemas: Schemas, version: string, performed: readonly PerformedType[]): Schema {
  const paths: Record<string, Schema> = {};
  for (const { type: name, methods, properties } of performed) {
    const type = managedObjectType(name);
    if (!knows(version, type.version)) continue;
    for (const method of methods.map((method) => type.methods.get(method)))
      if (method !== undefined && knows(version, method.version))
        paths[`/${name}/{moId}/${method.name}`] = { post: describeMethod(schemas, version, name, method) };
    for (const property of properties.map((property) => type.properties.get(property)))
      if (property !== undefined && knows(version, property.version))
        paths[`/${name}/{moId}/${property.name}`] = { get: describeProperty(name, property) };
  }
  return paths;
}

function describeMethod(schemas: Schemas, version: string, type: string, method: Method): Schema {
  const params = [...method.params.values()].filter((param) => knows(version, param.version));
  const requestType = `${method.name.replace(/_Task$/, "")}RequestType`;
  if (params.length > 0) schemas[requestType] = describeMembers(params);
  const anonymous = method.privilege === "System.Anonymous" ? { security: [] } : {};
  const required = params.some(({ optional }) => !optional);
  return {
    tags: [type],
    operationId: `${type}_${method.name}`,
    ...(method.privilege === undefined ? {} : { description: `Required privileges: ${method.privilege}` }),
    ...anonymous,
    parameters: [{ $ref: "#/components/parameters/moId" }],
    ...(params.length === 0 ? {} : { requestBody: { required, content: json(refTo(requestType)) } }),
    responses: {
      ...describeResult(method.result, method.resultOptional, method.name === "Login"),
      "500": { description: ["Fault", ...method.faults].join(" "), content: json(refTo("MethodFault")) },
    },
  };
}

function describeProperty(type: string, property: Member): Schema {
  return {
    tags: [type],
    operationId: `${type}_get${property.name.charAt(0).toUpperCase()}${property.name.slice(1)}`,
    parameters: [{ $ref: "#/components/parameters/moId" }],
    responses: {
      ...describeResult(property.type, property.optional, false),
      "500": { description: "Fault", content: json(refTo("MethodFault")) },
    },
  };
}

function describeResult(type: TypeRef, optional: boolean, opensSession: boolean): Schema {
  if (type.kind === "void") return { "204": { description: "No Content" } };
  const schema = describeType(type);
  const headers = opensSession ? { headers: { "vmware-api-session-id": { schema: { type: "string" } } } } : {};
  const nullable = "$ref" in schema ? { nullable: true, allOf: [schema] } : { nullable: true, ...schema };
  return { "200": { description: "OK", ...headers, content: json(optional ? nullable : schema) } };
}

/** What can stand under Any: primitives and arrays of them, references, and Any itself. */
function describeBoxes(schemas: Schemas): void {
  schemas[ANY] = {
    type: "object",
    properties: { [TYPE_NAME]: { type: "string" } },
    required: [TYPE_NAME],
    discriminator: { propertyName: TYPE_NAME, mapping: Object.fromEntries(PRIMITIVES.map(typeOf).map(mappingOf)) },
  };
  for (const primitive of PRIMITIVES) {
    const type = typeOf(primitive);
    schemas[primitiveBoxOf(type)] = describeBox(describePrimitive(primitive));
    describeArrayBox(schemas, type);
  }
  const text = { type: "string" };
  schemas[REFERENCE] = inheriting(ANY, { properties: { type: text, value: text }, required: ["type", "value"] });
  describeArrayBox(schemas, typeOf("ManagedObject"));
  describeArrayBox(schemas, typeOf("anyType"));
}

const mappingOf = (type: TypeRef): [string, string] => [jsonTypeOf(type), `#/components/schemas/${primitiveBoxOf(type)}`];

/** Types, methods and paths are strings to clients, and share their box. */
function primitiveBoxOf(type: TypeRef): string {
  const name = jsonTypeOf(type);
  return `Primitive${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function describeEnums(schemas: Schemas, version: string): void {
  for (const name of schemaRows().enums.keys()) {
    const type = typeOf(name);
    if (!isKnown(version, type)) continue;
    schemas[`${name}_enum`] = { type: "string", enum: [...enumType(name).values] };
    schemas[name] = describeBox(refTo(`${name}_enum`));
    describeArrayBox(schemas, type);
  }
}

function describeDataObjects(schemas: Schemas, version: string): void {
  for (const name of schemaRows().dataObjects.keys()) {
    const type = typeOf(name);
    if (!isKnown(version, type)) continue;
    const { base, members } = dataObjectType(name);
    const inherited = base === undefined ? undefined : dataObjectType(base).members;
    const own = [...members.values()].filter((member) => !inherited?.has(member.name) && knows(version, member.version));
    schemas[name] = inheriting(base ?? ANY, describeMembers(own));
    describeArrayBox(schemas, type);
  }
}

function describeMembers(members: readonly Member[]): Schema {
  const required = members.filter(({ optional, type }) => !optional && !type.array).map(({ name }) => name);
  return {
    type: "object",
    ...(members.length === 0 ? {} : { properties: Object.fromEntries(members.map(({ name, type }) => [name, describeType(type)])) }),
    ...(required.length === 0 ? {} : { required }),
  };
}

function describeArrayBox(schemas: Schemas, item: TypeRef): void {
  schemas[jsonArrayTypeOf(item)] = describeBox({ type: "array", items: describeItem(item) });
}

const describeBox = (value: Schema): Schema => inheriting(ANY, { properties: { [BOXED_VALUE]: value }, required: [BOXED_VALUE] });
const inheriting = (base: string, own: Schema): Schema => ({ type: "object", ...own, allOf: [refTo(base)] });
const refTo = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Schema): Schema => ({ "application/json": { schema } });

function describeType(type: TypeRef): Schema {
  return type.array ? { type: "array", items: describeItem(type) } : describeItem(type);
}

function describeItem(type: TypeRef): Schema {
  switch (type.kind) {
    case "primitive":
      return describePrimitive(type.item);
    case "enum":
      return refTo(`${type.item}_enum`);
    case "reference":
      return refTo(REFERENCE);
    case "dataObject":
      return refTo(type.item);
    case "anyType":
      return refTo(ANY);
    case "void":
      throw new Error("void has no value");
  }
}

function describePrimitive(type: Primitive): Schema {
  switch (type) {
    case "string":
    case "MethodName":
    case "PropertyPath":
    case "TypeName":
      return { type: "string" };
    case "boolean":
      return { type: "boolean" };
    case "byte":
      return { type: "integer", format: "int8" };
    case "short":
      return { type: "integer", format: "int16" };
    case "int":
      return { type: "integer", format: "int32" };
    case "long":
      return { type: "integer", format: "int64" };
    case "float":
    case "double":
      return { type: "number", format: type };
    case "dateTime":
      return { type: "string", format: "date-time" };
    case "base64Binary":
      return { type: "string", format: "byte" };
  }
}

function isKnown(version: string, type: TypeRef): boolean {
  const since = versionOfType(type);
  return since === undefined || knows(version, since);
}
