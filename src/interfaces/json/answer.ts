/**
 * One VI/JSON request from bytes to bytes: decode, hand over, encode. Like its SOAP sibling it decides nothing about who may do
 * what: what can be read goes to `invoke`, a property as the Fetch that it is. Source: the published OpenAPI document of the
 * Virtual Infrastructure JSON API, which has 200, 204 and, for every fault, 500; 400 is for what is no JSON object at all.
 */
import { Fault, messageOf } from "../../base/index.ts";
import {
  type AnyValue,
  decodeJsonArguments,
  encodeJsonFault,
  encodeJsonProperty,
  encodeJsonResponse,
  findJsonOperation,
  type JsonOperation,
  NEWEST_VERSION,
} from "../../wire/index.ts";
import { internalError, type SdkCall, type SdkClient, type SdkHandlers } from "../sdk/answer.ts";

export interface JsonAnswer {
  readonly status: 200 | 204 | 400 | 500;
  /** Undefined with status 204. */
  readonly json: Buffer | undefined;
  readonly setSession?: string;
}

/** What a request asks for, or why it is refused for its form alone. */
export type JsonAdmission =
  | { readonly kind: "operation"; readonly operation: JsonOperation }
  | {
      readonly kind: "refused";
      readonly status: 404 | 405 | 415;
      readonly text: string;
      readonly headers: Readonly<Record<string, string>>;
    };

/** @param contentType the header, untrusted. The session is in a header of its own, which no other site can make a browser send. */
export function admitJson(path: string, httpMethod: string | undefined, contentType: string | undefined): JsonAdmission {
  const operation = findJsonOperation(path);
  if (operation === undefined)
    return { kind: "refused", status: 404, text: "There is no such release, type, method or property here.", headers: {} };
  const allowed = operation.kind === "method" ? "POST" : "GET";
  if (httpMethod !== allowed)
    return { kind: "refused", status: 405, text: `Only ${allowed} is answered here.`, headers: { Allow: allowed } };
  // Some clients say nothing of what they send; what says that it is something else is not looked at.
  if (operation.kind === "method" && contentType !== undefined && !/^\s*application\/json\s*(;|$)/i.test(contentType))
    return { kind: "refused", status: 415, text: "Requests are application/json.", headers: {} };
  return { kind: "operation", operation };
}

/** @param body what came, or why it was not taken */
export async function answerJson(
  operation: JsonOperation,
  body: Uint8Array | Fault,
  client: SdkClient,
  handlers: SdkHandlers,
): Promise<JsonAnswer> {
  let request: Pick<SdkCall, "method" | "thisRef" | "args" | "version">;
  try {
    if (body instanceof Fault) throw body;
    request = readRequest(operation, body);
  } catch (error) {
    const { clientAddress, userAgent } = client;
    handlers.onRefused?.({ clientAddress, userAgent, reason: messageOf(error) });
    const answer = faultAnswer(error, operation.version, handlers);
    return error instanceof Fault && error.fault === "InvalidRequest" ? { ...answer, status: 400 } : answer;
  }
  try {
    const { returnValue, returnType, setSession } = await handlers.invoke({ ...client, ...request });
    const { version } = request;
    const json =
      operation.kind === "property"
        ? encodeJsonProperty(operation.property, returnValue as AnyValue | undefined, version)
        : encodeJsonResponse({ returnType, returnValue, version });
    return { status: json === undefined ? 204 : 200, json, ...(setSession === undefined ? {} : { setSession }) };
  } catch (error) {
    return faultAnswer(error, request.version, handlers);
  }
}

function readRequest(operation: JsonOperation, body: Uint8Array): Pick<SdkCall, "method" | "thisRef" | "args" | "version"> {
  const { thisRef, version } = operation;
  switch (operation.kind) {
    case "method":
      return { method: operation.method.name, thisRef, version, args: decodeJsonArguments(operation.method, body) };
    case "property":
      return { method: "Fetch", thisRef, version, args: { prop: operation.property.name } };
  }
}

function faultAnswer(error: unknown, version: string, { onBug }: SdkHandlers): JsonAnswer {
  try {
    if (error instanceof Fault) return { status: 500, json: encodeJsonFault(error, version) };
    onBug(error);
  } catch (failure) {
    onBug(failure); // the fault does not fit the schema
  }
  return { status: 500, json: encodeJsonFault(internalError(), NEWEST_VERSION) };
}
