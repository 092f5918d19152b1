/**
 * The arguments of ExecuteSoap: each has a name, and for a value XML in a string, `<name>value</name>`, repeated for a list. Pure.
 * The string is a client's and may be hostile: it is read within bounds, and nothing but such elements is taken.
 */
import { messageOf } from "../../base/index.ts";
import { fault, parseXml, type SoapArgument, type XmlElement } from "../../wire/index.ts";
import { VALUE_CHARACTERS_MAX, VALUES_MAX, type Words } from "./parse-values.ts";

const ARGUMENTS_MAX = 64; // no command has more than twenty options
const XML_LIMITS = { bytesMax: 64 * 1024, elementsMax: VALUES_MAX + 1 };
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** rbvmomi sends xsi:type without saying what xsi is; govc and pyVmomi need none of it. */
const START = '<argument xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">';
const END = "</argument>";

/** @throws {Fault} InvalidArgument, which names the argument */
export function parseSoapArguments(sent: readonly SoapArgument[]): Words {
  if (sent.length > ARGUMENTS_MAX) throw invalid("argument", `there are more than ${ARGUMENTS_MAX}`);
  const words = new Map<string, readonly string[]>();
  for (const [index, { name, val }] of sent.entries()) {
    const at = `argument[${index}]`;
    if (!NAME.test(name)) throw invalid(`${at}.name`, "it is no name of a parameter");
    if (words.has(name)) throw invalid(`${at}.name`, `${name} is there twice`);
    words.set(name, readValues(name, val, `${at}.val`));
  }
  return words;
}

function readValues(name: string, val: string, at: string): readonly string[] {
  return elementsOf(val, at).map((element) => {
    if (element.name !== name) throw invalid(at, `it is no element ${name}`);
    if (element.children.length > 0) throw invalid(at, "its element holds others");
    if (element.text.length > VALUE_CHARACTERS_MAX) throw invalid(at, `it has more than ${VALUE_CHARACTERS_MAX} characters`);
    return element.text;
  });
}

function elementsOf(val: string, at: string): readonly XmlElement[] {
  let root: XmlElement;
  try {
    root = parseXml(Buffer.from(START + val + END), XML_LIMITS);
  } catch (error) {
    throw invalid(at, messageOf(error).replace(/^The request cannot be read: |\.$/g, ""));
  }
  if (root.text.trim() !== "") throw invalid(at, "it is no XML");
  return root.children;
}

function invalid(property: string, because: string) {
  return fault("InvalidArgument", `A specified parameter was not correct: ${property}: ${because}.`, { invalidProperty: property });
}
