/**
 * The host's HTTPS endpoint of the vSphere API: /sdk for SOAP, /sdk/vim25/… for VI/JSON.
 * Hostile clients reach it before anybody logs in, so time, connections, bodies and calls each have a bound. A call may take long
 * (clients wait for updates in it); sending the request and taking the answer may not.
 * Source: the vSphere Web Services API on the wire; paper «Network Access to Administrative Interfaces».
 */
import { createServer, type Server } from "node:https";
import { type AddressInfo, createServer as createDoor, type Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import type { PerformedType } from "../../hostd/index.ts";
import { type ConsoleHandlers, serveConsole } from "../console/console-socket.ts";
import { Documents } from "../json/documents.ts";
import type { SdkHandlers } from "./answer.ts";
import { clientOf, type Doors, Endpoint, type SdkLimits } from "./endpoint.ts";

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

export interface SdkServerOptions extends SdkHandlers, Omit<Doors, "documents"> {
  /** An open listening socket, or where to open one; port 0 takes a free one. */
  readonly listen: { readonly fd: number } | { readonly host: string; readonly port: number };
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
  readonly limits?: Partial<SdkLimits>;
  /** Opens the console of a VM for a viewer; without it, no WebSocket is served. */
  readonly openConsole?: ConsoleHandlers["openConsole"];
  /** What the documents say that the host performs. */
  readonly performed?: readonly PerformedType[];
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
