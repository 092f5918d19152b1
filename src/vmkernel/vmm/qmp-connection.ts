/**
 * A conversation with one running monitor over its QMP socket. One at a time: the socket serves a single client.
 * Everything that arrives is hostile input, for a guest may have broken out into its monitor: lines and waits are bounded.
 */
import { connect, type OnReadOpts, type Socket } from "node:net";
import { defer, messageOf } from "../../base/index.ts";
import { decodeQmpMessage, encodeQmpCommand, LineSplitter, QMP_LINE_BYTES_MAX, type QmpMessage } from "../../wire/index.ts";

/** QEMU refused a command. */
export class QmpError extends Error {
  override readonly name = "QmpError";
  /** GenericError, CommandNotFound, DeviceNotFound … */
  readonly errorClass: string;

  constructor(errorClass: string, message: string) {
    super(message);
    this.errorClass = errorClass;
  }
}

/** The monitor is gone, or says nothing any more. */
export class MonitorSilent extends Error {
  override readonly name = "MonitorSilent";
}

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** What all conversations read into, one at a time: what was read has been copied out of it when the next is read. */
const received = Buffer.alloc(64 * 1024);

/** A command that takes longer has hung: the slowest that is answered at once (query-pci of every device) takes milliseconds. */
const COMMAND_TIMEOUT_MS = 10_000;

export class QmpConnection {
  readonly #socket: Socket;
  readonly #lines = new LineSplitter(QMP_LINE_BYTES_MAX);
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #greeted = defer<void>();
  readonly #closed = defer<void>();
  #lastId = 0;

  private constructor(path: string, onEvent: (event: QmpEvent) => void) {
    const callback = (length: number): boolean => this.#receive(received.subarray(0, length));
    const onread = { buffer: received, callback } satisfies OnReadOpts;
    const socket = connect({ path, onread });
    this.#socket = socket;
    this.#onEvent = onEvent;
    // Whoever awaits these sees the failure; when nobody does, it is no crash.
    this.#greeted.promise.catch(() => {});
    socket.on("error", (error) => this.#end(error.message));
    socket.on("close", () => this.#end("the monitor closed the connection"));
  }

  /**
   * Connects and agrees on the protocol.
   * @param path the unix socket that the monitor inherited
   * @param onEvent is told of every event, from the first on
   * @throws {MonitorSilent} when there is no greeting within `timeoutMs`
   */
  static async open(path: string, onEvent: (event: QmpEvent) => void, timeoutMs: number): Promise<QmpConnection> {
    const connection = new QmpConnection(path, onEvent);
    const timer = setTimeout(() => connection.#end(`no greeting within ${timeoutMs} ms`), timeoutMs);
    try {
      await connection.#greeted.promise;
      await connection.execute("qmp_capabilities");
      return connection;
    } catch (cause) {
      connection.close();
      throw new MonitorSilent(`talking to the monitor at ${path}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when the connection has ended, for whatever reason. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** For passing a descriptor beside a command: see {@link executeBy}. */
  get socket(): Socket {
    return this.#socket;
  }

  /**
   * @throws {QmpError} when QEMU refuses
   * @throws {MonitorSilent} when it does not answer, or goes away
   */
  execute(command: string, args?: object): Promise<unknown> {
    const { id, line, answer } = this.#prepare(command, args);
    if (this.#waiting.has(id)) this.#socket.write(line);
    return answer;
  }

  /** As {@link execute}, but `send` puts the line on the wire: together with a descriptor, which a stream cannot do. */
  executeBy(send: (line: string) => void, command: string, args?: object): Promise<unknown> {
    const { id, line, answer } = this.#prepare(command, args);
    if (!this.#waiting.has(id)) return answer;
    try {
      send(line);
    } catch (error) {
      this.#settle(id)?.reject(new MonitorSilent(`sending ${command}`, { cause: error }));
    }
    return answer;
  }

  close(): void {
    this.#end("closed");
  }

  #prepare(command: string, args: object | undefined): { readonly id: number; readonly line: string; readonly answer: Promise<unknown> } {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#socket.destroyed) {
        reject(new MonitorSilent(`${command}: the connection is closed`));
        return;
      }
      const silent = () => this.#settle(id)?.reject(new MonitorSilent(`${command}: no answer within ${COMMAND_TIMEOUT_MS} ms`));
      this.#waiting.set(id, { command, resolve, reject, timer: setTimeout(silent, COMMAND_TIMEOUT_MS) });
    });
    return { id, line: encodeQmpCommand({ id, execute: command, ...(args && { arguments: args }) }), answer };
  }

  /** @returns whether there may come more */
  #receive(chunk: Buffer): boolean {
    try {
      for (const line of this.#lines.push(chunk)) this.#take(decodeQmpMessage(line));
    } catch (error) {
      this.#end(messageOf(error));
    }
    return !this.#socket.destroyed;
  }

  #take(message: QmpMessage): void {
    switch (message.kind) {
      case "greeting":
        this.#greeted.resolve();
        return;
      case "event":
        this.#onEvent({ name: message.name, data: message.data });
        return;
      case "return":
        this.#settle(message.id)?.resolve(message.value);
        return;
      case "error": {
        const waiting = this.#settle(message.id);
        waiting?.reject(new QmpError(message.errorClass, `${waiting.command}: ${message.description}`));
        return;
      }
      default:
        message satisfies never;
    }
  }

  #settle(id: number | undefined): Waiting | undefined {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || waiting === undefined) return undefined;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }

  #end(why: string): void {
    this.#socket.destroy();
    this.#greeted.reject(new MonitorSilent(why));
    for (const id of [...this.#waiting.keys()]) {
      const waiting = this.#settle(id);
      waiting?.reject(new MonitorSilent(`${waiting.command}: ${why}`));
    }
    this.#closed.resolve();
  }
}
