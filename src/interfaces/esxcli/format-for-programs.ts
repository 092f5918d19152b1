/** Answers of commands for programs: csv, keyvalue, json and xml. Pure. Source: what ESXi's own esxcli prints; scripts take it apart. */
import { elementName, type FieldType, type Struct } from "../../hostd/esxcli/index.ts";
import { escapeAttribute, escapeText } from "../../wire/index.ts";
import type { FieldValue, RowValue, Value } from "./decode-result.ts";

type Column = readonly [field: string, type: FieldType];

/** In the order of the names that programs know them by. */
function sorted({ fields }: Struct): readonly Column[] {
  return Object.entries(fields).sort(([one], [other]) => (elementName(one) < elementName(other) ? -1 : 1));
}

/** Each name and each value is followed by a comma, the last one too. */
export function formatCsv(struct: Struct, rows: readonly RowValue[]): readonly string[] {
  const columns = sorted(struct);
  const line = (cells: readonly string[]): string => cells.map((cell) => `${cell},`).join("");
  return [line(columns.map(([field]) => elementName(field))), ...rows.map((row) => line(columns.map(([field]) => csvCell(row[field]))))];
}

function isList(value: FieldValue): value is readonly string[] {
  return Array.isArray(value);
}

function csvCell(value: FieldValue): string {
  const text = isList(value) ? value.join(",") : typeof value === "object" ? JSON.stringify(toJson(value)) : oneLine(value);
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A line break would begin a record that nobody wrote. */
function oneLine(value: FieldValue): string {
  return value === undefined ? "" : String(value).replace(/[\r\n\u2028\u2029]/g, " ");
}

const TYPE_NAMES = { string: "string", long: "integer", boolean: "boolean" } as const;

/** "VersionGet.Version.string=8.0.3"; of a list, each record's number before that: "structure[0].VM.Name.string=web". */
export function formatKeyValue(struct: Struct, rows: readonly RowValue[], isOfMany: boolean): readonly string[] {
  return rows.flatMap((row, index) => pairsOf(struct, row, isOfMany ? `structure[${index}].` : ""));
}

function pairsOf(struct: Struct, row: RowValue, before: string): readonly string[] {
  return sorted(struct).flatMap(([field, type]) => {
    const value = row[field];
    const path = `${before}${struct.name}.${elementName(field)}`;
    if (type === "string[]") return ((value ?? []) as readonly string[]).map((item, index) => `${path}.string[${index}]=${oneLine(item)}`);
    if (typeof type !== "string") return value === undefined ? [] : pairsOf(type, value as RowValue, `${path}.`);
    return [`${path}.${TYPE_NAMES[type]}=${oneLine(value)}`];
  });
}

/** A list is an array of objects; numbers and booleans are such. */
export function formatJson(rows: readonly RowValue[], isOfMany: boolean): readonly string[] {
  const values = rows.map(toJson);
  return [JSON.stringify(isOfMany ? values : values[0])];
}

function toJson(row: RowValue): object {
  return Object.fromEntries(
    Object.entries(row).map(([field, value]) => {
      return [elementName(field), typeof value === "object" && !isList(value) ? toJson(value) : value];
    }),
  );
}

const XML_HEAD = ['<?xml version="1.0" encoding="utf-8"?>', '<output xmlns="http://www.vmware.com/Products/ESX/5.0/esxcli">', "<root>"];
const XML_END = ["</root>", "</output>"];

export function formatXml(struct: Struct, rows: readonly RowValue[], isOfMany: boolean): readonly string[] {
  const structures = rows.map((row) => structure(struct, row));
  return [...XML_HEAD, ...(isOfMany ? ['<list type="structure">', ...structures, "</list>"] : structures), ...XML_END];
}

export function formatXmlScalar(value: Value): readonly string[] {
  return [...XML_HEAD, scalar(value), ...XML_END];
}

function structure(struct: Struct, row: RowValue): string {
  const fields = sorted(struct).flatMap(([field, type]) => {
    const value = row[field];
    return value === undefined ? [] : [`<field name="${escapeAttribute(elementName(field))}">${fieldValue(type, value)}</field>`];
  });
  return `<structure typeName="${escapeAttribute(struct.name)}">${fields.join("")}</structure>`;
}

function fieldValue(type: FieldType, value: NonNullable<FieldValue>): string {
  if (isList(value)) return `<list type="string">${value.map(scalar).join("")}</list>`;
  return typeof type === "string" ? scalar(value as Value) : structure(type, value as RowValue);
}

function scalar(value: Value): string {
  const element = typeof value === "number" ? "integer" : typeof value;
  return `<${element}>${escapeText(String(value))}</${element}>`;
}
