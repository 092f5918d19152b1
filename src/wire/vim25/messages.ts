/**
 * vim25 requests, responses and faults as whole SOAP messages, both ways: a server and a client of one codec. Pure.
 * Source: the vSphere Web Services API on the wire.
 */
import { assert, Fault, type FaultFields } from "../../base/index.ts";
import { readEnvelope, SOAP_NAMESPACE, writeEnvelope, XSI_NAMESPACE } from "../soap/envelope.ts";
import { escapeAttribute, escapeText } from "../soap/escape.ts";
import { attributeOf, parseXml, type XmlElement, type XmlLimits } from "../soap/xml.ts";
import { readItem, readMembers, readMoid } from "./decode.ts";
import { encode, writeMember, writeValue } from "./encode.ts";
import { fault } from "./fault.ts";
import { findMethod, isFaultType, isSubtype, type Method, type TypeRef, typeOf } from "./schema.ts";
import type { LocalizedMethodFault, MethodFault } from "./types.generated.ts";
import type { AnyValue, MoRef } from "./values.ts";
import { knows, NEWEST_VERSION, negotiateVersion } from "./versions.ts";

export interface DecodedRequest {
  /** WSDL name of a method of the schema. */
  readonly method: string;
  /** The object it is called on. Its type is what the client holds it for, which may be a base type, or wrong. */
  readonly thisRef: MoRef;
  /** By parameter name, checked against the schema. */
  readonly args: Readonly<Record<string, unknown>>;
  /** What the client calls the operation, for logs. */
  readonly operationId?: string;
  /** The version to answer in. */
  readonly version: string;
}

const METHOD_NAMESPACES: ReadonlySet<string> = new Set(["urn:vim25", "urn:internalvim25"]);
const OPERATION_ID_CHARACTERS_MAX = 256; // vSphere's own are about forty
const SHOWN_NAME_CHARACTERS_MAX = 100;

/**
 * Reads a request.
 * @param bytes the HTTP body, untrusted
 * @param soapAction the header of that name, untrusted
 * @throws {Fault} InvalidRequest, InvalidArgument, MethodNotFound
 */
export function decodeRequest(bytes: Uint8Array, soapAction: string | undefined): DecodedRequest {
  const { header, body } = readEnvelope(parseXml(bytes));
  if (!METHOD_NAMESPACES.has(body.namespace)) throw invalidRequest("its body is not of urn:vim25");
  const self = body.children.find((child) => child.name === "_this");
  if (self === undefined) throw invalidRequest("it does not say which object it calls (_this)");
  const sentType = attributeOf(self, "", "type") ?? "";
  const method = findMethod(body.name);
  const version = negotiateVersion(soapAction, attributeOf(self, "", "versionId"));
  const thisRef = {
    type: isSubtype(sentType, "ManagedObject") ? sentType : (method?.declaredBy ?? "ManagedObject"),
    value: readMoid(self, "_this"),
  };
  if (method === undefined || !knows(version, method.version)) throw methodNotFound(thisRef, body.name);
  const args = readMembers(
    body.children.filter((child) => child !== self),
    method.params,
    "",
  );
  const operationId = operationIdOf(header);
  return { method: method.name, thisRef, args, version, ...(operationId === undefined ? {} : { operationId }) };
}

function operationIdOf(header: readonly XmlElement[]): string | undefined {
  const text = header.find(({ name }) => name.toLowerCase() === "operationid")?.text.trim();
  return text === undefined || text === "" ? undefined : text.slice(0, OPERATION_ID_CHARACTERS_MAX);
}

function invalidRequest(reason: string): Fault {
  return fault("InvalidRequest", `The request cannot be read: ${reason}.`, {});
}

function methodNotFound(receiver: MoRef, name: string): Fault {
  const method = name.slice(0, SHOWN_NAME_CHARACTERS_MAX);
  return fault("MethodNotFound", `A ${receiver.type} has no method ${method}.`, { receiver, method });
}

export interface Response {
  readonly method: string;
  /** A schema type, with "[]" for an array; "void" for none. */
  readonly returnType: string;
  /** Undefined for void, and for an optional result that is unset. */
  readonly returnValue: unknown;
  readonly version: string;
}

/** @returns UTF-8. @throws an assertion with the path when the value does not fit its type */
export function encodeResponse({ method, returnType, returnValue, version }: Response): Buffer {
  const type = typeOf(returnType);
  assert(returnValue === undefined || type.kind !== "void", `${method} is void and returned something`);
  const result = returnValue === undefined ? "" : encode(version, (encoding) => writeValue(encoding, "returnval", type, returnValue));
  return writeEnvelope([`<${method}Response xmlns="urn:vim25">`, result, `</${method}Response>`]);
}

/** A fault as the whole answer, for HTTP status 500. */
export function encodeFault(raised: Fault, version: string): Buffer {
  const any = { anyType: "MethodFault", value: faultToValue(raised) };
  const text = encode(version, (encoding) => writeValue(encoding, FAULT_ELEMENT, typeOf("anyType"), any)).toString();
  // The element is named after the type that the client is told, which encoding decided.
  const shown = /^<\w+ xsi:type="(\w+)">/.exec(text)?.[1];
  assert(shown !== undefined, `${raised.fault} was not encoded as a fault`);
  const fields = text.slice(text.indexOf(">") + 1, text.lastIndexOf("<"));
  return writeEnvelope([
    "<soapenv:Fault><faultcode>ServerFaultCode</faultcode>" +
      `<faultstring>${escapeText(raised.message)}</faultstring>` +
      `<detail><${shown}Fault xmlns="urn:vim25" xsi:type="${shown}">${fields}</${shown}Fault></detail></soapenv:Fault>`,
  ]);
}

const FAULT_ELEMENT = "fault";

/** A fault as the value that the schema has for it. A fault that it came of becomes its faultCause. */
export function faultToValue(raised: Fault): MethodFault {
  assert(isFaultType(raised.fault), `the schema has no fault ${raised.fault}`);
  const faultCause = raised.cause instanceof Fault ? { faultCause: faultToLocalized(raised.cause) } : {};
  return { ...faultCause, ...raised.fields, $type: raised.fault };
}

/** A fault as a property holds it: TaskInfo.error, MissingProperty.fault. */
export function faultToLocalized(raised: Fault): LocalizedMethodFault {
  return { $type: "LocalizedMethodFault", fault: faultToValue(raised), localizedMessage: raised.message };
}

const OBJECT_ELEMENT = "obj";
const OBJECT_NAMESPACES = `xmlns="urn:vim25" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="${XSI_NAMESPACE}" versionId="5.0"`;

/** A value as a document of its own: how it travels inside of a string. */
export function encodeObject(value: AnyValue, version: string): string {
  const text = encode(version, (encoding) => writeValue(encoding, OBJECT_ELEMENT, typeOf("anyType"), value)).toString();
  return text.replace(`<${OBJECT_ELEMENT}`, `<${OBJECT_ELEMENT} ${OBJECT_NAMESPACES}`);
}

export interface Request {
  readonly method: string;
  readonly thisRef: MoRef;
  readonly args: Readonly<Record<string, unknown>>;
  readonly operationId?: string;
  readonly version?: string;
}

/** @throws an assertion with the path when an argument does not fit its type */
export function encodeRequest({ method, thisRef, args, operationId, version = NEWEST_VERSION }: Request): string {
  const { params } = methodNamed(method);
  for (const name of Object.keys(args)) assert(params.has(name), `${method} has no parameter ${name}`);
  const written = encode(version, (encoding) => {
    for (const param of params.values()) writeMember(encoding, param, args[param.name]);
  });
  const self = `<_this type="${escapeAttribute(thisRef.type)}">${escapeText(thisRef.value)}</_this>`;
  const header = operationId === undefined ? "" : `<operationID xmlns="urn:vim25">${escapeText(operationId)}</operationID>`;
  return writeEnvelope([`<${method} xmlns="urn:vim25">${self}`, written, `</${method}>`], header).toString();
}

function methodNamed(name: string): Method {
  const method = findMethod(name);
  assert(method !== undefined, `the schema has no method ${name}`);
  return method;
}

/**
 * Reads the answer to a request.
 * @param bytes the HTTP body, untrusted
 * @returns the result; undefined when it is void or unset
 * @throws {Fault} the fault that it holds; InvalidRequest or InvalidArgument when it is no answer to `method`
 */
export function decodeResponse(bytes: Uint8Array, method: string, limits: XmlLimits): unknown {
  const { body } = readEnvelope(parseXml(bytes, limits));
  if (body.name === "Fault" && body.namespace === SOAP_NAMESPACE) throw readFault(body);
  if (body.name !== `${method}Response`) throw invalidRequest(`it does not answer ${method}`);
  const { result } = methodNamed(method);
  return readResult(body.children, result);
}

function readResult(children: readonly XmlElement[], type: TypeRef): unknown {
  if (type.kind === "void" || (children.length === 0 && !type.array)) return undefined;
  const member = { name: "returnval", type, optional: false, version: "", privilege: undefined };
  return readMembers(children, new Map([["returnval", member]]), "").returnval;
}

function readFault(body: XmlElement): Fault {
  const message = body.children.find(({ name }) => name === "faultstring")?.text ?? "";
  const detail = body.children.find(({ name }) => name === "detail")?.children[0];
  const named = detail !== undefined && attributeOf(detail, XSI_NAMESPACE, "type") !== undefined;
  if (detail === undefined || !named) return new Fault("RuntimeFault", message);
  const { $type, ...fields } = readItem(detail, typeOf("MethodFault"), "detail") as FaultFields & { $type: string };
  return new Fault($type, message, fields);
}
