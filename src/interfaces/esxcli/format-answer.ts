/** An answer as the formatter that was asked for prints it: a command's own where none was. Pure. */
import { type Command, formatterOf } from "../../hostd/esxcli/index.ts";
import type { Answer } from "./decode-result.ts";
import { formatSimple, formatTable } from "./format-for-people.ts";
import { formatCsv, formatJson, formatKeyValue, formatXml, formatXmlScalar } from "./format-for-programs.ts";

export const FORMATTERS = ["xml", "csv", "keyvalue", "json"] as const;
export type Formatter = (typeof FORMATTERS)[number];

/** @returns lines; none for a command that only does something */
export function formatAnswer(command: Command, answer: Answer, formatter?: Formatter): readonly string[] {
  if (answer.kind === "nothing") return [];
  if (answer.kind === "scalar")
    return formatter === "xml"
      ? formatXmlScalar(answer.value)
      : [formatter === "json" ? JSON.stringify(answer.value) : String(answer.value)];
  const { result } = command;
  if (result.kind !== "struct" && result.kind !== "list") throw new Error(`${command.name} has rows and does not say of what`);
  const { rows } = answer;
  const isOfMany = result.kind === "list";
  switch (formatter) {
    case "csv":
      return formatCsv(result.struct, rows);
    case "keyvalue":
      return formatKeyValue(result.struct, rows, isOfMany);
    case "json":
      return formatJson(rows, isOfMany);
    case "xml":
      return formatXml(result.struct, rows, isOfMany);
    case undefined:
      return formatterOf(result) === "table" ? formatTable(result.struct, rows) : formatSimple(result.struct, rows, result.heading);
  }
}
