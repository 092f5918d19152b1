/** esxcli over the API, as clients give its commands: by the executer of dynamic methods. */
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { parseXml, type SoapArgument, type SoapResult, type XmlElement } from "../src/wire/index.ts";

export const EXECUTER = moRef("ReflectManagedMethodExecuter", "ha-managed-method-executer");

/** By their names over the API; a list is given more than once. */
export type Arguments = Readonly<Record<string, string | readonly string[]>>;

/** Each value of a field, by the field's name. */
export type Row = Readonly<Record<string, readonly string[]>>;

/** One of them. */
export interface Said {
  readonly rows?: readonly Row[];
  readonly scalar?: string;
  /** The name of a fault, or the lines that the command said. */
  readonly refused?: string;
}

const escaped = (text: string): string => text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

export function soapArgument(name: string, value: string | readonly string[]): SoapArgument {
  return {
    name,
    val: [value]
      .flat()
      .map((one) => `<${name}>${escaped(one)}</${name}>`)
      .join(""),
  };
}

/** @param path "network vm list" */
export async function esxcli(client: VimClient, path: string, args: Arguments = {}): Promise<Said> {
  const words = path.split(" ");
  const moid = `ha-cli-handler-${words.slice(0, -1).join("-")}`;
  const argument = Object.entries(args).map(([name, value]) => soapArgument(name, value));
  return execute(client, moid, `vim.EsxCLI.${words.join(".")}`, argument);
}

export async function execute(client: VimClient, moid: string, method: string, argument: readonly SoapArgument[]): Promise<Said> {
  const answer = await client.call(EXECUTER, "ExecuteSoap", { moid, version: "urn:vim25/5.0", method, argument });
  return said(answer);
}

export function said(answer: SoapResult | undefined): Said {
  if (answer?.fault !== undefined) return { refused: refusalOf(answer.fault) };
  const root = parseXml(Buffer.from(answer?.response ?? ""));
  const type = typeOf(root);
  if (type.startsWith("xsd:")) return { scalar: root.text };
  return { rows: (type === "ArrayOfDataObject" ? root.children : [root]).map(rowOf) };
}

export function typeOf(element: XmlElement): string {
  return element.attributes.find(({ name }) => name === "type")?.value ?? "";
}

function rowOf({ children }: XmlElement): Row {
  const row: Record<string, string[]> = {};
  for (const child of children) {
    const values = child.children.length > 0 ? child.children.map(({ text }) => text) : [child.text];
    row[child.name] = [...(row[child.name] ?? []), ...values];
  }
  return row;
}

function refusalOf({ faultMsg, faultDetail = "" }: NonNullable<SoapResult["fault"]>): string {
  const fault = parseXml(Buffer.from(faultDetail)).children.find(({ name }) => name === "fault");
  const lines = fault?.children.filter(({ name }) => name === "errMsg").map(({ text }) => text) ?? [];
  return faultMsg === "EsxCLI.CLIFault.summary" ? lines.join("\n") : `${fault === undefined ? "" : typeOf(fault)}: ${faultMsg}`;
}
