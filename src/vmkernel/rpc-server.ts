/**
 * vmkernel's door: a unix socket that root and hostd's user can reach, each known by what the kernel says of it.
 * What comes through it is hostile input all the same: bounded, parsed, and answered with a fault.
 */
import { existsSync, mkdirSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { messageOf, SystemError } from "../base/index.ts";
import { descriptorOf, listenUnix } from "../system/index.ts";
import { LineSplitter } from "../wire/index.ts";
import type { Controls } from "./controls.ts";
import { parseRequest, parseStreamRequest } from "./parse-request.ts";
import type { StreamOutcome } from "./perform-request.ts";
import type { StreamRequest, VmkernelEvent, VmkernelRequest } from "./rpc.ts";
import { refusePeer } from "./rpc-peer.ts";
import { decodeLine, encodeEvent, encodeFault, encodeProgress, encodeResult, RPC_LINE_BYTES_MAX } from "./rpc-wire.ts";

export interface RpcServerParts {
  readonly socket: string;
  /** Who owns the socket beside root: hostd's user and group; root's alone where there is none. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** `controls` are aborted when the asker cancels the request, or its connection ends. */
  readonly perform: (request: VmkernelRequest, controls: Controls) => Promise<unknown>;
  /** Begins a stream on the connection whose descriptor `connection` tells; that throws once it is closed. */
  readonly stream: (request: StreamRequest, connection: () => number) => Promise<StreamOutcome>;
  readonly log: (line: string) => void;
}

/** hostd, the command line, evidence, a few of each. */
const CONNECTIONS_MAX = 64;
/** Requests of one connection that are under way at once; past it, the connection is not read. */
const REQUESTS_MAX = 256;
/** Events that a client does not take: it is stuck, and would have them grow without end. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024;
/** Without any progress in taking a stream: hostd is stuck, and its bytes wait in our memory. */
const SEND_TIMEOUT_MS = 30_000;
const ROOT_UID = 0;
/** A client shows a bar; more often than this is only work. */
const PROGRESS_INTERVAL_MS = 200;

export class RpcServer {
  readonly #parts: RpcServerParts;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(parts: RpcServerParts) {
    this.#parts = parts;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Takes the place of a socket that an earlier vmkernel left: the caller has made sure that no other runs. */
  static async listen(parts: RpcServerParts): Promise<RpcServer> {
    // The folder's own mode is what keeps others out: hostd's sandbox shows it this folder and no other.
    mkdirSync(dirname(parts.socket), { recursive: true, mode: 0o755 });
    if (existsSync(parts.socket)) unlinkSync(parts.socket);
    const rpc = new RpcServer(parts);
    const fd = listenUnix(parts.socket, { mode: 0o660, uid: ROOT_UID, gid: parts.owner.gid });
    await new Promise<void>((resolve, reject) => {
      rpc.#server.once("error", reject);
      rpc.#server.listen({ fd }, resolve);
    });
    return rpc;
  }

  get hasListeners(): boolean {
    return this.#sockets.size > 0;
  }

  broadcast(event: VmkernelEvent): void {
    const line = encodeEvent(event);
    for (const socket of this.#sockets) {
      if (socket.writableLength > UNSENT_BYTES_MAX) socket.destroy();
      else socket.write(line);
    }
  }

  /** Takes no more requests and closes what is open. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.end();
    if (existsSync(this.#parts.socket)) unlinkSync(this.#parts.socket);
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {}); // "close" follows
    const refusal = refusePeer(socket, this.#parts.owner.uid);
    if (refusal !== undefined) {
      this.#parts.log(refusal);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const underWayById = new Map<number, AbortController>();
    socket.on("close", () => {
      this.#sockets.delete(socket);
      // Whoever asked is gone and will settle by its journal what it had begun: nothing may go on behind its back.
      for (const controller of underWayById.values()) controller.abort();
    });
    const lines = new LineSplitter(RPC_LINE_BYTES_MAX);
    let underWay = 0;
    const serve = async (line: string) => {
      underWay += 1;
      if (underWay >= REQUESTS_MAX) socket.pause();
      await this.#answer(socket, line, underWayById);
      underWay -= 1;
      if (underWay < REQUESTS_MAX) socket.resume();
    };
    socket.on("data", (chunk) => {
      try {
        for (const line of lines.push(chunk)) void serve(line);
      } catch (error) {
        this.#parts.log(`closing a connection: ${messageOf(error)}`);
        socket.destroy();
      }
    });
  }

  async #answer(socket: Socket, text: string, underWay: Map<number, AbortController>): Promise<void> {
    let id = 0;
    const controller = new AbortController();
    try {
      const line = decodeLine(text);
      if (line.kind === "cancel") {
        underWay.get(line.id)?.abort();
        return;
      }
      id = line.id;
      const stream = parseStreamRequest(line.request);
      if (stream !== undefined) return await this.#stream(socket, id, stream);
      underWay.set(id, controller);
      const controls = { signal: controller.signal, report: this.#reporter(socket, id) };
      this.#write(socket, encodeResult(id, (await this.#parts.perform(parseRequest(line.request), controls)) ?? null));
    } catch (error) {
      this.#write(socket, encodeFault(id, error));
    } finally {
      if (underWay.get(id) === controller) underWay.delete(id);
    }
  }

  /** The connection carries nothing else from now: no event, no answer to another request, and what its client sends is not read here. */
  async #stream(socket: Socket, id: number, request: StreamRequest): Promise<void> {
    this.#sockets.delete(socket);
    socket.pause();
    const connection = () => {
      const fd = descriptorOf(socket);
      if (fd === undefined || socket.writableLength > 0) throw new SystemError(`${request.kind}: its connection is not free`);
      return fd;
    };
    try {
      const outcome = await this.#parts.stream(request, connection);
      if (outcome.kind === "send") socket.setTimeout(SEND_TIMEOUT_MS, () => socket.destroy()).end(outcome.bytes);
      else socket.destroy(); // our copy of it
    } catch (error) {
      socket.end(encodeFault(id, error));
    }
  }

  /** Tells whole percents, and none twice. */
  #reporter(socket: Socket, id: number): (percent: number) => void {
    let last = { percent: 0, at: Number.NEGATIVE_INFINITY };
    return (percent) => {
      const now = { percent: Math.floor(Math.min(Math.max(percent, 0), 100)), at: performance.now() };
      if (now.percent <= last.percent || now.at - last.at < PROGRESS_INTERVAL_MS) return;
      last = now;
      this.#write(socket, encodeProgress(id, now.percent));
    };
  }

  #write(socket: Socket, line: string): void {
    if (this.#sockets.has(socket) && socket.writable) socket.write(line);
  }
}
