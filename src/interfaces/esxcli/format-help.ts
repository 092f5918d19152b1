/** What esxcli says of a namespace or a command: what there is, and how it is typed. Pure. Source: what ESXi's own esxcli prints. */
import { type Command, namesOf, type Param, type ScalarType } from "../../hostd/esxcli/index.ts";

const COLUMN = 24;
const TYPE_NAMES: Readonly<Record<ScalarType, string>> = { string: "str", long: "long", boolean: "bool" };

/** @param path of a namespace, "" for all of them */
export function formatNamespaceHelp(path: string, commands: readonly Command[]): readonly string[] {
  const before = path === "" ? "" : `${path} `;
  const beneath = commands.filter(({ namespace }) => `${namespace} `.startsWith(before));
  const names = [...new Set(beneath.flatMap(({ namespace }) => namespace.slice(before.length).split(" ")[0] ?? []))].filter(
    (name) => name !== "",
  );
  const own = beneath.filter(({ namespace }) => namespace === path);
  return [
    `Usage: esxcli ${before}{cmd} [cmd options]`,
    ...(names.length === 0 ? [] : ["", "Available Namespaces:", ...names.map((name) => `  ${name}`)]),
    ...(own.length === 0 ? [] : ["", "Available Commands:", ...own.map(({ name, help }) => line(name, help))]),
  ];
}

export function formatCommandHelp({ namespace, name, help, params }: Command): readonly string[] {
  const options = Object.values(params).flatMap((param) => optionLines(param as Param));
  return [`Usage: esxcli ${namespace} ${name} [cmd options]`, "", "Description:", line(name, help), "", "Cmd options:", ...options];
}

/** What it says stands beside it, or on the next line where there is no room. */
function line(name: string, text: string): string {
  return `  ${name}`.length < COLUMN ? `  ${name}`.padEnd(COLUMN) + text : `  ${name}\n${" ".repeat(COLUMN)}${text}`;
}

function optionLines(param: Param): readonly string[] {
  const value = param.isFlag ? "" : `=<${TYPE_NAMES[param.type]}>`;
  const text = `${param.help}${param.isList ? " May be repeated." : ""}${param.isRequired ? " (required)" : ""}`;
  return line(`${namesOf(param)}${value}`, text).split("\n");
}
