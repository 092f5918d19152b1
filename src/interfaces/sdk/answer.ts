/**
 * One SOAP request from bytes to bytes: decode, hand over, encode. It decides nothing about who may do what: every request that
 * can be read goes to `invoke`, and what comes back is what the client gets. Source: the vSphere Web Services API on the wire.
 */
import { Fault, messageOf } from "../../base/index.ts";
import {
  type DecodedRequest,
  decodeRequest,
  encodeFault,
  encodeResponse,
  fault,
  type MoRef,
  NEWEST_VERSION,
  negotiateVersion,
} from "../../wire/index.ts";

export interface SdkCall {
  /** What the session cookie holds (untrusted); undefined without one. */
  readonly sessionKey: string | undefined;
  readonly clientAddress: string;
  readonly userAgent: string;
  /** Of the API, as the answer will be. */
  readonly version: string;
  readonly operationId?: string;
  readonly method: string;
  readonly thisRef: MoRef;
  readonly args: Readonly<Record<string, unknown>>;
  /** The client went away. */
  readonly signal: AbortSignal;
}

export interface SdkReply {
  /** Undefined for void, and for an optional result that is unset. */
  readonly returnValue: unknown;
  /** A schema type, with "[]" for an array; "void" for none. */
  readonly returnType: string;
  /** The key of a session that this call opened. */
  readonly setSession?: string;
}

/** A request that never became a call, for the audit. */
export interface SdkRefusal {
  readonly clientAddress: string;
  readonly userAgent: string;
  readonly reason: string;
}

export interface SdkHandlers {
  /** Answers a call, or throws the Fault that the client gets. */
  readonly invoke: (call: SdkCall) => Promise<SdkReply>;
  readonly onRefused?: (refusal: SdkRefusal) => void;
  /** Told of what is no Fault: the client gets a general one, without details. */
  readonly onBug: (error: unknown) => void;
}

export type SdkClient = Pick<SdkCall, "sessionKey" | "clientAddress" | "userAgent" | "signal">;

export interface SdkAnswer {
  readonly status: 200 | 500;
  readonly xml: Buffer;
  readonly setSession?: string;
}

/** @param body what came, or why it was not taken */
export async function answerRequest(
  body: Uint8Array | Fault,
  soapAction: string | undefined,
  client: SdkClient,
  handlers: SdkHandlers,
): Promise<SdkAnswer> {
  let request: DecodedRequest;
  try {
    if (body instanceof Fault) throw body;
    request = decodeRequest(body, soapAction);
  } catch (error) {
    const { clientAddress, userAgent } = client;
    handlers.onRefused?.({ clientAddress, userAgent, reason: messageOf(error) });
    return faultAnswer(error, negotiateVersion(soapAction), handlers);
  }
  try {
    const { returnValue, returnType, setSession } = await handlers.invoke({ ...client, ...request });
    const xml = encodeResponse({ method: request.method, returnType, returnValue, version: request.version });
    return { status: 200, xml, ...(setSession === undefined ? {} : { setSession }) };
  } catch (error) {
    return faultAnswer(error, request.version, handlers);
  }
}

function faultAnswer(error: unknown, version: string, { onBug }: SdkHandlers): SdkAnswer {
  try {
    if (error instanceof Fault) return { status: 500, xml: encodeFault(error, version) };
    onBug(error);
  } catch (failure) {
    onBug(failure); // the fault does not fit the schema
  }
  return { status: 500, xml: encodeFault(internalError(), NEWEST_VERSION) };
}

/** What a client is told of a bug of ours. */
export function internalError(): Fault {
  return fault("SystemError", "A general system error occurred: Internal error", { reason: "Internal error" });
}
