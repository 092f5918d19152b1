/**
 * A client of the vSphere API for the host's own tools and tests: the server's codec the other way round, typed by the schema.
 */
import { X509Certificate } from "node:crypto";
import { Agent, request as httpsRequest } from "node:https";
import { connect } from "node:tls";
import { SystemError } from "../../base/index.ts";
import { decodeResponse, encodeRequest, type ManagedObjects, type MoRef } from "../../wire/index.ts";
import { readSessionCookie } from "./session-cookie.ts";

type TypeName = keyof ManagedObjects;
type Intersection<U> = (U extends unknown ? (value: U) => void : never) extends (value: infer I) => void ? I : never;
/** Own and inherited. */
type MethodsOf<T extends TypeName> = Intersection<ManagedObjects[ManagedObjects[T]["lineage"]]["methods"]>;
type ArgsOf<Method> = Method extends { args: infer Args } ? Args : never;
type ResultOf<Method> = Method extends { result: infer Result } ? Result : never;

/** How to know the host: its certificate's SHA-1 or SHA-256 thumbprint, or not at all. */
export type HostTrust = { readonly thumbprint: string } | { readonly insecure: true };

export type ConnectOptions = HostTrust & {
  /** "https://host[:port]/sdk"; the path may be left out. */
  readonly url: string;
  /** Of the API; the newest when left out. */
  readonly version?: string;
};

/** An inventory's answer may be large; a host that sends more than this is not ours. */
const RESPONSE_LIMITS = { bytesMax: 256 * 1024 * 1024, elementsMax: 10_000_000 };
const CONNECT_TIMEOUT_MS = 10_000;

export interface VimClient extends AsyncDisposable {
  /** The session's cookie, once logged in: it opens the host's other doors too. */
  readonly sessionKey: string | undefined;
  /** SHA-256 of the certificate that the host showed. */
  readonly thumbprint: string;
  /** @throws {Fault} the fault that the host answers with; {SystemError} when there is no answer */
  call<T extends TypeName, M extends keyof MethodsOf<T> & string>(
    ref: MoRef<T>,
    method: M,
    args: ArgsOf<MethodsOf<T>[M]>,
    options?: { readonly signal?: AbortSignal; readonly operationId?: string },
  ): Promise<ResultOf<MethodsOf<T>[M]>>;
  close(): void;
}

/** A reference to an object whose type and id are known. */
export function moRef<T extends TypeName>(type: T, value: string): MoRef<T> {
  return { type, value };
}

/** Where every conversation starts. */
export const SERVICE_INSTANCE = moRef("ServiceInstance", "ServiceInstance");

/**
 * Looks at the host's certificate, and from then on speaks to the holder of just that one. Nothing is sent before that.
 * @throws {SystemError} when the host does not answer, or is another than `thumbprint` says
 */
export async function connectVim(options: ConnectOptions): Promise<VimClient> {
  const url = new URL(options.url);
  if (url.pathname === "/") url.pathname = "/sdk";
  const certificate = await fetchCertificate(url);
  if ("thumbprint" in options && !matches(certificate, options.thumbprint))
    throw new SystemError(
      `connecting to ${url.host}: its certificate's thumbprint is ${certificate.fingerprint256}, not ${options.thumbprint}`,
    );
  return new Client(url, certificate, options.version);
}

function matches(certificate: X509Certificate, thumbprint: string): boolean {
  const wanted = thumbprint.toUpperCase();
  return wanted === certificate.fingerprint256 || wanted === certificate.fingerprint;
}

async function fetchCertificate(url: URL): Promise<X509Certificate> {
  return await new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(new SystemError(`connecting to ${url.host}`, { cause }));
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    // Not verified, because it is only looked at: the connections that carry requests accept no other certificate.
    const socket = connect({ host, port: Number(url.port || 443), rejectUnauthorized: false, timeout: CONNECT_TIMEOUT_MS }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw));
      socket.destroy();
    });
    socket.on("timeout", () => socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS} ms`)));
    socket.on("error", fail);
  });
}

class Client implements VimClient {
  sessionKey: string | undefined;
  readonly thumbprint: string;
  readonly #url: URL;
  readonly #version: string | undefined;
  readonly #agent: Agent;

  constructor(url: URL, certificate: X509Certificate, version: string | undefined) {
    this.#url = url;
    this.#version = version;
    this.thumbprint = certificate.fingerprint256;
    this.#agent = new Agent({
      keepAlive: true,
      ca: certificate.toString(),
      allowPartialTrustChain: true, // also one that an authority signed which nobody here knows
      // The one certificate is the identity; the name in it says nothing about a host that is reached by an address.
      checkServerIdentity: (_, peer) => (peer.fingerprint256 === this.thumbprint ? undefined : new Error("the host's certificate changed")),
    });
  }

  async call<T extends TypeName, M extends keyof MethodsOf<T> & string>(
    ref: MoRef<T>,
    method: M,
    args: ArgsOf<MethodsOf<T>[M]>,
    { signal, operationId }: { readonly signal?: AbortSignal; readonly operationId?: string } = {},
  ): Promise<ResultOf<MethodsOf<T>[M]>> {
    const xml = encodeRequest({
      method,
      thisRef: ref,
      args: args as Readonly<Record<string, unknown>>,
      ...(this.#version === undefined ? {} : { version: this.#version }),
      ...(operationId === undefined ? {} : { operationId }),
    });
    const body = await this.#post(xml, signal).catch((cause: unknown) => {
      throw new SystemError(`calling ${method} of ${ref.value} at ${this.#url.host}`, { cause });
    });
    return decodeResponse(body, method, RESPONSE_LIMITS) as ResultOf<MethodsOf<T>[M]>;
  }

  async #post(xml: string, signal: AbortSignal | undefined): Promise<Buffer> {
    const headers = {
      "Content-Type": "text/xml; charset=utf-8",
      "Content-Length": Buffer.byteLength(xml),
      SOAPAction: `urn:vim25/${this.#version ?? "8.0.3.0"}`,
      ...(this.sessionKey === undefined ? {} : { Cookie: `vmware_soap_session="${this.sessionKey}"` }),
    };
    return await new Promise((resolve, reject) => {
      const request = httpsRequest(this.#url, { method: "POST", agent: this.#agent, headers, ...(signal && { signal }) }, (response) => {
        for (const cookie of response.headers["set-cookie"] ?? []) this.sessionKey = readSessionCookie(cookie) ?? this.sessionKey;
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          if (status === 200 || status === 500) resolve(Buffer.concat(chunks));
          else reject(new Error(`HTTP status ${status}`));
        });
      });
      request.on("error", reject);
      request.end(xml);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
