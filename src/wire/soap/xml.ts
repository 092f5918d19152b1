/**
 * XML that anybody may have sent, read into a small tree within named bounds. Pure.
 * Namespaces are resolved, so that any prefix will do. Documents have no DTD and no processing instruction: both are refused,
 * and with them every entity but the five predefined ones. Source: SOAP 1.1 §3, XML 1.0.
 */
import { SaxesParser, type SaxesTagNS } from "saxes";
import { Fault, messageOf } from "../../base/index.ts";
import { fault } from "../vim25/fault.ts";

export interface XmlElement {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly XmlElement[];
  /** Everything between the tags that is not an element, joined. */
  readonly text: string;
  /** Of the document, from 1: where its opening tag ends. */
  readonly line: number;
}

export interface XmlAttribute {
  readonly namespace: string;
  readonly name: string;
  readonly value: string;
}

export interface XmlLimits {
  readonly bytesMax: number;
  readonly elementsMax: number;
}

/** What a request may hold. The largest that real clients send, a PropertyFilterSpec of a whole inventory, is far below both. */
export const REQUEST_LIMITS: XmlLimits = { bytesMax: 4 * 1024 * 1024, elementsMax: 100_000 };

const XML_DEPTH_MAX = 64; // well over the deepest request that real clients send; stops one exhausting the stack
const ATTRIBUTES_MAX = 64; // of one element; an Envelope declares about six namespaces
const REASON_CHARACTERS_MAX = 200; // a parser's message quotes the document, and so can be as long as that

interface OpenElement {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: OpenElement[];
  readonly line: number;
  text: string;
}

/**
 * Reads a whole document.
 * @param bytes untrusted
 * @throws {Fault} InvalidRequest when it is not well-formed UTF-8 XML 1.0, or goes past a bound
 */
export function parseXml(bytes: Uint8Array, limits: XmlLimits = REQUEST_LIMITS): XmlElement {
  if (bytes.byteLength > limits.bytesMax) throw refuse(`it has more than ${limits.bytesMax} bytes`);
  try {
    return readDocument(new TextDecoder("utf-8", { fatal: true }).decode(bytes), limits.elementsMax);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse(messageOf(error));
  }
}

function readDocument(text: string, elementsMax: number): XmlElement {
  const parser = new SaxesParser({ xmlns: true, defaultXMLVersion: "1.0", forceXMLVersion: true });
  const open: OpenElement[] = [];
  let root: OpenElement | undefined;
  let elements = 0;
  let attributes = 0;

  parser.on("xmldecl", ({ encoding }) => {
    if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) throw refuse("its encoding is not UTF-8");
  });
  parser.on("doctype", () => {
    throw refuse("it has a document type declaration");
  });
  parser.on("processinginstruction", () => {
    throw refuse("it has a processing instruction");
  });
  parser.on("opentagstart", () => {
    attributes = 0;
  });
  parser.on("attribute", () => {
    attributes++;
    if (attributes > ATTRIBUTES_MAX) throw refuse(`an element has more than ${ATTRIBUTES_MAX} attributes`);
  });
  parser.on("opentag", (tag) => {
    elements++;
    if (elements > elementsMax) throw refuse(`it has more than ${elementsMax} elements`);
    if (open.length >= XML_DEPTH_MAX) throw refuse(`its elements nest deeper than ${XML_DEPTH_MAX}`);
    const element: OpenElement = {
      namespace: tag.uri,
      name: tag.local,
      attributes: attributesOf(tag),
      children: [],
      line: parser.line,
      text: "",
    };
    if (root === undefined) root = element;
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on("closetag", () => void open.pop());
  const addText = (part: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += part;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.write(text).close();
  if (root === undefined) throw refuse("it is empty");
  return root;
}

function attributesOf(tag: SaxesTagNS): readonly XmlAttribute[] {
  return Object.values(tag.attributes).flatMap(({ uri, local, prefix, value }) =>
    prefix === "xmlns" || local === "xmlns" ? [] : [{ namespace: uri, name: local, value }],
  );
}

function refuse(reason: string): Fault {
  return fault("InvalidRequest", `The request cannot be read: ${reason.slice(0, REASON_CHARACTERS_MAX)}.`, {});
}

export function attributeOf(element: XmlElement, namespace: string, name: string): string | undefined {
  return element.attributes.find((attribute) => attribute.name === name && attribute.namespace === namespace)?.value;
}
