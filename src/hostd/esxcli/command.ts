/**
 * An esxcli command as one value: its name, what it takes, what it answers, and what it does with the host. Pure but for `run`.
 * Everything else is derived from these: what clients are told of it, how its arguments are read, how its answer is encoded and printed.
 */
import { READ } from "../../access/index.ts";
import type { Host } from "./host.ts";

export type ScalarType = "string" | "long" | "boolean";

/** One option. @typeParam T what `run` gets for it */
export interface Param<T = unknown> {
  /** "-v"; undefined for an option that has a long name alone. */
  readonly short: string | undefined;
  /** "--vswitch-name". The parameter's name over the API is this without dashes. */
  readonly long: string;
  readonly help: string;
  readonly type: ScalarType;
  readonly isRequired: boolean;
  /** It may be repeated. */
  readonly isList: boolean;
  /** It takes no value: that it is there says true. */
  readonly isFlag: boolean;
  /** Of a string: no other is taken. */
  readonly values?: readonly string[];
  /** Carries T, and is never there. */
  readonly carries?: T;
}

const option =
  <T>(type: ScalarType, rest: Partial<Param> = {}) =>
  (short: string | undefined, long: string, help: string): Param<T | undefined> => ({
    ...{ short, long, help, type, isRequired: false, isList: false, isFlag: false },
    ...(rest as Partial<Param<T | undefined>>),
  });

export const text = option<string>("string");
export const texts = option<readonly string[]>("string", { isList: true });
export const long = option<number>("long");
export const bool = option<boolean>("boolean");
export const flag = option<boolean>("boolean", { isFlag: true });

/** One of some words. */
export function oneOf<const V extends string>(values: readonly V[], ...names: Parameters<typeof text>): Param<V | undefined> {
  return option<V>("string", { values })(...names);
}

export function required<T>(param: Param<T | undefined>): Param<T> {
  return { ...(param as Param<T>), isRequired: true };
}

/** By the parameter's name over the API. */
export type Params = Readonly<Record<string, Param>>;
export type ArgsOf<P> = { readonly [N in keyof P]: P[N] extends Param<infer T> ? T : never };

/** "string[]" repeats its element; a Struct is nested. */
export type FieldType = ScalarType | "string[]" | Struct;

/** What an answer, or each row of it, is made of: fields by the names that people see, in their order. */
export interface Struct<F extends Fields = Fields> {
  readonly name: string;
  readonly fields: F;
  /** What people see behind the value of a field: "Bytes". */
  readonly units?: Readonly<Record<string, string>>;
}
export type Fields = { readonly [field: string]: FieldType };

type ValueOfField<T> = T extends "long"
  ? number
  : T extends "boolean"
    ? boolean
    : T extends "string[]"
      ? readonly string[]
      : T extends Struct<infer F>
        ? Row<F>
        : string;
/** Undefined is what this host does not know. */
export type Row<F> = { readonly [N in keyof F]: ValueOfField<F[N]> | undefined };

export function struct<const F extends Fields>(name: string, fields: F, units?: Readonly<Record<string, string>>): Struct<F> {
  return { name, fields, ...(units && { units }) };
}

/** What a command answers. @typeParam V what `run` returns for it */
export type Result<V = unknown> = (
  | { readonly kind: "nothing" }
  | { readonly kind: "scalar"; readonly type: ScalarType }
  | { readonly kind: "struct"; readonly struct: Struct; readonly heading?: string }
  | { readonly kind: "list"; readonly struct: Struct; readonly formatter: "simple" | "table"; readonly heading?: string }
) & { readonly carries?: V };

/** It did it. Over the API that is true. */
export const nothing: Result<void> = { kind: "nothing" };
export const aString: Result<string> = { kind: "scalar", type: "string" };
export const aLong: Result<number> = { kind: "scalar", type: "long" };
export const aBoolean: Result<boolean> = { kind: "scalar", type: "boolean" };

export function one<F extends Fields>(of: Struct<F>, heading?: string): Result<Row<F>> {
  return { kind: "struct", struct: of, ...(heading !== undefined && { heading }) };
}

export function table<F extends Fields>(of: Struct<F>): Result<readonly Row<F>[]> {
  return { kind: "list", struct: of, formatter: "table" };
}

/** @param heading of each record, with names of fields between per cent signs: "%Name%" */
export function blocks<F extends Fields>(of: Struct<F>, heading?: string): Result<readonly Row<F>[]> {
  return { kind: "list", struct: of, formatter: "simple", ...(heading !== undefined && { heading }) };
}

export interface Command {
  /** "network vm" */
  readonly namespace: string;
  /** "list" */
  readonly name: string;
  readonly help: string;
  /** Needed on the host as a whole. What the command asks of an object needs that one's own besides. */
  readonly privilege: string;
  readonly params: Params;
  readonly result: Result;
  run(host: Host, args: Readonly<Record<string, unknown>>): Promise<unknown>;
}

interface CommandSpec<P, V> {
  readonly help: string;
  /** System.Read when left out. */
  readonly privilege?: string;
  readonly params?: P;
  readonly result: Result<V>;
  run(host: Host, args: ArgsOf<P>): V | Promise<V>;
}

/** @param path namespaces and name, as they are typed */
export function command<const P extends { readonly [name: string]: Param }, V>(path: string, spec: CommandSpec<P, V>): Command {
  const words = path.split(" ");
  return {
    namespace: words.slice(0, -1).join(" "),
    name: words.at(-1) ?? "",
    help: spec.help,
    privilege: spec.privilege ?? READ,
    params: (spec.params ?? {}) as Params,
    result: spec.result as Result,
    run: async (host, args) => spec.run(host, args as ArgsOf<P>),
  };
}

/** What a command says that fails, a line each. Source: what ESXi's own say, where scripts look for it. */
export class CommandFailed extends Error {
  readonly lines: readonly string[];

  constructor(...lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** A field as XML, CSV and JSON name it: "Num Ports" is NumPorts. */
export function elementName(field: string): string {
  return field.replace(/[^A-Za-z0-9_]/g, "");
}
