/**
 * `bulkhead esxcli`: commands of the host for whoever sits at it. It is a client of the API like any other, with a user and a password:
 * it can do what that user may, and what it does is in the audit.
 */
import { type Command, esxcliCommands, handlerOf, vmodlNameOf, type Words } from "../hostd/esxcli/index.ts";
import {
  type Answer,
  decodeResult,
  type Formatter,
  formatAnswer,
  formatCommandHelp,
  formatNamespaceHelp,
  parseCommandLine,
} from "../interfaces/esxcli/index.ts";
import { moRef, type VimClient } from "../interfaces/index.ts";
import { escapeText, parseXml, type SoapArgument, type SoapResult } from "../wire/index.ts";
import { type ApiUser, logIn, logOut } from "./api-session.ts";

export interface EsxcliOptions extends ApiUser {
  readonly formatter: Formatter | undefined;
  /** What stands behind `esxcli`. */
  readonly typed: readonly string[];
}

/** What is printed, as ESXi's esxcli does all on standard output. */
export interface Printed {
  readonly lines: readonly string[];
  readonly exitCode: 0 | 1;
}

/** @throws {SystemError} when there is no host to ask, or it does not let the user in */
export async function runEsxcli(options: EsxcliOptions): Promise<Printed> {
  const typed = parseCommandLine(options.typed, esxcliCommands);
  switch (typed.kind) {
    case "help":
      return { lines: help(typed), exitCode: 0 };
    case "wrong":
      return { lines: [`Error: ${typed.because}`, "", ...help(typed)], exitCode: 1 };
    case "command": {
      const client = await logIn(options);
      try {
        return await execute(client, typed, options.formatter);
      } finally {
        await logOut(client);
      }
    }
  }
}

function help({ path, command }: { readonly path: string; readonly command: Command | undefined }): readonly string[] {
  return command === undefined ? formatNamespaceHelp(path, esxcliCommands) : formatCommandHelp(command);
}

/** @param client has logged in */
export async function execute(
  client: VimClient,
  { command, words }: { readonly command: Command; readonly words: Words },
  formatter: Formatter | undefined,
): Promise<Printed> {
  const executer = moRef("ReflectManagedMethodExecuter", "ha-managed-method-executer");
  const method = `${vmodlNameOf(command.namespace)}.${command.name}`;
  const argument = [...words].map(([name, values]) => soapArgument(name, values));
  const result = await client.call(executer, "ExecuteSoap", {
    moid: handlerOf(command.namespace),
    version: "urn:vim25/5.0",
    method,
    argument,
  });
  if (result?.fault !== undefined) return { lines: refusalOf(result.fault), exitCode: 1 };
  const answer: Answer = decodeResult(command, result?.response ?? "");
  return { lines: formatAnswer(command, answer, formatter), exitCode: 0 };
}

function soapArgument(name: string, values: readonly string[]): SoapArgument {
  return { name, val: values.map((value) => `<${name}>${escapeText(value)}</${name}>`).join("") };
}

/** What the command itself says of it, or what the host does. */
function refusalOf({ faultMsg, faultDetail = "" }: NonNullable<SoapResult["fault"]>): readonly string[] {
  const fault = faultDetail === "" ? undefined : parseXml(Buffer.from(faultDetail)).children.find(({ name }) => name === "fault");
  const said = fault?.children.filter(({ name }) => name === "errMsg").map(({ text }) => text) ?? [];
  return (said.length > 0 ? said : [faultMsg]).map((line) => line.replace(/\p{C}/gu, "?"));
}
