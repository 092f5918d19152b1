/**
 * XML to vim25 values, by the schema. Pure.
 * Everything here may be hostile. Names become keys only when the schema has them, so "__proto__" never does. Elements are
 * accepted in any order. Whatever does not fit is InvalidArgument with the path to it. Source: the vSphere Web Services API on the wire.
 */
import type { Fault } from "../../base/index.ts";
import { XSI_NAMESPACE } from "../soap/envelope.ts";
import { attributeOf, type XmlElement } from "../soap/xml.ts";
import { readXsiType } from "./any-type.ts";
import { fault } from "./fault.ts";
import { readPrimitive } from "./primitives.ts";
import { dataObjectType, enumType, isSubtype, type Member, type TypeRef } from "./schema.ts";
import type { AnyValue, MoRef } from "./values.ts";

/** Where arguments and properties may be: ours, the one of a few unpublished methods, the reflection service's, and none. */
const NAMESPACES: ReadonlySet<string> = new Set(["urn:vim25", "urn:internalvim25", "urn:reflect", ""]);

const PATH_CHARACTERS_MAX = 256; // a name in a hostile document may be megabytes long
const MOID_CHARACTERS_MAX = 1024; // the longest, a datastore's path, is far shorter

/**
 * Reads the members of a data object, or the arguments of a method.
 * @param elements in any order
 * @param path of the whole; "" for a method's arguments
 * @returns only what was there, and an empty array for a required one
 */
export function readMembers(elements: readonly XmlElement[], members: ReadonlyMap<string, Member>, path: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const element of elements) {
    const memberPath = path === "" ? element.name : `${path}.${element.name}`;
    const member = NAMESPACES.has(element.namespace) ? members.get(element.name) : undefined;
    if (member === undefined) throw refuse(memberPath, "is not known here");
    if (isNil(element)) continue;
    const known = values[member.name];
    if (member.type.array) {
      const items = Array.isArray(known) ? known : [];
      items.push(readItem(element, member.type, `${memberPath}[${items.length}]`));
      values[member.name] = items;
    } else {
      if (known !== undefined) throw refuse(memberPath, "is there twice");
      values[member.name] = readItem(element, member.type, memberPath);
    }
  }
  for (const member of members.values()) {
    if (member.optional || values[member.name] !== undefined) continue;
    if (isLaterFlag(member)) {
      values[member.name] = false;
      continue;
    }
    if (!member.type.array) throw refuse(path === "" ? member.name : `${path}.${member.name}`, "is required");
    values[member.name] = [];
  }
  return values;
}

/** The version of the API that has no older one: what is in it every client knows. */
const FIRST_VERSION = "vim.version.version1";

/**
 * A required boolean that came later: a client of an older API does not send it, and many (libvirt) do not say of which API they are.
 * Off is what it was before there was a choice.
 */
function isLaterFlag({ type, version }: Member): boolean {
  return type.text === "boolean" && version.startsWith("vim.") && version !== FIRST_VERSION;
}

/** Reads one element as an item of `type`; that it may be an array is the caller's matter. */
export function readItem(element: XmlElement, type: TypeRef, path: string): unknown {
  switch (type.kind) {
    case "primitive": {
      refuseOtherType(element, type, path);
      const value = readPrimitive(type.item, textOf(element, path));
      if (typeof value === "object" && "refused" in value) throw refuse(path, value.refused);
      return value;
    }
    case "enum": {
      refuseOtherType(element, type, path);
      const value = textOf(element, path).trim();
      if (!enumType(type.item).values.has(value)) throw refuse(path, `is no ${type.item}`);
      return value;
    }
    case "reference":
      return readReference(element, type, path);
    case "dataObject":
      return readDataObject(element, type.item, path);
    case "anyType":
      return readAny(element, path);
    case "void":
      throw refuse(path, "has no value here");
  }
}

/**
 * Scalars may carry an xsi:type, and some clients call all of them xsd:string, so it decides nothing; but one that names an
 * object or an array shows that something else was meant.
 */
function refuseOtherType(element: XmlElement, type: TypeRef, path: string): void {
  const named = xsiTypeOf(element, path);
  if (named === undefined) return;
  const fits =
    !named.array && (named.kind === "primitive" || (named.kind === "enum" && (type.kind === "primitive" || named.item === type.item)));
  if (!fits) throw refuse(path, `is a ${named.text}, and ${type.text} is expected`);
}

function readReference(element: XmlElement, type: TypeRef, path: string): MoRef {
  const named = xsiTypeOf(element, path);
  if (named !== undefined && (named.kind !== "reference" || named.array))
    throw refuse(path, `is a ${named.text}, and ${type.item} is expected`);
  const sent = attributeOf(element, "", "type") ?? type.item;
  const name = sent.slice(sent.indexOf(":") + 1);
  // A client that holds a base class may say so; what the object really is, is known by its id. What is kept and answered later has
  // to be of the declared type all the same.
  if (!isSubtype(name, type.item) && !isSubtype(type.item, name)) throw refuse(path, `refers to no ${type.item}`);
  if (typeOfReference(name) === undefined) throw refuse(path, `refers to no ${type.item}`);
  return { type: isSubtype(name, type.item) ? name : type.item, value: readMoid(element, path) };
}

function typeOfReference(name: string): TypeRef | undefined {
  const type = readXsiType(name);
  return type?.kind === "reference" && !type.array ? type : undefined;
}

/** The id in a reference, as it was sent: spaces belong to it. */
export function readMoid(element: XmlElement, path: string): string {
  const moid = textOf(element, path);
  if (moid === "" || moid.length > MOID_CHARACTERS_MAX) throw refuse(path, "refers to nothing");
  return moid;
}

/** @param declared a data object type: the element's xsi:type must be that, or inherit from it */
export function readDataObject(element: XmlElement, declared: string, path: string): Record<string, unknown> {
  const named = xsiTypeOf(element, path);
  if (named !== undefined && (named.kind !== "dataObject" || named.array || !isSubtype(named.item, declared)))
    throw refuse(path, `is a ${named.text}, and ${declared} is expected`);
  const runtime = named?.item ?? declared;
  if (element.text.trim() !== "") throw refuse(path, `is a ${runtime}, which has no text of its own`);
  return { $type: runtime, ...readMembers(element.children, dataObjectType(runtime).members, path) };
}

function readAny(element: XmlElement, path: string): AnyValue {
  const type = xsiTypeOf(element, path);
  if (type === undefined || type.text === "anyType") throw refuse(path, "does not say what type it has");
  if (type.array) return { anyType: type.text, value: readArray(element, type, path) };
  const value = readItem(element, type, path);
  return { anyType: type.kind === "reference" ? (value as MoRef).type : type.text, value };
}

function readArray(element: XmlElement, type: TypeRef, path: string): readonly unknown[] {
  if (element.text.trim() !== "") throw refuse(path, "is an array, which has no text of its own");
  return element.children.map((child, index) => {
    if (!NAMESPACES.has(child.namespace)) throw refuse(`${path}.${child.name}`, "is not known here");
    return readItem(child, type, `${path}[${index}]`);
  });
}

function textOf(element: XmlElement, path: string): string {
  if (element.children.length > 0) throw refuse(path, "holds elements where a value is expected");
  return element.text;
}

function xsiTypeOf(element: XmlElement, path: string): TypeRef | undefined {
  const text = attributeOf(element, XSI_NAMESPACE, "type");
  if (text === undefined) return undefined;
  const type = readXsiType(text);
  if (type === undefined) throw refuse(path, "has a type that is not known here");
  return type;
}

function isNil(element: XmlElement): boolean {
  const nil = attributeOf(element, XSI_NAMESPACE, "nil");
  return nil === "true" || nil === "1";
}

function refuse(path: string, problem: string): Fault {
  const shown = path.slice(0, PATH_CHARACTERS_MAX);
  return fault("InvalidArgument", `A specified parameter was not correct: ${shown} ${problem}.`, { invalidProperty: shown });
}
