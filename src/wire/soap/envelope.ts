/**
 * The SOAP 1.1 envelope. Pure. Source: SOAP 1.1 §4, reference to clients: the prefix is always `soapenv:`, because some of them
 * look for unqualified `<detail>` and `<faultstring>`, which a default namespace would qualify.
 */
import { fault } from "../vim25/fault.ts";
import type { XmlElement } from "./xml.ts";

export const SOAP_NAMESPACE = "http://schemas.xmlsoap.org/soap/envelope/";
export const XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";

const START =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"' +
  ` xmlns:soapenv="${SOAP_NAMESPACE}"` +
  ' xmlns:xsd="http://www.w3.org/2001/XMLSchema"' +
  ` xmlns:xsi="${XSI_NAMESPACE}">\n`;
const END = "\n</soapenv:Envelope>";

/** @param header elements, ready-made; none when it is empty */
export function writeEnvelope(body: readonly (string | Buffer)[], header = ""): Buffer {
  const head = header === "" ? "" : `<soapenv:Header>${header}</soapenv:Header>\n`;
  const parts = [`${START}${head}<soapenv:Body>\n`, ...body, `\n</soapenv:Body>${END}`];
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}

export interface SoapMessage {
  readonly header: readonly XmlElement[];
  /** The one element of the body. */
  readonly body: XmlElement;
}

/** @throws {Fault} InvalidRequest when `root` is no SOAP envelope with one element in its body */
export function readEnvelope(root: XmlElement): SoapMessage {
  if (root.name !== "Envelope" || root.namespace !== SOAP_NAMESPACE) throw refuse("it is not a SOAP 1.1 envelope");
  const parts = (name: string) => root.children.filter((child) => child.name === name && child.namespace === SOAP_NAMESPACE);
  const bodies = parts("Body");
  const body = bodies[0]?.children[0];
  if (bodies.length !== 1 || body === undefined || bodies[0]?.children.length !== 1) throw refuse("its body does not hold one request");
  return { header: parts("Header").flatMap((header) => header.children), body };
}

function refuse(reason: string): Error {
  return fault("InvalidRequest", `The request cannot be read: ${reason}.`, {});
}
