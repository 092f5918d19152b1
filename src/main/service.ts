/**
 * A process that is to run as long as the host does: started, waited for until it says that it is ready, started again when it dies.
 * Paper «Host Agent»: guests run on meanwhile, for they are nobody's children.
 */
import { messageOf, SystemError, within } from "../base/index.ts";
import { type ConfinedProcess, descendants, findProcess, findProgram, type OutputListener, terminate } from "../system/index.ts";

export interface ServiceParts<Ready> {
  readonly name: string;
  /** The file that it executes, beneath whatever sandbox surrounds it. */
  readonly program: string;
  readonly launch: (output: OutputListener) => Promise<ConfinedProcess>;
  /** Reads the JSON line on its standard output that says that it is ready (untrusted). @returns undefined when it is another line */
  readonly readReady: (line: string) => Ready | undefined;
  readonly log: (line: string) => void;
  /** Everything else that it says on its standard output (untrusted). */
  readonly onLine?: (line: string) => void;
  /** It died, or is up again: what is known of it has changed. */
  readonly onChange: () => void;
}

const READY_MS = 60_000; // vmkernel's self-test of the accelerator, hostd's key: seconds even on a machine that is overloaded
const RESTART_MS = { first: 100, last: 10_000 };
const LAST_LINES = 5;
const LAST_WORDS_MS = 50; // what it wrote may reach us after the news of its end

/**
 * How long to wait before it is started again. Pure.
 * @param failures how often in a row it ended before it was ready
 */
export function planRestart(failures: number): number {
  return Math.min(RESTART_MS.first * 2 ** failures, RESTART_MS.last);
}

export class Service<Ready> {
  readonly #parts: ServiceParts<Ready>;
  #process: ConfinedProcess | undefined;
  #pid: number | undefined;
  #stopping = false;
  #wake: () => void = () => {};
  readonly #listeners = new Set<(line: string) => void>();

  private constructor(parts: ServiceParts<Ready>) {
    this.#parts = parts;
  }

  /** @throws {SystemError} with its last words when it ends before it is ready; then it is not started again */
  static async start<Ready>(parts: ServiceParts<Ready>): Promise<{ service: Service<Ready>; ready: Ready }> {
    const service = new Service(parts);
    const ready = await service.#launch();
    void service.#keepRunning();
    return { service, ready };
  }

  /** Undefined while it is not up. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** It may end from now on and is not started again. */
  letEnd(): void {
    this.#stopping = true;
    this.#wake();
  }

  /** Says a line to it, where it runs. */
  tell(line: string): void {
    this.#process?.tell(line);
  }

  /**
   * Waits for a line on its standard output (untrusted).
   * @param read returns undefined for another line
   * @returns undefined when it ends before, or does not run
   */
  async hear<T>(read: (line: string) => T | undefined): Promise<T | undefined> {
    if (this.#process === undefined) return undefined;
    let listener: (line: string) => void = () => {};
    const heard = new Promise<T>((resolve) => {
      listener = (line) => {
        const found = read(line);
        if (found !== undefined) resolve(found);
      };
      this.#listeners.add(listener);
    });
    try {
      return await Promise.race([heard, this.#process.ended.then(() => undefined)]);
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Closes its lifeline, and ends it by force when it takes longer than `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.letEnd();
    const process = this.#process;
    if (process === undefined) return;
    process.letGo();
    if (await endsWithin(process, graceMs)) return;
    await endTree(process);
  }

  /** Waits until it has ended by itself. @returns whether it did */
  async hasEnded(timeoutMs: number): Promise<boolean> {
    return this.#process === undefined || endsWithin(this.#process, timeoutMs);
  }

  async #keepRunning(): Promise<void> {
    for (let failures = 0; ; ) {
      await this.#process?.ended;
      this.#forget();
      if (this.#stopping) return;
      const delayMs = planRestart(failures);
      this.#parts.log(`${this.#parts.name} ended; starting it again in ${delayMs} ms`);
      await this.#pause(delayMs);
      if (this.#stopping) return;
      try {
        await this.#launch();
        failures = 0;
      } catch (error) {
        failures += 1;
        this.#parts.log(messageOf(error));
      }
    }
  }

  /** @returns what it said when it was ready */
  async #launch(): Promise<Ready> {
    const { name, program, launch, readReady, log, onLine, onChange } = this.#parts;
    const lastWords: string[] = [];
    let hear: (ready: Ready) => void;
    const ready = new Promise<Ready>((resolve) => {
      hear = resolve;
    });
    const process = await launch((line, from) => {
      const said = from === "stdout" ? readReady(line) : undefined;
      if (said !== undefined) return hear(said);
      if (from === "stdout") {
        onLine?.(line);
        for (const listener of this.#listeners) listener(line);
      }
      lastWords.splice(0, lastWords.length - LAST_LINES + 1);
      lastWords.push(line);
      log(line);
    });
    this.#process = process;
    if (this.#stopping) process.letGo();
    const first = Promise.race([ready.then((said) => ({ ready: said })), process.ended.then(() => true as const)]);
    const outcome = await within(READY_MS, first, false);
    if (typeof outcome === "boolean") {
      await endTree(process);
      await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
      this.#forget();
      const because = outcome ? "ended before it was ready" : `was not ready within ${READY_MS / 1000} s`;
      throw new SystemError([`${name} ${because}`, ...lastWords].join("\n  "));
    }
    this.#pid = findProgram(process.pid, program)?.pid;
    onChange();
    return outcome.ready;
  }

  #forget(): void {
    this.#process = undefined;
    this.#pid = undefined;
    this.#parts.onChange();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function endsWithin(process: ConfinedProcess, timeoutMs: number): Promise<boolean> {
  return within(
    timeoutMs,
    process.ended.then(() => true),
    false,
  );
}

/** The process and everything beneath it. */
async function endTree(process: ConfinedProcess): Promise<void> {
  await terminate(
    descendants(process.pid).flatMap((pid) => findProcess(pid) ?? []),
    0,
  );
  await process.ended;
}
