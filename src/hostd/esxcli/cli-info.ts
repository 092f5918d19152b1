/** What clients are told of the commands of a namespace, so that they can read what is typed and print what is answered. Pure. */
import { escapeText } from "../../wire/index.ts";
import type { Command, FieldType, Param, Result, Struct } from "./command.ts";
import { apiName } from "./parse-values.ts";

export interface CliHint {
  readonly key: string;
  readonly value: string;
}

/** How the answer is printed. Source: the hints that ESXi gives with its commands. */
export function hintsOf(result: Result): readonly CliHint[] {
  const formatter = formatterOf(result);
  if (result.kind === "nothing" || result.kind === "scalar") return [{ key: "formatter", value: formatter }];
  const { struct, heading } = result;
  const columns = formatter === "table" ? [{ key: "table-columns", value: fieldNames(struct) }] : [];
  return [
    ...structsOf(struct).map((one) => ({ key: `fields:${one.name}`, value: fieldNames(one) })),
    { key: "formatter", value: formatter },
    ...(heading === undefined ? [] : [{ key: `header:${struct.name}`, value: heading }]),
    ...columns,
  ];
}

export function formatterOf(result: Result): "simple" | "table" | "" {
  if (result.kind === "nothing") return "";
  return result.kind === "list" ? result.formatter : "simple";
}

/** Itself first: clients take the first that they find for the whole's. */
export function structsOf(struct: Struct): readonly Struct[] {
  return [struct, ...Object.values<FieldType>(struct.fields).flatMap((type) => (typeof type === "string" ? [] : structsOf(type)))];
}

const fieldNames = ({ fields }: Struct): string => Object.keys(fields).join(",");

/** vim.CLIInfo.FetchCLIInfo. @param commands of one namespace, at least one */
export function encodeCliInfo(namespace: string, commands: readonly Command[]): string {
  const dotted = namespace.replaceAll(" ", ".");
  return [
    '<obj xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25"',
    ` versionId="5.0" xsi:type="VimCLIInfoInfo">${item(dotted, dotted.split(".").at(-1) ?? "", "")}`,
    ...commands.map(methodOf),
    "</obj>",
  ].join("");
}

function methodOf({ name, help, params, result }: Command): string {
  const hints = hintsOf(result).map(({ key, value }) => `<hints><key>${escapeText(key)}</key><value>${escapeText(value)}</value></hints>`);
  return `<method>${item(name, name, help)}${Object.values(params).map(paramOf).join("")}${hints.join("")}</method>`;
}

function paramOf(param: Pick<Param, "short" | "long" | "help" | "isFlag">): string {
  const aliases = [param.short, param.long].flatMap((alias) => (alias === undefined ? [] : [`<aliases>${alias}</aliases>`]));
  const name = apiName(param);
  return `<param>${item(name, name, param.help)}${aliases.join("")}<flag>${param.isFlag}</flag></param>`;
}

function item(name: string, displayName: string, help: string): string {
  return `<name>${escapeText(name)}</name><displayName>${escapeText(displayName)}</displayName><help>${escapeText(help)}</help>`;
}
