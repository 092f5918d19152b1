/**
 * The QEMU guest agent of one VM, over the socket that its monitor inherited. What answers is inside the guest: hostile, slow,
 * restarted or not there at all. After any failure the conversation starts anew with a sync.
 * Source: QEMU docs/interop/qemu-ga, qga/qapi-schema.json «guest-sync-delimited».
 */
import { connect, type Socket } from "node:net";
import { assert, type Deferred, defer, messageOf, within } from "../../base/index.ts";
import { LineSplitter } from "../../wire/index.ts";
import type { GuestState } from "../rpc.ts";
import type { GuestNetworkFiles } from "./parse-guest-network.ts";
import { type GuestAnswers, parseGuestState, readsFiles } from "./parse-guest-state.ts";

/** The guest agent said no, something that is no answer, or nothing. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  /** Its class of error when it said no: CommandNotFound, GenericError …; undefined when it did not answer, or with nonsense. */
  readonly refusal: string | undefined;

  constructor(message: string, refusal?: string) {
    super(message);
    this.refusal = refusal;
  }
}

/** The longest that is asked for is a piece of a file, as base64 (guest-programs.ts). */
const LINE_BYTES_MAX = 1024 * 1024;
const ANSWER_TIMEOUT_MS = 3000;
/** A command with a piece of a file in it, to a guest that is translated on a busy host: it reads 4 KiB at a time. */
const LONG_ANSWER_TIMEOUT_MS = 30_000;
const SLOW_ANSWERS_KEPT_MS = 60_000;
/** A successful guest-shutdown is not answered; a refusal comes at once. */
const SHUTDOWN_REFUSAL_MS = 500;
/** Of a file that tells of its network: hundreds of routes. */
const TEXT_BYTES_MAX = 32 * 1024;
const FREEZE = "guest-fsfreeze-freeze";
const THAW = "guest-fsfreeze-thaw";
/** A guest that was slow to freeze is asked again, each time for as long as an answer may take; and after that when it answers again. */
const THAW_TRIES = 3;

export class GuestAgent {
  readonly #path: string;
  #conversation: Conversation | undefined;
  /** Questions are asked one after the other: answers carry no id. */
  #last: Promise<unknown> = Promise.resolve();
  /** What rarely changes, or changes a little all the time. */
  #slowAnswers: Pick<GuestAnswers, "info" | "fileSystems" | "networkFiles"> = { info: undefined, fileSystems: undefined };
  #slowAnswersAtMs = Number.NEGATIVE_INFINITY;
  #owesThaw: boolean;

  /** @param mayBeFrozen whoever spoke with the agent before may have had the guest freeze its file systems, and died over it */
  constructor(path: string, { mayBeFrozen = false }: { readonly mayBeFrozen?: boolean } = {}) {
    this.#path = path;
    this.#owesThaw = mayBeFrozen;
  }

  /** The guest may be frozen, and nobody else would let it go: that is the first thing that it is told once its agent answers. */
  get owesThaw(): boolean {
    return this.#owesThaw;
  }

  /** @throws {AgentError} */
  describeGuest(): Promise<Extract<GuestState, { tools: "running" }>> {
    return this.#inTurn(async (ask, conversation) => {
      const askIfKnown = (command: string) => ask(command).catch(() => undefined); // an old agent does not know all of them
      const hostName = await ask("guest-get-host-name");
      const osInfo = await askIfKnown("guest-get-osinfo");
      const now = performance.now();
      if (now - this.#slowAnswersAtMs > SLOW_ANSWERS_KEPT_MS) {
        const info = await askIfKnown("guest-info");
        const fileSystems = await askIfKnown("guest-get-fsinfo");
        this.#slowAnswers = { info, fileSystems, ...(readsFiles(info) && { networkFiles: await readNetworkFiles(conversation) }) };
        this.#slowAnswersAtMs = now;
      }
      return parseGuestState({ hostName, osInfo, ...this.#slowAnswers, interfaces: await ask("guest-network-get-interfaces") });
    });
  }

  /** Asks the guest to power itself off, or to start anew. @throws {AgentError} when it refuses or does not listen */
  shutdown(mode: "powerdown" | "reboot"): Promise<void> {
    return this.#inTurn(async (_, conversation) => {
      await conversation.tell("guest-shutdown", { mode }, SHUTDOWN_REFUSAL_MS);
    });
  }

  /**
   * Has the guest write out what it keeps for its disks: it freezes its file systems and lets them go again. A guest that can't freeze
   * them refuses, and has then answered. @throws {AgentError} when it does not answer
   */
  async flush(): Promise<void> {
    try {
      await this.#inTurn(async (_, conversation) => {
        for (const command of [FREEZE, THAW]) await conversation.ask(command, {}, LONG_ANSWER_TIMEOUT_MS).catch(exceptRefusal);
      });
    } catch (error) {
      await this.#thaw(); // it may freeze yet, and nobody else would let it go
      throw error;
    }
  }

  /** Does something while the guest's file systems are as they would be after an orderly end. @throws {AgentError} when it can't freeze them */
  async whileFrozen<T>(deed: () => Promise<T>): Promise<T> {
    try {
      await this.#inTurn((_, conversation) => conversation.ask(FREEZE, {}, LONG_ANSWER_TIMEOUT_MS));
      return await deed();
    } finally {
      await this.#thaw();
    }
  }

  async #thaw(): Promise<void> {
    for (let tries = 0; tries < THAW_TRIES; tries += 1) {
      const answered = await this.execute(THAW, {}).then(
        () => true,
        (error) => error instanceof AgentError && error.refusal !== undefined,
      );
      if (answered) return;
    }
    this.#owesThaw = true;
  }

  /** One command with whatever arguments. @throws {AgentError} */
  execute(command: string, args: object): Promise<unknown> {
    return this.#inTurn((_, conversation) =>
      conversation.ask(command, args, command === "guest-exec" ? LONG_ANSWER_TIMEOUT_MS : ANSWER_TIMEOUT_MS),
    );
  }

  close(): void {
    this.#slowAnswersAtMs = Number.NEGATIVE_INFINITY;
    this.#conversation?.end("closed");
    this.#conversation = undefined;
  }

  #inTurn<T>(deed: (ask: (command: string) => Promise<unknown>, conversation: Conversation) => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      if (this.#conversation === undefined || this.#conversation.hasEnded) this.#conversation = await Conversation.open(this.#path);
      const conversation = this.#conversation;
      if (this.#owesThaw) await conversation.ask(THAW).catch(exceptRefusal);
      this.#owesThaw = false;
      return deed((command) => conversation.ask(command), conversation);
    });
    this.#last = turn.catch(() => {}); // whoever asked is told; the next one starts anew
    return turn;
  }
}

async function readNetworkFiles(conversation: Conversation): Promise<GuestNetworkFiles> {
  return {
    routes: await readText(conversation, "/proc/net/route"),
    routes6: await readText(conversation, "/proc/net/ipv6_route"),
    resolver: await readText(conversation, "/etc/resolv.conf"),
  };
}

/** A file of the guest's, as far as it is read; undefined where there is none. */
async function readText(conversation: Conversation, path: string): Promise<string | undefined> {
  try {
    const handle = await conversation.ask("guest-file-open", { path, mode: "r" });
    try {
      const answer = await conversation.ask("guest-file-read", { handle, count: TEXT_BYTES_MAX });
      const base64 = typeof answer === "object" && answer !== null && "buf-b64" in answer ? String(answer["buf-b64"]) : "";
      return Buffer.from(base64, "base64").toString().slice(0, TEXT_BYTES_MAX);
    } finally {
      await conversation.ask("guest-file-close", { handle });
    }
  } catch (error) {
    exceptRefusal(error);
    return undefined;
  }
}

/** One connection, from its sync to the first thing that goes wrong. */
class Conversation {
  readonly #socket: Socket;
  readonly #lines = new LineSplitter(LINE_BYTES_MAX);
  #waiting: { readonly take: (line: string) => boolean; readonly answer: Deferred<unknown> } | undefined;
  #why: string | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.end(error.message));
    socket.on("close", () => this.end("the connection was closed"));
  }

  static async open(path: string): Promise<Conversation> {
    const conversation = new Conversation(connect(path));
    // Old answers may still be on their way: 0xff cuts what the agent was reading, and everything before this id's answer is thrown away.
    const id = Math.floor(performance.now() * 1000);
    conversation.#socket.write(Buffer.of(SYNC_BYTE));
    await conversation.#exchange(
      "guest-sync-delimited",
      { id },
      ANSWER_TIMEOUT_MS,
      (line) => parseAnswer(afterSyncByte(line))?.return === id,
    );
    return conversation;
  }

  get hasEnded(): boolean {
    return this.#why !== undefined;
  }

  /** A refusal leaves the conversation whole; silence ends it. */
  async ask(command: string, args?: object, timeoutMs = ANSWER_TIMEOUT_MS): Promise<unknown> {
    const line = await this.#exchange(command, args, timeoutMs, () => true);
    const answer = parseAnswer(line);
    if (answer === undefined) {
      this.end("not a JSON object");
      throw new AgentError(`${command}: the answer is not a JSON object`);
    }
    if (!Object.hasOwn(answer, "return")) throw new AgentError(`${command}: refused`, classOf(answer.error));
    return answer.return;
  }

  /** Sends a command that is answered only when it is refused. */
  async tell(command: string, args: object, refusalMs: number): Promise<void> {
    const isSilent = Symbol("silent");
    const answer = this.#exchange(command, args, ANSWER_TIMEOUT_MS, () => true).catch(() => isSilent);
    const line = await within(refusalMs, answer, isSilent);
    this.end(`${command} was sent`);
    if (line !== isSilent && !Object.hasOwn(parseAnswer(line) ?? {}, "return")) throw new AgentError(`${command}: refused`);
  }

  end(why: string): void {
    this.#why ??= why;
    this.#socket.destroy();
    this.#waiting?.answer.reject(new AgentError(why));
    this.#waiting = undefined;
  }

  async #exchange(command: string, args: object | undefined, timeoutMs: number, take: (line: string) => boolean): Promise<unknown> {
    assert(this.#waiting === undefined, "one question at a time");
    if (this.#why !== undefined) throw new AgentError(`${command}: ${this.#why}`);
    const answer = defer<unknown>();
    this.#waiting = { take, answer };
    const timer = setTimeout(() => this.end(`${command}: no answer within ${timeoutMs} ms`), timeoutMs);
    this.#socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }) })}\n`);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(chunk: Buffer): void {
    try {
      for (const line of this.#lines.push(chunk)) {
        const waiting = this.#waiting;
        if (waiting === undefined || !waiting.take(line)) continue; // an answer to nobody: from before the sync, or forged
        this.#waiting = undefined;
        waiting.answer.resolve(line);
      }
    } catch (error) {
      this.end(messageOf(error));
    }
  }
}

const SYNC_BYTE = 0xff;

/** The byte 0xff is no UTF-8, so it was read as U+FFFD. */
function afterSyncByte(line: string): string {
  return line.slice(line.lastIndexOf("\ufffd") + 1);
}

function exceptRefusal(error: unknown): void {
  if (!(error instanceof AgentError) || error.refusal === undefined) throw error;
}

function classOf(error: unknown): string {
  const name = typeof error === "object" && error !== null && "class" in error ? error.class : undefined;
  return name === "CommandNotFound" ? name : "GenericError"; // whatever else it says is the guest's text
}

function parseAnswer(line: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(String(line));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
