/**
 * The programs that run in one guest at a client's wish, through the guest's agent. What answers is in the guest: every answer is
 * bounded, every wait has its end, and what is remembered has a number.
 * Source: qga/qapi-schema.json «guest-exec», «guest-exec-status»; vim25 GuestProcessInfo.endTime («five minutes»).
 */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Fault, messageOf } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { GuestProgram, GuestRun, GuestStart } from "../rpc.ts";
import { AgentError } from "./guest-agent.ts";
import {
  type ExecStatus,
  type GuestExec,
  type GuestLogin,
  parseAdmission,
  parseEnd,
  parseExecAnswer,
  parseExecStatus,
  parseReport,
  planAwaitReport,
  planKill,
  planRun,
  planStart,
} from "./guest-login.ts";

/** What a script may write at most: it fits into a line of the agent's, as base64. */
const OUTPUT_LENGTH_MAX = 768 * 1024;
/** A deed on files takes milliseconds, seconds in a guest that is translated on a busy host. */
const RUN_TIMEOUT_MS = 60_000;
const POLL_MS = { first: 20, last: 500 };
/** At a time, in one guest: each is some processes of the guest's. */
const RUNS_MAX = 16;
/** Started, and not yet forgotten. */
const PROGRAMS_MAX = 128;
/** As VMware's tools keep them. */
const KEPT_AFTER_END_MS = 5 * 60_000;

/** Puts one command to the agent. @throws {AgentError} */
export type AskAgent = (command: string, args: object) => Promise<unknown>;

export interface GuestProgramsParts {
  readonly ask: AskAgent;
  readonly now: () => number;
  readonly runTimeoutMs?: number;
}

interface Started extends GuestProgram {
  /** What the agent calls it. */
  readonly agentPid: number;
  /** By our clock, when it was seen to have ended. */
  endSeenAtMs?: number;
}

export class GuestPrograms {
  readonly #ask: AskAgent;
  readonly #now: () => number;
  readonly #runTimeoutMs: number;
  #programs: Started[] = [];
  #running = 0;
  #starting = 0;

  constructor({ ask, now, runTimeoutMs = RUN_TIMEOUT_MS }: GuestProgramsParts) {
    this.#ask = ask;
    this.#now = now;
    this.#runTimeoutMs = runTimeoutMs;
  }

  /** @throws {Fault} InvalidGuestLogin, GuestOperationsUnavailable … */
  run(login: GuestLogin, script: string): Promise<GuestRun> {
    return this.#counted(async () => {
      const { exitCode, output } = await this.#execute(planRun(login, script));
      return { exitCode, output: requireAdmission(output, login).toString("base64") };
    });
  }

  /** @throws {Fault} InvalidGuestLogin, GuestOperationsUnavailable … */
  start(login: GuestLogin, script: string, commandLine: string): Promise<GuestStart> {
    return this.#counted(async () => {
      this.#forgetOld();
      if (this.#programs.length + this.#starting >= PROGRAMS_MAX) throw tooMany();
      this.#starting += 1;
      try {
        return await this.#start(login, script, commandLine);
      } finally {
        this.#starting -= 1;
      }
    });
  }

  /** Those that run and those that ended within the last minutes. */
  async list(): Promise<readonly GuestProgram[]> {
    await this.collect();
    return this.#programs.map(({ agentPid: _, endSeenAtMs: __, ...program }) => program);
  }

  /** Asks after those that ran when last seen: the agent keeps an exit code until it is fetched. */
  async collect(): Promise<void> {
    this.#forgetOld();
    for (const program of this.#programs.filter(({ end }) => end === undefined)) await this.#collectOne(program);
  }

  /** The guest or its agent started anew: what was started is gone, or nobody can tell any more. */
  forget(): void {
    this.#programs = [];
  }

  async #start(login: GuestLogin, script: string, commandLine: string): Promise<GuestStart> {
    const report = `/tmp/.bulkhead-${randomBytes(16).toString("hex")}`;
    const agentPid = await this.#begin(planStart(login, script, report));
    const said = parseReport((await this.#execute(planAwaitReport(report, agentPid))).output);
    if (said?.kind !== "started") {
      const { output } = await this.#await(agentPid);
      requireAdmission(output, login);
      // Admitted by its password, and refused by `su`: an account that has expired, or that may not be used now.
      if (said === undefined) throw invalidLogin(login);
      return said;
    }
    const { pid, atMs } = said;
    this.#programs.push({ agentPid, pid, user: login.user, commandLine, startedAtMs: atMs });
    return { kind: "started", pid };
  }

  async #collectOne(program: Started): Promise<void> {
    let status: ExecStatus;
    try {
      status = parseExecStatus(await this.#askChecked("guest-exec-status", { pid: program.agentPid }), OUTPUT_LENGTH_MAX);
    } catch (error) {
      if (error instanceof Fault && hasForgotten(error)) this.#programs = this.#programs.filter((other) => other !== program);
      return; // else it is asked again next time
    }
    if (status.kind === "running") return;
    const endedAtMs = parseEnd(status.output) ?? this.#now();
    const index = this.#programs.indexOf(program);
    if (index >= 0) this.#programs[index] = { ...program, end: { atMs: endedAtMs, exitCode: status.exitCode }, endSeenAtMs: this.#now() };
  }

  #forgetOld(): void {
    const now = this.#now();
    this.#programs = this.#programs.filter(({ endSeenAtMs = now }) => now - endSeenAtMs < KEPT_AFTER_END_MS);
  }

  async #counted<T>(deed: () => Promise<T>): Promise<T> {
    if (this.#running >= RUNS_MAX) throw tooMany();
    this.#running += 1;
    try {
      return await deed();
    } finally {
      this.#running -= 1;
    }
  }

  async #execute(exec: GuestExec): Promise<Extract<ExecStatus, { kind: "ended" }>> {
    return this.#await(await this.#begin(exec));
  }

  async #begin(exec: GuestExec): Promise<number> {
    return parsed(() => this.#askChecked("guest-exec", exec), parseExecAnswer);
  }

  async #await(pid: number): Promise<Extract<ExecStatus, { kind: "ended" }>> {
    let waitMs = POLL_MS.first;
    for (const deadline = this.#now() + this.#runTimeoutMs; this.#now() < deadline; ) {
      const status = await parsed(
        () => this.#askChecked("guest-exec-status", { pid }),
        (answer) => parseExecStatus(answer, OUTPUT_LENGTH_MAX),
      );
      if (status.kind === "ended") return status;
      await delay(waitMs);
      waitMs = Math.min(waitMs * 2, POLL_MS.last);
    }
    await this.#ask("guest-exec", planKill(pid)).catch(() => {}); // the caller is told of the timeout, which is what matters to it
    throw fault("Timedout", `What was to be done in the guest took longer than ${this.#runTimeoutMs / 1000} s and was given up.`, {});
  }

  async #askChecked(command: string, args: object): Promise<unknown> {
    try {
      return await this.#ask(command, args);
    } catch (error) {
      throw asFault(error, command);
    }
  }
}

function requireAdmission(output: Buffer, login: GuestLogin): Buffer {
  const admission = parseAdmission(output);
  switch (admission.kind) {
    case "admitted":
      return admission.output;
    case "refused":
      throw invalidLogin(login);
    case "unable":
      throw fault("OperationNotSupportedByGuest", "The guest has neither PAM's unix_chkpwd nor busybox to check a password by.", {});
    default:
      return admission satisfies never;
  }
}

function invalidLogin({ user }: GuestLogin): Fault {
  return fault("InvalidGuestLogin", `Failed to authenticate ${user} with the guest operating system using the supplied credentials.`, {});
}

function tooMany(): Fault {
  return fault("TooManyGuestLogons", `The guest is running as many programs for clients as the host allows.`, {});
}

async function parsed<T>(ask: () => Promise<unknown>, parse: (answer: unknown) => T): Promise<T> {
  const answer = await ask();
  try {
    return parse(answer);
  } catch (cause) {
    throw unavailable(`The guest's agent answered with nonsense: ${messageOf(cause)}`, cause);
  }
}

function asFault(error: unknown, command: string): Fault {
  if (error instanceof Fault) return error;
  if (!(error instanceof AgentError) || error.refusal === undefined) return unavailable("The guest's agent does not answer.", error);
  if (error.refusal === "CommandNotFound")
    return fault("OperationDisabledByGuest", `The guest's agent does not allow ${command}.`, {}, { cause: error });
  if (command === "guest-exec")
    return fault("OperationNotSupportedByGuest", "The guest has no /bin/sh that could be run.", {}, { cause: error });
  return unavailable("The guest's agent has forgotten what it was running.", error);
}

/** The agent is there and knows nothing of it: nobody will ever say how it ended. */
function hasForgotten({ cause }: Fault): boolean {
  return cause instanceof AgentError && cause.refusal !== undefined;
}

function unavailable(message: string, cause?: unknown): Fault {
  return fault("GuestOperationsUnavailable", message, {}, { cause });
}
