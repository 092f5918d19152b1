/**
 * What each path of the host's HTTPS endpoint leads to, and the bounds of what it is asked: a call may take long (clients wait for
 * updates in it); sending the request and taking the answer may not. Source: the vSphere Web Services API on the wire.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fault } from "../../base/index.ts";
import { advertisedVersions, JSON_API_ROOT } from "../../wire/index.ts";
import { SCREEN_PATH } from "../console/parse-screen-url.ts";
import type { ScreenDoor } from "../console/screen-door.ts";
import { DOWNLOADS_ROOT, type OpenDownload, serveDownload } from "../downloads/download-door.ts";
import type { FolderDoor } from "../files/folder-door.ts";
import { isFolderUrl } from "../files/parse-folder-url.ts";
import { GUEST_FILE_PATH, type GuestFileDoor } from "../guest-file/guest-file-door.ts";
import { admitJson, answerJson } from "../json/answer.ts";
import { type Documents, sendDocument } from "../json/documents.ts";
import { NFC_ROOT, type NfcDoor } from "../nfc/nfc-door.ts";
import { answerRequest, type SdkClient, type SdkHandlers } from "./answer.ts";
import { BodyBudget, receiveBody } from "./request-body.ts";
import { formatSessionCookie, readSessionCookie } from "./session-cookie.ts";

export interface SdkLimits {
  /** TCP connections, from all clients. */
  readonly connectionsMax: number;
  /** Calls being answered at a time, waits for updates included. */
  readonly callsMax: number;
  /** From a connection's first byte to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From there to the end of a call's body. */
  readonly requestTimeoutMs: number;
  /** Without any progress in taking the answer. */
  readonly sendTimeoutMs: number;
}

const USER_AGENT_CHARACTERS_MAX = 256;
/** Where VI/JSON has the session: in the answer to a login, and in every request after it. */
const SESSION_HEADER = "vmware-api-session-id";
const SESSION_KEY_CHARACTERS_MAX = 128; // ours are 40

/** What there is besides calls. */
export interface Doors {
  readonly documents: Documents;
  /** Support bundles; without it there are none to fetch. */
  readonly openDownload?: OpenDownload;
  /** The datastores' files, at /folder. */
  readonly folder?: FolderDoor;
  /** Files into guests and out of them, at /guestFile. */
  readonly guestFile?: GuestFileDoor;
  /** Disks of packages, at /nfc. */
  readonly nfc?: NfcDoor;
  /** Pictures of VMs' screens, at /screen. */
  readonly screen?: ScreenDoor;
}

export class Endpoint {
  readonly #handlers: SdkHandlers;
  readonly #limits: SdkLimits;
  readonly #doors: Doors;
  readonly #budget = new BodyBudget();
  #calls = 0;

  constructor(handlers: SdkHandlers, limits: SdkLimits, doors: Doors) {
    this.#handlers = handlers;
    this.#limits = limits;
    this.#doors = doors;
  }

  /** Never throws: whatever goes wrong ends at most this one connection. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => request.socket.destroy()); // the client is gone, and with it whoever would be told
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#handlers.onBug(error);
      request.socket.destroy();
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split("?", 1)[0] ?? "";
    // Node's SOAP toolkit sends its requests to where it found the WSDL.
    if (path === "/sdk/vimService.wsdl" && request.method === "POST") return await this.#soap(request, response);
    switch (path) {
      case "/sdk":
      case "/sdk/":
      case "/sdk/vimService":
        if (request.method !== "POST") return sendText(response, 405, "Only POST is answered here.", { Allow: "POST" });
        return await this.#soap(request, response);
      case "/sdk/vimServiceVersions.xml":
        if (!isRead(request)) return refuseWrite(response);
        return send(response, { status: 200, body: serviceVersions(), headers: { "Content-Type": XML } });
      default:
        return await this.#routeOther(request, response, path);
    }
  }

  async #routeOther(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const { documents, screen, openDownload } = this.#doors;
    const document = documents.find(path);
    if (document !== undefined) {
      if (!isRead(request)) return refuseWrite(response);
      this.#endWhenStalled(request, response);
      const acceptEncoding = request.headers["accept-encoding"]?.toString();
      return await sendDocument(response, document, { acceptEncoding, head: request.method === "HEAD" });
    }
    if (path.startsWith(JSON_API_ROOT)) return await this.#json(request, response, path);
    const { clientAddress: address, userAgent } = clientOf(request);
    const fileDoor = this.#fileDoorOf(path);
    if (fileDoor !== undefined) return await fileDoor({ request, response, client: { address, userAgent } });
    if (screen !== undefined && path === SCREEN_PATH) return await screen(request, response, { address, userAgent });
    if (openDownload !== undefined && path.startsWith(DOWNLOADS_ROOT)) {
      if (!isRead(request)) return refuseWrite(response);
      this.#endWhenStalled(request, response);
      return await serveDownload({ request, response, path, client: clientOf(request) }, openDownload);
    }
    sendText(response, 404, "There is nothing here. The vSphere API is at /sdk.", {});
  }

  #fileDoorOf(path: string): FolderDoor | undefined {
    const { folder, guestFile, nfc } = this.#doors;
    if (isFolderUrl(path)) return folder;
    if (path === GUEST_FILE_PATH) return guestFile;
    return path.startsWith(NFC_ROOT) ? nfc : undefined;
  }

  #endWhenStalled(request: IncomingMessage, response: ServerResponse): void {
    response.setTimeout(this.#limits.sendTimeoutMs, () => request.socket.destroy());
  }

  async #soap(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A page on another site can make a browser send text/plain or a form with the user's cookie, but XML only if we allow it.
    if (!/\bxml\b/i.test(request.headers["content-type"] ?? "")) {
      this.#refuse(request, "The request cannot be read: its Content-Type is not XML.");
      return sendText(response, 415, "Requests are text/xml.", {});
    }
    const soapAction = request.headers.soapaction;
    await this.#serve(request, response, async (body, client) => {
      const session = { sessionKey: readSessionCookie(request.headers.cookie) };
      const action = typeof soapAction === "string" ? soapAction : undefined;
      const { status, xml, setSession } = await answerRequest(body, action, { ...client, ...session }, this.#handlers);
      const headers = setSession === undefined ? {} : { "Set-Cookie": formatSessionCookie(setSession) };
      return { status, body: xml, headers: { "Content-Type": XML, ...headers } };
    });
  }

  async #json(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const admission = admitJson(path, request.method, request.headers["content-type"]);
    if (admission.kind === "refused") {
      this.#refuse(request, admission.text);
      return sendText(response, admission.status, admission.text, admission.headers);
    }
    const { operation } = admission;
    await this.#serve(request, response, async (body, client) => {
      const header = request.headers[SESSION_HEADER];
      const sessionKey = typeof header === "string" && header.length <= SESSION_KEY_CHARACTERS_MAX ? header : undefined;
      const { status, json, setSession } = await answerJson(operation, body, { ...client, sessionKey }, this.#handlers);
      const session = setSession === undefined ? {} : { [SESSION_HEADER]: setSession };
      const type = json === undefined ? {} : { "Content-Type": "application/json" };
      return { status, body: json, headers: { ...type, "Cache-Control": "no-store", ...session } };
    });
  }

  /** Receives a request and answers it, within the bounds that both wires share. */
  async #serve(request: IncomingMessage, response: ServerResponse, answer: Answerer): Promise<void> {
    if (this.#calls >= this.#limits.callsMax) {
      this.#refuse(request, "The host answers too many requests at a time.");
      return sendText(response, 503, "The host answers too many requests at a time.", { "Retry-After": "5", Connection: "close" });
    }
    this.#calls++;
    const late = setTimeout(() => request.socket.destroy(), this.#limits.requestTimeoutMs);
    try {
      if (request.headers.expect !== undefined) response.writeContinue();
      const body = await receiveBody(request, this.#budget);
      clearTimeout(late);
      if (body.kind === "brokenOff") return void request.socket.destroy();
      const gone = new AbortController();
      response.once("close", () => gone.abort());
      if (response.destroyed) gone.abort();
      const client = { ...clientOf(request), signal: gone.signal };
      const answered = await answer(body.kind === "whole" ? body.bytes : body.fault, client);
      if (response.destroyed) return;
      this.#endWhenStalled(request, response);
      send(response, answered);
    } finally {
      clearTimeout(late);
      this.#calls--;
    }
  }

  #refuse(request: IncomingMessage, reason: string): void {
    this.#handlers.onRefused?.({ ...clientOf(request), reason });
  }
}

export function clientOf(request: IncomingMessage): { readonly clientAddress: string; readonly userAgent: string } {
  return {
    clientAddress: request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "",
    userAgent: (request.headers["user-agent"] ?? "").slice(0, USER_AGENT_CHARACTERS_MAX),
  };
}

/** What a client looks for to learn that this is a host, and what it speaks. */
function serviceVersions(): Buffer {
  const [newest, ...prior] = advertisedVersions();
  return Buffer.from(
    '<?xml version="1.0" encoding="UTF-8"?>\n<namespaces version="1.0"><namespace><name>urn:vim25</name>' +
      `<version>${newest}</version><priorVersions>${prior.map((id) => `<version>${id}</version>`).join("")}</priorVersions>` +
      "</namespace></namespaces>\n",
  );
}

const isRead = ({ method }: IncomingMessage): boolean => method === "GET" || method === "HEAD";

function refuseWrite(response: ServerResponse): void {
  sendText(response, 405, "Only GET is answered here.", { Allow: "GET, HEAD" });
}

type Headers = Readonly<Record<string, string>>;

const XML = "text/xml; charset=utf-8";

interface HttpAnswer {
  readonly status: number;
  /** Undefined with a status that has none. */
  readonly body: Buffer | undefined;
  readonly headers: Headers;
}

type Answerer = (body: Uint8Array | Fault, client: Omit<SdkClient, "sessionKey">) => Promise<HttpAnswer>;

function send(response: ServerResponse, { status, body, headers }: HttpAnswer): void {
  response.writeHead(status, { ...headers, ...(body === undefined ? {} : { "Content-Length": body.byteLength }) });
  response.end(body);
}

function sendText(response: ServerResponse, status: number, text: string, headers: Headers): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", ...headers });
  response.end(`${text}\n`);
}
