/** Values of the schema's types, made by chance, in the form that decoding gives them. For tests. */
import fc, { type GeneratorValue } from "fast-check";
import { dataObjectType, enumType, isSubtype, type Member, type Primitive, type TypeRef, typeOf } from "./schema.ts";
import { schemaRows } from "./schema-rows.ts";
import type { AnyValue, MoRef } from "./values.ts";

const DEPTH_MAX = 4; // beyond it only what is required is set, so that a value ends

const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom("<", ">", "&", '"', "'", "]]>", "\r", "\n", "\t", " ", "é", "𝒳") }),
);
const integerBetween = (min: number, max: number) => fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, 0));

const primitives: { readonly [P in Primitive]: fc.Arbitrary<unknown> } = {
  string: text,
  MethodName: text,
  PropertyPath: text,
  TypeName: fc.constantFrom("VirtualMachine", "VirtualE1000", "ManagedEntity", "string"),
  boolean: fc.boolean(),
  byte: integerBetween(-0x80, 0x7f),
  short: integerBetween(-0x8000, 0x7fff),
  int: integerBetween(-0x8000_0000, 0x7fff_ffff),
  long: fc.maxSafeInteger(),
  float: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  dateTime: fc.date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }),
  base64Binary: fc.uint8Array({ maxLength: 40 }),
};

/** A value of any data object type that inherits from `declared`. */
export function makeDataObject(gen: GeneratorValue, declared: string, depth = 0): Record<string, unknown> {
  const runtime = depth < DEPTH_MAX ? gen(() => fc.constantFrom(...subtypesOf(declared))) : declared;
  const object: Record<string, unknown> = { $type: runtime };
  for (const member of dataObjectType(runtime).members.values()) {
    if (member.name === "dynamicType" || member.name === "dynamicProperty") continue; // part of every type, and never sent by anybody
    const value = makeMember(gen, member, depth + 1);
    if (value !== undefined) object[member.name] = value;
  }
  return object;
}

function makeMember(gen: GeneratorValue, { type, optional }: Member, depth: number): unknown {
  if (optional && (depth >= DEPTH_MAX || gen(() => fc.integer({ min: 0, max: 3 })) > 0)) return undefined;
  if (!type.array) return makeItem(gen, type, depth);
  const items = makeItems(gen, type, depth);
  return optional && items.length === 0 ? undefined : items; // on the wire there is no difference
}

function makeItems(gen: GeneratorValue, type: TypeRef, depth: number): readonly unknown[] {
  const length = depth >= DEPTH_MAX ? 0 : gen(() => fc.integer({ min: 0, max: 3 }));
  return Array.from({ length }, () => makeItem(gen, type, depth));
}

function makeItem(gen: GeneratorValue, type: TypeRef, depth: number): unknown {
  switch (type.kind) {
    case "primitive":
      return gen(() => primitives[type.item]);
    case "enum":
      return gen(() => fc.constantFrom(...enumType(type.item).values));
    case "reference":
      return makeReference(gen, type.item);
    case "dataObject":
      return makeDataObject(gen, type.item, depth);
    case "anyType":
      return makeAny(gen, depth);
    case "void":
      throw new Error("void has no value");
  }
}

function makeReference(gen: GeneratorValue, declared: string): MoRef {
  return {
    type: gen(() => fc.constantFrom(...subtypesOf(declared))),
    value: gen(() => fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })),
  };
}

const ANY_TYPES = [
  "string",
  "int",
  "boolean",
  "long",
  "short",
  "byte",
  "double",
  "float",
  "dateTime",
  "base64Binary",
  "VirtualMachinePowerState",
];

function makeAny(gen: GeneratorValue, depth: number): AnyValue {
  if (gen(() => fc.boolean())) {
    const item = typeOf(gen(() => fc.constantFrom(...ANY_TYPES, "ManagedObject", "OptionValue", "anyType")));
    return { anyType: `${item.item}[]`, value: makeItems(gen, item, depth + 1) };
  }
  const name = gen(() => fc.constantFrom(...ANY_TYPES, "ManagedObject", "KeyValue"));
  const value = makeItem(gen, typeOf(name), depth + 1);
  if (name === "ManagedObject") return { anyType: (value as MoRef).type, value };
  return name === "KeyValue" ? { anyType: String((value as { $type: string }).$type), value } : { anyType: name, value };
}

const known = new Map<string, readonly string[]>();

function subtypesOf(base: string): readonly string[] {
  const found = known.get(base);
  if (found !== undefined) return found;
  const { dataObjects, managedObjects } = schemaRows();
  const subtypes = [...dataObjects.keys(), ...managedObjects.keys()].filter((name) => isSubtype(name, base));
  known.set(base, subtypes);
  return subtypes;
}
