/** The conversation with a running monitor over QMP: taken up again when it breaks while the monitor lives. */
import { Fault } from "../../base/index.ts";
import { sendWithDescriptor } from "../../system/index.ts";
import { QmpConnection, type QmpEvent } from "./qmp-connection.ts";
import { type Expectation, expectEvent } from "./talk.ts";

/** A conversation that breaks is taken up again, this often. */
const RECONNECT_TRIES = 3;
const RECONNECT_TIMEOUT_MS = 5000;

interface ConversationParts {
  /** The monitor's socket. */
  readonly socket: string;
  /** Of the VM, for people. */
  readonly name: () => string;
  /** @param isExpected somebody waits for this one */
  readonly onEvent: (event: QmpEvent, isExpected: boolean) => void;
  /** Whether the monitor is gone, or goes within a while. */
  readonly hasExited: () => Promise<boolean>;
  /** What happened in between was told to nobody. */
  readonly onResumed: () => Promise<void>;
  /** It has ended for good: most likely because the monitor has. */
  readonly onLost: () => Promise<void>;
}

export class MonitorConversation {
  readonly #parts: ConversationParts;
  /** Who waits for an event, and whether this is the one. */
  readonly #expected = new Set<(event: QmpEvent) => boolean>();
  #qmp: QmpConnection | undefined;
  #isReleased = false;

  constructor(parts: ConversationParts) {
    this.#parts = parts;
  }

  /** @throws {MonitorSilent} */
  async open(timeoutMs: number): Promise<void> {
    const qmp = await QmpConnection.open(this.#parts.socket, (event) => this.#take(event), timeoutMs);
    this.#qmp = qmp;
    qmp.closed.then(() => this.#lose(qmp));
  }

  /** @throws {Fault} InvalidState while there is none */
  get qmp(): QmpConnection {
    if (this.#qmp !== undefined) return this.#qmp;
    throw new Fault("InvalidState", `The monitor of ${this.#parts.name()} does not answer.`);
  }

  /** Passes a copy of an open file beside a command. */
  executeWith(fd: number, command: string, args: object): Promise<unknown> {
    const { qmp } = this;
    return qmp.executeBy((line) => sendWithDescriptor(qmp.socket, line, fd), command, args);
  }

  /** It may go before it answers, or not be able to answer. */
  askToQuit(): void {
    this.#qmp?.execute("quit").catch(() => {});
  }

  /** Listens for an event from now on. */
  expect(is: (event: QmpEvent) => boolean): Expectation {
    return expectEvent(this.#expected, is);
  }

  /** Ends it, and the monitor goes on: it is not taken up again. */
  release(): void {
    this.#isReleased = true;
    this.close();
  }

  close(): void {
    this.#qmp?.close();
  }

  #take(event: QmpEvent): void {
    const isExpected = [...this.#expected].filter((take) => take(event)).length > 0;
    this.#parts.onEvent(event, isExpected);
  }

  async #lose(qmp: QmpConnection): Promise<void> {
    if (this.#isReleased || this.#qmp !== qmp) return;
    this.#qmp = undefined;
    const { hasExited, onResumed, onLost } = this.#parts;
    if (await hasExited()) return onLost();
    for (let tries = 0; tries < RECONNECT_TRIES; tries += 1) {
      try {
        await this.open(RECONNECT_TIMEOUT_MS);
        return await onResumed();
      } catch {
        if (await hasExited()) break;
      }
    }
    // What cannot be managed cannot be left running.
    await onLost();
  }
}
