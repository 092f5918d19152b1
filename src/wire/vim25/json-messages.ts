/**
 * vim25 requests, responses and faults as VI/JSON bodies. Pure.
 * Source: the published OpenAPI document of the Virtual Infrastructure JSON API (vmware/vcf-api-specs, vi-json.yaml); for what it
 * leaves open, the public client of vmware/govmomi (vim25/soap/json_client.go): `faultstring` beside a fault's fields.
 */
import { assert, Fault } from "../../base/index.ts";
import { encode } from "./encode.ts";
import { fault } from "./fault.ts";
import { readJsonMembers, readJsonValue } from "./json-decode.ts";
import { writeJsonValue } from "./json-encode.ts";
import { isJsonObject, type JsonLimits, parseJson } from "./json-parse.ts";
import { TYPE_NAME } from "./json-types.ts";
import { faultToValue } from "./messages.ts";
import { type Member, type Method, type TypeRef, typeOf } from "./schema.ts";
import type { AnyValue } from "./values.ts";

/** Beside a fault's own fields: what SOAP has outside of the detail. */
const FAULT_STRING = "faultstring";

/**
 * Reads the body of a request.
 * @param bytes untrusted; none at all is the same as an object without members
 * @returns the arguments by name, checked against the schema
 * @throws {Fault} InvalidRequest when it is no JSON object, InvalidArgument when it is another than the method takes
 */
export function decodeJsonArguments(method: Method, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const body = bytes.byteLength === 0 ? new Map() : parseJson(bytes);
  if (!isJsonObject(body)) throw fault("InvalidRequest", "The request cannot be read: it is no JSON object.", {});
  const named = body.get(TYPE_NAME);
  if (named !== undefined && named !== method.name && named !== `${method.name.replace(/_Task$/, "")}RequestType`)
    throw fault("InvalidArgument", `A specified parameter was not correct: these are not ${method.name}'s.`, {
      invalidProperty: TYPE_NAME,
    });
  return readJsonMembers(body, method.params, "");
}

export interface JsonResponse {
  /** A schema type, with "[]" for an array; "void" for none. */
  readonly returnType: string;
  /** Undefined for void, and for an optional result that is unset. */
  readonly returnValue: unknown;
  readonly version: string;
}

/**
 * A method's result.
 * @returns UTF-8; undefined when there is nothing to say, which is HTTP status 204
 * @throws an assertion with the path when the value does not fit its type
 */
export function encodeJsonResponse({ returnType, returnValue, version }: JsonResponse): Buffer | undefined {
  const type = typeOf(returnType);
  assert(returnValue === undefined || type.kind !== "void", "a void method returned something");
  return type.kind === "void" ? undefined : encodeValue(version, type, returnValue);
}

/** A property's value, as the schema declares it: only what it declares as anyType is boxed. */
export function encodeJsonProperty(property: Member, fetched: AnyValue | undefined, version: string): Buffer {
  const value = property.type.kind === "anyType" && !property.type.array ? fetched : fetched?.value;
  return encodeValue(version, property.type, value);
}

/** What is unset, and what the client's version has no words for, is null. */
function encodeValue(version: string, type: TypeRef, value: unknown): Buffer {
  return encode(version, (encoding) => {
    if (value === undefined || !writeJsonValue(encoding, type, value)) encoding.text += "null";
  });
}

/** A fault as the whole answer, for HTTP status 500. */
export function encodeJsonFault(raised: Fault, version: string): Buffer {
  return encode(version, (encoding) => {
    const any = { anyType: "MethodFault", value: faultToValue(raised) };
    writeJsonValue(encoding, typeOf("anyType"), any);
    assert(encoding.text.endsWith("}"), `${raised.fault} was not encoded as a fault`);
    encoding.text = `${encoding.text.slice(0, -1)},"${FAULT_STRING}":${JSON.stringify(raised.message)}}`;
  });
}

/**
 * Reads the answer to a method, as a client gets it.
 * @param type what the method returns
 * @throws {Fault} InvalidRequest or InvalidArgument when it is no such value
 */
export function decodeJsonResponse(bytes: Uint8Array, type: TypeRef, limits: JsonLimits): unknown {
  const value = parseJson(bytes, limits);
  return value === null ? undefined : readJsonValue(value, type, "");
}

/** Reads a fault as a client gets it with HTTP status 500. */
export function decodeJsonFault(bytes: Uint8Array, limits: JsonLimits): Fault {
  const body = parseJson(bytes, limits);
  if (!isJsonObject(body)) throw fault("InvalidRequest", "The answer cannot be read: it is no JSON object.", {});
  const message = body.get(FAULT_STRING);
  const members = new Map([...body].filter(([name]) => name !== FAULT_STRING));
  const { value } = readJsonValue(members, typeOf("anyType"), "") as AnyValue;
  const { $type, ...fields } = value as { readonly $type: string };
  return new Fault($type, typeof message === "string" ? message : "", fields);
}
