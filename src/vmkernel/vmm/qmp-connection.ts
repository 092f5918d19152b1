/**
 * A conversation with one running monitor over its QMP socket. One at a time: the socket serves a single client.
 * Everything that arrives is hostile input, for a guest may have broken out into its monitor: lines and waits are bounded.
 */
import { connect, type OnReadOpts, type Socket } from "node:net";
import { defer, messageOf } from "../../base/index.ts";
import {
  decodeQmpMessage,
  encodeQmpCommand,
  LineSplitter,
  QMP_LINE_BYTES_MAX,
  type QmpCommand,
  type QmpMessage,
} from "../../wire/index.ts";

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

/** The only command that has a number: each costs QEMU as much as a quarter of a short command, for it reads a byte at a time. */
const AGREEMENT = 0;

/** A command that takes longer has hung: the slowest that is answered at once (query-pci of every device) takes milliseconds. */
const COMMAND_TIMEOUT_MS = 10_000;

export class QmpConnection {
  readonly #socket: Socket;
  readonly #lines = new LineSplitter(QMP_LINE_BYTES_MAX);
  /** In the order in which they were sent. */
  readonly #waiting: Waiting[] = [];
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #greeted = defer<void>();
  readonly #closed = defer<void>();
  #isAgreed = false;

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
   * Connects and agrees on the protocol. Out-of-band commands are agreed on though none is sent: QEMU reads on while it carries a command
   * out, instead of stopping and starting, which takes it an eighth of the time of a short one.
   * @param path the unix socket that the monitor inherited
   * @param onEvent is told of every event, from the first on
   * @throws {MonitorSilent} when there is no greeting within `timeoutMs`
   */
  static async open(path: string, onEvent: (event: QmpEvent) => void, timeoutMs: number): Promise<QmpConnection> {
    const connection = new QmpConnection(path, onEvent);
    const timer = setTimeout(() => connection.#end(`no greeting within ${timeoutMs} ms`), timeoutMs);
    try {
      await connection.#greeted.promise;
      const agree = { execute: "qmp_capabilities", id: AGREEMENT, arguments: { enable: ["oob"] } };
      await connection.#ask((line) => connection.#socket.write(line), agree);
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
    return this.#ask((line) => this.#socket.write(line), { execute: command, arguments: args });
  }

  /** As {@link execute}, but `send` puts the line on the wire: together with a descriptor, which a stream cannot do. */
  executeBy(send: (line: string) => void, command: string, args?: object): Promise<unknown> {
    const sendInTurn = (line: string) => {
      if (this.#socket.writableLength > 0) throw new Error("it takes nothing just now");
      send(line);
    };
    return this.#ask(sendInTurn, { execute: command, arguments: args });
  }

  close(): void {
    this.#end("closed");
  }

  /** One whose time is over still waits for its turn: its answer may come late, and is none to the next. */
  #ask(send: (line: string) => void, command: QmpCommand): Promise<unknown> {
    const { execute } = command;
    if (this.#socket.destroyed) return Promise.reject(new MonitorSilent(`${execute}: the connection is closed`));
    try {
      send(encodeQmpCommand(command));
    } catch (cause) {
      return Promise.reject(new MonitorSilent(`sending ${execute}`, { cause }));
    }
    const { promise, resolve, reject } = defer<unknown>();
    const silent = () => reject(new MonitorSilent(`${execute}: no answer within ${COMMAND_TIMEOUT_MS} ms`));
    this.#waiting.push({ command: execute, resolve, reject, timer: setTimeout(silent, COMMAND_TIMEOUT_MS) });
    return promise;
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

  /** QEMU answers in order; what it answers before it has agreed was asked in an earlier conversation. */
  #settle(id: number | undefined): Waiting | undefined {
    this.#isAgreed ||= id === AGREEMENT;
    const waiting = this.#isAgreed ? this.#waiting.shift() : undefined;
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #end(why: string): void {
    this.#socket.destroy();
    this.#greeted.reject(new MonitorSilent(why));
    for (const { command, reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(new MonitorSilent(`${command}: ${why}`));
    }
    this.#closed.resolve();
  }
}
