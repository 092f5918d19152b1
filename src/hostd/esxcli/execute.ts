/**
 * Executes a command of esxcli for a client of the API. Its user is known, and may give it (authorize.ts): what is left is to read its
 * arguments, to do it, and to say how it went, in the answer as ESXi does and not as a fault of the method that executes it.
 */
import { Fault } from "../../base/index.ts";
import {
  encodeObject,
  fault,
  faultToLocalized,
  type LocalizedCliFault,
  type LocalizedMethodFault,
  type SoapArgument,
  type SoapResult,
} from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import { CLI_INFO, findCommand, namespaces } from "./catalogue.ts";
import { encodeCliInfo } from "./cli-info.ts";
import { CommandFailed } from "./command.ts";
import { encodeResult, vmodlNameOf } from "./encode-result.ts";
import { hostOf } from "./host.ts";
import { parseSoapArguments } from "./parse-soap-arguments.ts";
import { parseValues } from "./parse-values.ts";

interface Execution {
  readonly moid: string;
  readonly method: string;
  readonly argument?: readonly SoapArgument[] | undefined;
}

export async function executeSoap(call: Call, execution: Execution): Promise<SoapResult> {
  try {
    return { response: await answer(call, execution) };
  } catch (error) {
    return failed(call, error);
  }
}

/** A property of an object that the host has, read as its user may read it. */
export async function fetchSoap(call: Call, { moid, prop }: { readonly moid: string; readonly prop: string }): Promise<SoapResult> {
  try {
    const value = await hostOf(call).fetch({ type: "ManagedObject", value: moid }, prop);
    return value === undefined ? {} : { response: encodeObject(value, call.version) };
  } catch (error) {
    return failed(call, error);
  }
}

async function answer(call: Call, { moid, method, argument = [] }: Execution): Promise<string> {
  const words = parseSoapArguments(argument);
  if (moid === CLI_INFO.moid && method === CLI_INFO.method) return cliInfo(words.get("typeName")?.[0] ?? "");
  const command = findCommand(moid, method);
  if (command === undefined) throw notFound();
  const values = parseValues(command, words);
  return encodeResult(command, await perform(() => command.run(hostOf(call), values)));
}

/** What the host refuses is for people to read, as a command's own refusal is. */
async function perform<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Fault) || ABOUT_ACCESS.has(error.fault)) throw error;
    throw new CommandFailed(...error.message.split("\n"));
  }
}

const ABOUT_ACCESS: ReadonlySet<string> = new Set(["NoPermission", "NotAuthenticated"]);

function cliInfo(typeName: string): string {
  const found = [...namespaces].find(([namespace]) => vmodlNameOf(namespace) === typeName);
  if (found === undefined) throw notFound();
  return encodeCliInfo(...found);
}

/** @throws what is no refusal, but a bug */
function failed(call: Call, error: unknown): SoapResult {
  if (error instanceof CommandFailed) {
    call.failed(new Fault(CLI_FAULT, error.message));
    return { fault: { faultMsg: SUMMARY, faultDetail: detailOf(call, cliFault(error.lines)) } };
  }
  if (!(error instanceof Fault)) throw error;
  call.failed(error);
  return { fault: { faultMsg: error.message, faultDetail: detailOf(call, faultToLocalized(error)) } };
}

const CLI_FAULT = "VimEsxCLICLIFault";
const SUMMARY = "EsxCLI.CLIFault.summary";

function detailOf({ version }: Call, value: LocalizedMethodFault): string {
  return encodeObject({ anyType: "LocalizedMethodFault", value }, version);
}

function cliFault(errMsg: readonly string[]): LocalizedCliFault {
  return { $type: "LocalizedMethodFault", fault: { $type: CLI_FAULT, errMsg }, localizedMessage: SUMMARY };
}

function notFound(): Fault {
  return fault("NotFound", "The object or item referred to could not be found.", {});
}
