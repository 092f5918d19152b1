/** Elements and attributes of an OVF descriptor, read within their bounds, and the faults that tell where one is not as it must be. Pure. */
import type { Fault } from "../../base/index.ts";
import type { XmlElement } from "../soap/xml.ts";
import { fault } from "../vim25/fault.ts";
import { DISK_BYTES_MAX } from "../vmdk/index.ts";

export const ITEMS_MAX = 1024;
export const NAME_MAX = 255;
const TEXT_MAX = 64 * 1024; // licences that people are to read

export type Strings = ReadonlyMap<string, string>;

/** The texts that others stand for by their msgid, in the language of the descriptor. */
export function readStrings(root: XmlElement): Strings {
  const [bundle] = childrenOf(root, "Strings");
  const entries = listed(bundle, "Msg", ITEMS_MAX).map((child): [string, string] => [requireAttribute(child, "msgid"), child.text]);
  return new Map(entries);
}

export function textOf(parent: XmlElement | undefined, name: string, strings: Strings): string {
  const child = parent === undefined ? undefined : childOf(parent, name);
  const id = attribute(child, "msgid");
  const text = (id === undefined ? undefined : strings.get(id)) ?? child?.text ?? "";
  return text.trim().slice(0, TEXT_MAX);
}

export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

export function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

export function listed(section: XmlElement | undefined, name: string, countMax: number): XmlElement[] {
  const found = section === undefined ? [] : childrenOf(section, name);
  if (found.length > countMax) throw tooMany(section as XmlElement, name, countMax);
  return found;
}

/** Of whatever namespace: tools write OVF's own attributes with its prefix and without. */
export function attribute(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.find((candidate) => candidate.name === name)?.value;
}

export function requireAttribute(element: XmlElement, name: string): string {
  const value = attribute(element, name);
  if (value !== undefined && value !== "" && value.length <= NAME_MAX * 4) return value;
  throw fault("OvfMissingAttribute", at(element, `has no proper attribute ${name}`), {
    elementName: element.name,
    attributeName: name,
    lineNumber: element.line,
  });
}

export function bytesAttribute(element: XmlElement, name: string): number | undefined {
  const text = attribute(element, name);
  if (text === undefined || text === "") return undefined;
  const bytes = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (bytes <= DISK_BYTES_MAX) return bytes;
  throw invalidValue(
    { elementName: element.name, attributeName: name, value: text, line: element.line },
    "is no size of a file: at most 62 TB",
  );
}

export const isTrue = (text: string | undefined): boolean => text === "true" || text === "1";

/** Beside the descriptor, and no name that a client would take for another place. */
export function isPlainName(href: string): boolean {
  let decoded: string;
  try {
    decoded = decodeURIComponent(href);
  } catch {
    return false;
  }
  return [href, decoded].every((name) => Buffer.byteLength(name) <= NAME_MAX && /^(?!\.{1,2}$)[^/\\\p{Cc}]+$/u.test(name));
}

export function requireDistinct(
  named: readonly { readonly id: string; readonly line: number }[],
  elementName: string,
  attributeName: string,
): void {
  const seen = new Set<string>();
  for (const { id, line } of named) {
    if (seen.has(id)) throw invalidValue({ elementName, attributeName, value: id, line }, "is an id that another has already");
    seen.add(id);
  }
}

export function tooMany(element: XmlElement, name: string, countMax: number): Fault {
  const description = at(element, `has more than ${countMax} elements <${name}>`);
  return fault("OvfXmlFormat", description, { description, lineNumber: element.line });
}

export interface BadAttribute {
  readonly elementName: string;
  readonly attributeName: string;
  readonly value: string;
  readonly line: number;
}

export function invalidValue({ elementName, attributeName, value, line }: BadAttribute, problem: string): Fault {
  const shown = value.slice(0, NAME_MAX);
  const message = `The OVF descriptor is invalid: line ${line}, <${elementName}> ${attributeName}='${shown}' ${problem}.`;
  return fault("OvfInvalidValue", message, { elementName, attributeName, value: shown, lineNumber: line });
}

export const at = (element: XmlElement, problem: string): string =>
  `The OVF descriptor is invalid: line ${element.line}, <${element.name}> ${problem}.`;
