/** What a command answered, out of the XML that it comes in, as its declaration says. Pure. Of a host that may be another version. */
import type { Command, FieldType, ScalarType, Struct } from "../../hostd/esxcli/index.ts";
import { elementName } from "../../hostd/esxcli/index.ts";
import { fault, parseXml, type XmlElement, type XmlLimits } from "../../wire/index.ts";

export type Value = string | number | boolean;
export type FieldValue = Value | readonly string[] | RowValue | undefined;
/** By the names of fields that people see. */
export type RowValue = { readonly [field: string]: FieldValue };
export type Answer =
  | { readonly kind: "nothing" }
  | { readonly kind: "scalar"; readonly value: Value }
  | { readonly kind: "rows"; readonly rows: readonly RowValue[] };

const LIMITS: XmlLimits = { bytesMax: 64 * 2 ** 20, elementsMax: 1_000_000 };

/** @throws {Fault} InvalidRequest when it is no answer of that command */
export function decodeResult({ result }: Command, xml: string): Answer {
  const root = parseXml(Buffer.from(xml), LIMITS);
  switch (result.kind) {
    case "nothing":
      return { kind: "nothing" };
    case "scalar":
      return { kind: "scalar", value: readScalar(result.type, root.text) };
    case "struct":
      return { kind: "rows", rows: [readRow(result.struct, root)] };
    case "list":
      return { kind: "rows", rows: root.children.map((child) => readRow(result.struct, child)) };
  }
}

function readRow({ fields }: Struct, element: XmlElement): RowValue {
  return Object.fromEntries(
    Object.entries(fields).map(([field, type]) => {
      const found = element.children.filter(({ name }) => name === elementName(field));
      return [field, readField(type, found)];
    }),
  );
}

function readField(type: FieldType, found: readonly XmlElement[]): FieldValue {
  if (type === "string[]") return found.map(({ text }) => text);
  const [first] = found;
  if (first === undefined) return undefined;
  return typeof type === "string" ? readScalar(type, first.text) : readRow(type, first);
}

function readScalar(type: ScalarType, text: string): Value {
  if (type === "string") return text;
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (type === "long" && /^-?\d+$/.test(text)) return Number(text);
  throw fault("InvalidRequest", `The host answered ${JSON.stringify(text.slice(0, 64))}, which is no ${type}.`, {});
}
