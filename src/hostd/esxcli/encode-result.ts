/**
 * What a command answered, as XML that clients take out of a string. Pure.
 * Source: answers of ESXi's host agent: fields in the order of their names, a list's once for each value, what is unset left out.
 */
import { assert } from "../../base/index.ts";
import { escapeText } from "../../wire/index.ts";
import { type Command, elementName, type FieldType, type ScalarType, type Struct } from "./command.ts";

const NAMESPACES =
  'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25" versionId="5.0"';

type Values = Readonly<Record<string, unknown>>;

/** @param value what `run` returned */
export function encodeResult(command: Command, value: unknown): string {
  const { result } = command;
  switch (result.kind) {
    case "nothing":
      return document("xsd:boolean", "true");
    case "scalar":
      return document(`xsd:${result.type}`, scalarText(result.type, value));
    case "struct":
      return document(wsdlNameOf(command, result.struct), fieldsOf(command, result.struct, value as Values));
    case "list": {
      const type = wsdlNameOf(command, result.struct);
      const rows = (value as readonly Values[]).map(
        (row) => `<DataObject xsi:type="${type}">${fieldsOf(command, result.struct, row)}</DataObject>`,
      );
      return document("ArrayOfDataObject", rows.join(""));
    }
  }
}

function document(type: string, content: string): string {
  return `<obj ${NAMESPACES} xsi:type="${type}">${content}</obj>`;
}

function fieldsOf(command: Command, { name, fields }: Struct, row: Values): string {
  for (const field of Object.keys(row)) assert(Object.hasOwn(fields, field), `${name} has no field ${field}`);
  return Object.entries(fields)
    .map(([field, type]) => ({ element: elementName(field), type, value: row[field] }))
    .sort((one, other) => (one.element < other.element ? -1 : 1))
    .map(({ element, type, value }) => fieldText(command, element, type, value))
    .join("");
}

function fieldText(command: Command, element: string, type: FieldType, value: unknown): string {
  if (value === undefined) return "";
  if (type === "string[]") return (value as readonly string[]).map((item) => `<${element}>${escapeText(item)}</${element}>`).join("");
  if (typeof type === "string") return `<${element}>${scalarText(type, value)}</${element}>`;
  return `<${element} xsi:type="${wsdlNameOf(command, type)}">${fieldsOf(command, type, value as Values)}</${element}>`;
}

function scalarText(type: ScalarType, value: unknown): string {
  const fits = type === "long" ? Number.isSafeInteger(value) : typeof value === type;
  assert(fits, `${value} is no ${type}`);
  return escapeText(String(value));
}

/** "vim.EsxCLI.network.vm" */
export function vmodlNameOf(namespace: string): string {
  return `vim.EsxCLI.${namespace.replaceAll(" ", ".")}`;
}

/** "vim.EsxCLI.network.vm.list.VM" */
export function structNameOf({ namespace, name }: Pick<Command, "namespace" | "name">, struct: Struct): string {
  return `${vmodlNameOf(namespace)}.${name}.${struct.name}`;
}

/** "vim.EsxCLI.network.vm.list" is VimEsxCLInetworkvmlist. */
export function wsdlName(vmodlName: string): string {
  return `V${vmodlName.slice(1).replaceAll(".", "")}`;
}

function wsdlNameOf(command: Command, struct: Struct): string {
  return wsdlName(structNameOf(command, struct));
}
