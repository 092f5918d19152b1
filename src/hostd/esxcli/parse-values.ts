/**
 * The words that were given for a command's parameters, as its `run` gets them. Pure.
 * They are a client's and may be hostile; the sentences are ESXi's, which scripts look for.
 */
import { type Command, CommandFailed, type Param } from "./command.ts";

/** By parameter, each word that was given for it, in their order. */
export type Words = ReadonlyMap<string, readonly string[]>;

export const VALUE_CHARACTERS_MAX = 4096; // the longest that means something, a path, is as long
export const VALUES_MAX = 256; // of one list: uplinks of a switch are 32
const SHOWN_CHARACTERS_MAX = 64;

/** @throws {CommandFailed} */
export function parseValues(command: Command, words: Words): Readonly<Record<string, unknown>> {
  const unknown = [...words.keys()].find((name) => !Object.hasOwn(command.params, name));
  if (unknown !== undefined) throw new CommandFailed(`Invalid option ${shown(unknown)}`);
  const values = Object.entries(command.params).flatMap(([name, param]) => {
    const value = parseValue(param as Param, words.get(name) ?? []);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(values);
}

function parseValue(param: Param, given: readonly string[]): unknown {
  if (given.length === 0) {
    if (param.isRequired) throw new CommandFailed(`Missing required parameter ${namesOf(param)}`);
    return undefined;
  }
  if (!param.isList && given.length > 1) throw new CommandFailed(`Parameter ${namesOf(param)} is given more than once`);
  if (given.length > VALUES_MAX) throw new CommandFailed(`Parameter ${namesOf(param)} has more than ${VALUES_MAX} values`);
  const values = given.map((word) => parseWord(param, word));
  return param.isList ? values : values[0];
}

function parseWord(param: Param, word: string): unknown {
  if (word.length > VALUE_CHARACTERS_MAX)
    throw new CommandFailed(`Parameter ${namesOf(param)} has more than ${VALUE_CHARACTERS_MAX} characters`);
  switch (param.type) {
    case "string":
      if (param.values !== undefined && !param.values.includes(word))
        throw new CommandFailed(`Invalid data constraint for parameter '${apiName(param)}'.`);
      return word;
    case "long": {
      const number = Number(word);
      if (!/^-?\d{1,16}$/.test(word) || !Number.isSafeInteger(number)) throw mismatch(param, "integer", word);
      return number;
    }
    case "boolean": {
      const value = BOOLEANS.get(word.toLowerCase());
      if (value === undefined) throw mismatch(param, "boolean", word);
      return value;
    }
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "1", "t"].map((word) => [word, true] as const),
  ...["false", "no", "0", "f"].map((word) => [word, false] as const),
]);

function mismatch({ long }: Param, wanted: string, word: string): CommandFailed {
  return new CommandFailed(`While processing '${long}'. Argument type mismatch. Expecting ${wanted} value. Got '${shown(word)}'`);
}

/** "-v|--vswitch-name" */
export function namesOf({ short, long }: Pick<Param, "short" | "long">): string {
  return short === undefined ? long : `${short}|${long}`;
}

/** As the API names it: "--vswitch-name" is vswitchname. */
export function apiName({ long }: Pick<Param, "long">): string {
  return long.replaceAll("-", "");
}

function shown(word: string): string {
  return word.slice(0, SHOWN_CHARACTERS_MAX).replace(/\p{C}/gu, "?");
}
