import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { performedApi } from "../../hostd/index.ts";
import { managedObjectType, parseXml, schemaRows, type XmlElement } from "../../wire/index.ts";
import { Documents } from "./documents.ts";

const documents = new Documents(performedApi());
const LIMITS = { bytesMax: 16 * 1024 * 1024, elementsMax: 1_000_000 };

function read(path: string): string {
  const document = documents.find(path);
  if (document === undefined) throw new Error(`no document at ${path}`);
  return gunzipSync(document.gzip).toString();
}

interface OpenApi {
  readonly paths: Record<string, Record<string, { readonly operationId: string }>>;
  readonly components: {
    readonly schemas: Record<string, { readonly properties?: object; readonly allOf?: unknown; readonly required?: unknown }>;
  };
}
const openApi = (release: string): OpenApi => JSON.parse(read(`/sdk/vim25/${release}/openapi.json`));

test("the OpenAPI document has every method and property that the host performs, and no other", () => {
  const { paths } = openApi("8.0.3.0");
  const expected = performedApi().flatMap(({ type, methods, properties }) => [
    ...methods.map((name) => `post /${type}/{moId}/${name}`),
    ...properties.map((name) => `get /${type}/{moId}/${name}`),
  ]);
  const described = Object.entries(paths).flatMap(([path, verbs]) => Object.keys(verbs).map((verb) => `${verb} ${path}`));
  expect(described.sort()).toEqual(expected.sort());
});

test("whatever the OpenAPI document refers to is in it, and no operation has the name of another", () => {
  for (const release of ["8.0.3.0", "8.0.1.0", "6.5"]) {
    const document = openApi(release);
    const { schemas } = document.components;
    const lost = new Set<unknown>();
    JSON.parse(JSON.stringify(document), (key, value) => {
      const [, name] = /^#\/components\/schemas\/(.*)$/.exec(key === "$ref" ? value : "") ?? [];
      if (name !== undefined && schemas[name] === undefined) lost.add(value);
      return value;
    });
    expect([...lost], release).toEqual([]);
    const operations = Object.values(document.paths).flatMap((verbs) => Object.values(verbs).map(({ operationId }) => operationId));
    expect(new Set(operations).size).toBe(operations.length);
  }
});

test("a type inherits from its base and adds its own", () => {
  const { schemas } = openApi("8.0.3.0").components;
  expect(schemas.KeyValue).toMatchObject({ allOf: [{ $ref: "#/components/schemas/DynamicData" }], required: ["key", "value"] });
  expect(Object.keys(schemas.VirtualDisk?.properties ?? {})).not.toContain("backing"); // VirtualDevice's
  expect(schemas.VirtualMachinePowerState_enum).toEqual({ type: "string", enum: ["poweredOff", "poweredOn", "suspended"] });
  expect(schemas.LoginRequestType).toMatchObject({ required: ["userName", "password"] });
});

test("an older release's document has nothing that came after it", () => {
  expect(openApi("8.0.3.0").components.schemas.VirtualPrecisionClock).toBeDefined();
  expect(openApi("6.7.1").components.schemas.VirtualPrecisionClock).toBeUndefined();
});

test("two methods never share the published name of their arguments", () => {
  for (const { type } of performedApi()) {
    const names = [...managedObjectType(type).methods.keys()];
    const requests = names.map((name) => name.replace(/_Task$/, ""));
    expect(new Set(requests).size, type).toBe(names.length);
  }
});

function* walk(element: XmlElement): Generator<XmlElement> {
  yield element;
  for (const child of element.children) yield* walk(child);
}

test("the WSDL has every method of the schema, and whatever it refers to", () => {
  const root = parseXml(Buffer.from(read("/sdk/vimService.wsdl")), LIMITS);
  const all = [...walk(root)];
  const attribute = (element: XmlElement, name: string) => element.attributes.find((candidate) => candidate.name === name)?.value ?? "";
  const named = (...kinds: readonly string[]) =>
    all.filter(({ name }) => kinds.includes(name)).map((element) => `vim25:${attribute(element, "name")}`);
  const types = new Set(named("complexType", "simpleType"));
  const elements = new Set(named("element"));
  const messages = new Set(named("message"));
  for (const element of all) {
    for (const type of [attribute(element, "type"), attribute(element, "base")])
      if (type.startsWith("vim25:") && element.name !== "binding") expect(types.has(type), type).toBe(true);
    if (element.name === "part") expect(elements.has(attribute(element, "element"))).toBe(true);
    if (element.name === "input" && element.attributes.length > 0) expect(messages.has(attribute(element, "message"))).toBe(true);
  }
  const portType = root.children.find(({ name }) => name === "portType");
  const methods = [...schemaRows().managedObjects.values()].flatMap(({ methods }) => Object.keys(methods));
  expect(portType?.children.map((operation) => attribute(operation, "name")).sort()).toEqual(methods.sort());
});

test("what the host performs can be read as one list", () => {
  const { methods, types } = JSON.parse(read("/about"));
  expect(methods).toContain("PowerOnVM_Task");
  expect(types).toContain("VirtualMachine");
});

test("a document is made once", () => {
  expect(documents.find("/about")).toBe(documents.find("/about"));
  expect(documents.find("/sdk/vim25/9.1.0.0/openapi.json")).toBe(documents.find("/sdk/vim25/8.0.3.0/openapi.json"));
});

test.each([
  "/sdk/vim25/openapi.json",
  "/sdk/vim25//openapi.json",
  "/sdk/vim25/x/openapi.json",
  "/sdk/vim25/8.0.3.0/x/openapi.json",
  "/about/",
])("%s is no document", (path) => expect(documents.find(path)).toBeUndefined());
