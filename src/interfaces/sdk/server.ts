/**
 * The host's HTTPS endpoint of the vSphere API: /sdk for SOAP, /sdk/vim25/… for VI/JSON.
 * Hostile clients reach it before anybody logs in, so time, connections, bodies and calls each have a bound. A call may take long
 * (clients wait for updates in it); sending the request and taking the answer may not.
 * Source: the vSphere Web Services API on the wire; paper «Network Access to Administrative Interfaces».
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, createServer as createDoor, type Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import type { Fault } from "../../base/index.ts";
import type { PerformedType } from "../../hostd/index.ts";
import { advertisedVersions, JSON_API_ROOT } from "../../wire/index.ts";
import { type ConsoleHandlers, serveConsole } from "../console/console-socket.ts";
import { SCREEN_PATH } from "../console/parse-screen-url.ts";
import type { ScreenDoor } from "../console/screen-door.ts";
import { DOWNLOADS_ROOT, type OpenDownload, serveDownload } from "../downloads/download-door.ts";
import type { FolderDoor } from "../files/folder-door.ts";
import { isFolderUrl } from "../files/parse-folder-url.ts";
import { GUEST_FILE_PATH, type GuestFileDoor } from "../guest-file/guest-file-door.ts";
import { admitJson, answerJson } from "../json/answer.ts";
import { Documents, sendDocument } from "../json/documents.ts";
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

const DEFAULT_LIMITS: SdkLimits = {
  connectionsMax: 1024, // twice the sessions that a host holds
  callsMax: 2048, // two for each connection: one waits while another works
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 60_000, // 4 MiB at 70 kB/s
  sendTimeoutMs: 60_000,
};
const HANDSHAKE_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 90_000; // clients poll tasks every few seconds, and keep idle connections for about a minute
const HEADER_BYTES_MAX = 16 * 1024;
const USER_AGENT_CHARACTERS_MAX = 256;
/** Where VI/JSON has the session: in the answer to a login, and in every request after it. */
const SESSION_HEADER = "vmware-api-session-id";
const SESSION_KEY_CHARACTERS_MAX = 128; // ours are 40

export interface SdkServerOptions extends SdkHandlers {
  /** An open listening socket, or where to open one; port 0 takes a free one. */
  readonly listen: { readonly fd: number } | { readonly host: string; readonly port: number };
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
  readonly limits?: Partial<SdkLimits>;
  /** Opens the console of a VM for a viewer; without it, no WebSocket is served. */
  readonly openConsole?: ConsoleHandlers["openConsole"];
  /** Support bundles; without it there are none to fetch. */
  readonly openDownload?: OpenDownload;
  /** What the documents say that the host performs. */
  readonly performed?: readonly PerformedType[];
  /** The datastores' files, at /folder. */
  readonly folder?: FolderDoor;
  /** Files into guests and out of them, at /guestFile. */
  readonly guestFile?: GuestFileDoor;
  /** Disks of packages, at /nfc. */
  readonly nfc?: NfcDoor;
  /** Pictures of VMs' screens, at /screen. */
  readonly screen?: ScreenDoor;
}

export interface SdkServer extends AsyncDisposable {
  readonly port: number;
  /** Shows another certificate to connections that come from now on; those that are open go on. @throws when it cannot be served */
  serveWith(tls: SdkServerOptions["tls"]): void;
  /** Serves on a socket that listens already, too. @param fd the server's from now on. @returns how to stop that */
  serveOn(fd: number): () => void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** @throws when the address is taken or can't be listened on */
export async function startSdkServer(options: SdkServerOptions): Promise<SdkServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const endpoint = new Endpoint(options, limits, { ...options, documents: new Documents(options.performed ?? []) });
  const server = createServer(
    {
      ...secureContextOf(options.tls),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: 0, // a file may take as long as it gets on; of a call it is the endpoint that watches
      connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    (request, response) => void endpoint.handle(request, response),
  );
  // A client that asks whether to send is told so by who takes what it sends.
  server.on("checkContinue", (request, response) => void endpoint.handle(request, response));
  server.maxConnections = limits.connectionsMax;
  const { openConsole, onBug } = options;
  if (openConsole !== undefined) {
    server.on("upgrade", (request, socket, head) => void serveConsole(request, socket, head, clientOf(request), { openConsole, onBug }));
  }
  const sockets = trackSockets(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.listen, resolve);
  });
  const others = new Set<() => void>();
  const close = () => {
    for (const stop of others) stop();
    return closeServer(server, sockets);
  };
  const serveOn = (fd: number): (() => void) => {
    const stop = acceptFor(server, { fd, isFull: () => sockets.size >= limits.connectionsMax, onBug });
    others.add(stop);
    return () => {
      others.delete(stop);
      stop();
    };
  };
  const serveWith: SdkServer["serveWith"] = (tls) => server.setSecureContext(secureContextOf(tls));
  return { port: (server.address() as AddressInfo).port, serveWith, serveOn, close, [Symbol.asyncDispose]: close };
}

interface OtherSocket {
  readonly fd: number;
  readonly isFull: () => boolean;
  readonly onBug: (error: unknown) => void;
}

/** Whoever connects there is served as on the server's own socket. */
function acceptFor(server: Server, { fd, isFull, onBug }: OtherSocket): () => void {
  const door = createDoor((socket) => {
    if (isFull()) socket.destroy();
    else server.emit("connection", socket);
  });
  door.on("error", onBug);
  door.listen({ fd });
  return () => void door.close();
}

function secureContextOf({ key, cert }: SdkServerOptions["tls"]): SecureContextOptions {
  return { key, cert, minVersion: "TLSv1.2" };
}

/** Connections that have not finished their handshake are not among those that the server itself can end. */
function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}

class Endpoint {
  readonly #handlers: SdkHandlers;
  readonly #limits: SdkLimits;
  readonly #documents: Documents;
  readonly #folder: FolderDoor | undefined;
  readonly #guestFile: GuestFileDoor | undefined;
  readonly #nfc: NfcDoor | undefined;
  readonly #screen: ScreenDoor | undefined;
  readonly #openDownload: OpenDownload | undefined;
  readonly #budget = new BodyBudget();
  #calls = 0;

  constructor(
    handlers: SdkHandlers,
    limits: SdkLimits,
    doors: { readonly documents: Documents } & Pick<SdkServerOptions, "folder" | "guestFile" | "nfc" | "screen" | "openDownload">,
  ) {
    this.#handlers = handlers;
    this.#limits = limits;
    this.#documents = doors.documents;
    this.#folder = doors.folder;
    this.#guestFile = doors.guestFile;
    this.#nfc = doors.nfc;
    this.#screen = doors.screen;
    this.#openDownload = doors.openDownload;
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
    const document = this.#documents.find(path);
    if (document !== undefined) {
      if (!isRead(request)) return refuseWrite(response);
      response.setTimeout(this.#limits.sendTimeoutMs, () => request.socket.destroy());
      const acceptEncoding = request.headers["accept-encoding"]?.toString();
      return await sendDocument(response, document, { acceptEncoding, head: request.method === "HEAD" });
    }
    if (path.startsWith(JSON_API_ROOT)) return await this.#json(request, response, path);
    const fileDoor = this.#fileDoorOf(path);
    if (fileDoor !== undefined) {
      const { clientAddress: address, userAgent } = clientOf(request);
      return await fileDoor({ request, response, client: { address, userAgent } });
    }
    if (this.#screen !== undefined && path === SCREEN_PATH) {
      const { clientAddress: address, userAgent } = clientOf(request);
      return await this.#screen(request, response, { address, userAgent });
    }
    if (this.#openDownload !== undefined && path.startsWith(DOWNLOADS_ROOT)) {
      if (!isRead(request)) return refuseWrite(response);
      response.setTimeout(this.#limits.sendTimeoutMs, () => request.socket.destroy());
      return await serveDownload({ request, response, path, client: clientOf(request) }, this.#openDownload);
    }
    sendText(response, 404, "There is nothing here. The vSphere API is at /sdk.", {});
  }

  #fileDoorOf(path: string): FolderDoor | undefined {
    if (isFolderUrl(path)) return this.#folder;
    if (path === GUEST_FILE_PATH) return this.#guestFile;
    return path.startsWith(NFC_ROOT) ? this.#nfc : undefined;
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
      response.setTimeout(this.#limits.sendTimeoutMs, () => request.socket.destroy());
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

function clientOf(request: IncomingMessage): { readonly clientAddress: string; readonly userAgent: string } {
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
