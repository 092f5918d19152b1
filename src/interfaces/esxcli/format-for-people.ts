/** Answers of commands for people: records with a field a line, and tables. Pure. Source: what ESXi's own esxcli prints. */
import type { FieldType, Struct } from "../../hostd/esxcli/index.ts";
import type { FieldValue, RowValue } from "./decode-result.ts";

const INDENT = "   ";

/** Records with a blank line between. @param heading with names of fields between per cent signs */
export function formatSimple(struct: Struct, rows: readonly RowValue[], heading?: string): readonly string[] {
  return rows.flatMap((row, index) => [
    ...(index === 0 ? [] : [""]),
    ...(heading === undefined ? [] : [heading.replace(/%([^%]+)%/g, (_, field: string) => shown(row[field]))]),
    ...linesOf(struct, row, INDENT),
  ]);
}

function linesOf({ fields, units = {} }: Struct, row: RowValue, indent: string): readonly string[] {
  return Object.entries(fields).flatMap(([field, type]) => {
    const value = row[field];
    if (typeof type !== "string")
      return [`${indent}${field}:`, ...(value === undefined ? [] : linesOf(type, value as RowValue, indent + INDENT))];
    const unit = units[field] === undefined || value === undefined ? "" : ` ${units[field]}`;
    return [`${indent}${field}: ${shown(value)}${unit}`];
  });
}

/** Texts to the left, numbers and yes or no to the right; each column as wide as its widest cell. */
export function formatTable({ fields }: Struct, rows: readonly RowValue[]): readonly string[] {
  const columns = Object.entries(fields).map(([field, type]) => columnOf(field, type, rows));
  const rule = columns.map(({ width }) => "-".repeat(width)).join("  ");
  const [head = "", ...body] = [-1, ...rows.keys()].map((index) => columns.map(({ cells }) => cells[index + 1] ?? "").join("  "));
  return [head, rule, ...body];
}

function columnOf(
  field: string,
  type: FieldType,
  rows: readonly RowValue[],
): { readonly width: number; readonly cells: readonly string[] } {
  const texts = [field, ...rows.map((row) => shown(row[field]))];
  const width = Math.max(...texts.map((text) => text.length));
  const isRight = type === "long" || type === "boolean";
  return { width, cells: texts.map((text, index) => (isRight && index > 0 ? text.padStart(width) : text.padEnd(width))) };
}

/** Names come from clients and guests, and go to a terminal. */
function shown(value: FieldValue): string {
  if (value === undefined) return "";
  return (Array.isArray(value) ? value.join(", ") : String(value)).replace(/\p{C}/gu, "?");
}
