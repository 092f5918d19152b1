/**
 * What was typed after `esxcli`: words up to the first "-" name the command, the rest are its options. Pure.
 * Source: the grammar of ESXi's own esxcli.
 */
import { apiName, type Command, CommandFailed, type Param, parseValues, pathOf, type Words } from "../../hostd/esxcli/index.ts";

export type Typed =
  /** @param words for each parameter, read by what it declares: nothing is sent that the host would refuse for its form */
  | { readonly kind: "command"; readonly command: Command; readonly words: Words }
  /** It asks what there is. */
  | { readonly kind: "help"; readonly path: string; readonly command: Command | undefined }
  | { readonly kind: "wrong"; readonly because: string; readonly path: string; readonly command: Command | undefined };

const HELP: readonly string[] = ["-?", "--help"];

export function parseCommandLine(typed: readonly string[], commands: readonly Command[]): Typed {
  const first = typed.findIndex((word) => word.startsWith("-"));
  const path = typed.slice(0, first < 0 ? undefined : first).join(" ");
  const options = first < 0 ? [] : typed.slice(first);
  const command = commands.find((one) => pathOf(one) === path);
  if (command === undefined) {
    const isNamespace = path === "" || commands.some(({ namespace }) => `${namespace} `.startsWith(`${path} `));
    if (isNamespace) return { kind: "help", path, command };
    return { kind: "wrong", because: `Unknown command or namespace ${path}`, path: nearest(path, commands), command };
  }
  if (options.some((option) => HELP.includes(option))) return { kind: "help", path, command };
  try {
    const words = readOptions(command, options);
    parseValues(command, words);
    return { kind: "command", command, words };
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return { kind: "wrong", because: error.message, path, command };
  }
}

/** The longest part of it that is a namespace. */
function nearest(path: string, commands: readonly Command[]): string {
  const words = path.split(" ");
  const parts = words.map((_, index) => words.slice(0, words.length - index).join(" "));
  return parts.find((part) => commands.some(({ namespace }) => `${namespace} `.startsWith(`${part} `))) ?? "";
}

/** "-v x", "-v=x", "--vlan-id x", "--vlan-id=x"; a flag stands alone. @throws {CommandFailed} */
function readOptions(command: Command, options: readonly string[]): Words {
  const words = new Map<string, readonly string[]>();
  const rest = [...options];
  for (let option = rest.shift(); option !== undefined; option = rest.shift()) {
    const [, alias = option, given] = /^(--?[^=]+)=(.*)$/s.exec(option) ?? [];
    const param = Object.values(command.params).find(({ short, long }) => alias === short || alias === long) as Param | undefined;
    if (param === undefined) throw new CommandFailed(`Invalid option ${alias}`);
    const value = given ?? (param.isFlag ? "true" : rest.shift());
    if (value === undefined) throw new CommandFailed(`Option ${alias} needs a value`);
    const name = apiName(param);
    words.set(name, [...(words.get(name) ?? []), value]);
  }
  return words;
}
