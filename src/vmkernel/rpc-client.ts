/**
 * What hostd, the command line and evidence speak to vmkernel with. It survives vmkernel: when the connection breaks, it connects
 * again by itself. A question that was on its way then is asked again; a deed rejects with {@link ConnectionLost}: whether it was
 * carried out is not known, and the caller asks for the truth.
 */
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Fault, messageOf } from "../base/index.ts";
import { LineSplitter } from "../wire/index.ts";
import type { Controls } from "./controls.ts";
import type { StreamRequest, VmkernelEvent, VmkernelRequest, VmkernelResults } from "./rpc.ts";
import { decodeMessage, encodeCancel, encodeRequest, RPC_LINE_BYTES_MAX } from "./rpc-wire.ts";
import { beginStream } from "./stream.ts";

/** The connection broke while a request was on its way, or did not come back in time for one to be sent. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
  /** False: vmkernel cannot have seen the request. True: it may have carried it out. */
  readonly wasSent: boolean;

  constructor(message: string, wasSent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.wasSent = wasSent;
  }
}

interface Waiting {
  readonly request: VmkernelRequest;
  /** It was on its way when the connection broke. Once: what vmkernel dies of is not to kill every one that follows. */
  readonly isAskedAgain?: true;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly controls: Partial<Controls>;
}

/** A request that has not been sent, because the connection is down. */
interface Held {
  readonly send: () => void;
  readonly timer: NodeJS.Timeout;
}

/** What can be asked twice: it changes nothing, or leaves what the first time would have left. */
const QUESTIONS: ReadonlySet<VmkernelRequest["kind"]> = new Set([
  ...([
    "describeHost",
    "describeMachine",
    "listHostNeighbours",
    "listDatastores",
    "readText",
    "listFolder",
    "describeDisk",
    "listMonitors",
  ] as const),
  ...([
    "inspectMonitor",
    "describeNetwork",
    "readNetworkState",
    "readFirewallState",
    "describeServices",
    "sampleLoad",
    "describeSharing",
  ] as const),
]);
const canBeRepeated = (request: VmkernelRequest): boolean =>
  QUESTIONS.has(request.kind) || (request.kind === "writeText" && request.mustBeNew !== true);

const RETRY_MS = { first: 50, last: 1000 };
/** vmkernel starts in under two seconds and adopts the running monitors before it listens. */
export const HOLD_MS = 15_000;

export class VmkernelClient {
  readonly #path: string;
  readonly #waiting = new Map<number, Waiting>();
  readonly #held = new Set<Held>();
  readonly #eventListeners = new Set<(event: VmkernelEvent) => void>();
  readonly #reconnectListeners = new Set<() => void>();
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS.first;
  #lastId = 0;
  #isClosed = false;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param waitMs how long to wait for a vmkernel that is just being started
   * @throws {ConnectionLost} when nothing listens at `path` by then
   */
  static async connect(path: string, waitMs = 0): Promise<VmkernelClient> {
    const client = new VmkernelClient(path);
    for (const deadline = Date.now() + waitMs; ; await delay(RETRY_MS.first)) {
      try {
        client.#use(await openSocket(path));
        return client;
      } catch (cause) {
        if (Date.now() >= deadline) throw new ConnectionLost(`connecting to vmkernel at ${path}`, false, { cause });
      }
    }
  }

  /**
   * @param controls an aborted signal asks vmkernel to end it; the answer is waited for all the same
   * @throws {Fault} as vmkernel answered it, by its vim25 name
   * @throws {ConnectionLost}
   */
  request<R extends VmkernelRequest>(request: R, controls: Partial<Controls> = {}): Promise<VmkernelResults[R["kind"]]> {
    return new Promise<unknown>((resolve, reject) => {
      const waiting: Waiting = { request, resolve, reject, controls };
      if (this.#isClosed) reject(new ConnectionLost(`${request.kind}: the client is closed`, false));
      else if (this.#socket !== undefined) this.#send(this.#socket, waiting);
      else this.#hold(waiting);
      // vmkernel answers each kind with its own result: VmkernelResults is the contract of both sides.
    }) as Promise<VmkernelResults[R["kind"]]>;
  }

  /**
   * Opens a connection of its own for the stream; whoever gets it ends it.
   * @throws {Fault} as vmkernel answered it, by its vim25 name
   * @throws {ConnectionLost} when vmkernel is away, or went away before the stream began
   */
  async openStream(request: StreamRequest): Promise<Socket> {
    let socket: Socket | undefined;
    try {
      socket = await openSocket(this.#path);
      socket.on("error", () => {}); // "close" follows, and says all that a caller needs
      await beginStream(socket, request);
      return socket;
    } catch (cause) {
      socket?.destroy();
      if (cause instanceof Fault) throw cause;
      throw new ConnectionLost(`${request.kind}: no stream from vmkernel`, socket !== undefined, { cause });
    }
  }

  /** @returns how to stop listening */
  onEvent(listener: (event: VmkernelEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  /** Events were missed in between: whoever keeps a copy of the state reads it again. @returns how to stop listening */
  onReconnect(listener: () => void): () => void {
    this.#reconnectListeners.add(listener);
    return () => this.#reconnectListeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
    for (const held of [...this.#held]) this.#release(held);
  }

  #send(socket: Socket, waiting: Waiting): void {
    this.#lastId += 1;
    this.#waiting.set(this.#lastId, waiting);
    const id = this.#lastId;
    socket.write(encodeRequest(id, waiting.request));
    const cancel = () => {
      if (this.#waiting.get(id) === waiting) socket.write(encodeCancel(id));
    };
    if (waiting.controls.signal?.aborted === true) cancel();
    else waiting.controls.signal?.addEventListener("abort", cancel, { once: true });
  }

  #hold(waiting: Waiting): void {
    const { kind } = waiting.request;
    const give = () => {
      this.#held.delete(held);
      waiting.reject(new ConnectionLost(`${kind}: vmkernel did not come back within ${HOLD_MS} ms`, false));
    };
    const send = () => {
      if (this.#socket !== undefined) this.#send(this.#socket, waiting);
      else waiting.reject(new ConnectionLost(`${kind}: the client is closed`, false));
    };
    const held: Held = { send, timer: setTimeout(give, HOLD_MS) };
    this.#held.add(held);
  }

  #release(held: Held): void {
    clearTimeout(held.timer);
    this.#held.delete(held);
    held.send();
  }

  #use(socket: Socket): void {
    const lines = new LineSplitter(RPC_LINE_BYTES_MAX);
    this.#socket = socket;
    this.#retryMs = RETRY_MS.first;
    socket.on("data", (chunk) => {
      try {
        for (const line of lines.push(chunk)) this.#take(line);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(messageOf(error)));
      }
    });
    socket.on("error", () => {}); // "close" follows, and says all that a caller needs
    socket.on("close", () => this.#lose());
  }

  #take(line: string): void {
    const message = decodeMessage(line);
    if (message.kind === "event") {
      for (const listener of this.#eventListeners) listener(message.event);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (message.kind === "progress") {
      waiting?.controls.report?.(message.percent);
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === "result") waiting?.resolve(message.result);
    else waiting?.reject(message.fault);
  }

  #lose(): void {
    this.#socket = undefined;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of lost) {
      const { request, reject, isAskedAgain } = waiting;
      if (!this.#isClosed && isAskedAgain !== true && canBeRepeated(request)) this.#hold({ ...waiting, isAskedAgain: true });
      else reject(new ConnectionLost(`${request.kind}: the connection to vmkernel broke`, true));
    }
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => void this.#reconnect(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.last);
  }

  async #reconnect(): Promise<void> {
    let socket: Socket;
    try {
      socket = await openSocket(this.#path);
    } catch {
      this.#retryLater(); // not there yet
      return;
    }
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    this.#use(socket);
    for (const listener of this.#reconnectListeners) listener();
    for (const held of [...this.#held]) this.#release(held);
  }
}

function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
