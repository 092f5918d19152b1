/**
 * `bulkhead top`: what the host and its VMs use. On a terminal it is a view that keeps itself up to date; where there is none, a table
 * is printed once; `--batch` writes comma-separated values. A client of the API like any other: it shows what its user may see.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SystemError } from "../base/index.ts";
import type { VimClient } from "../interfaces/index.ts";
import {
  type BatchColumn,
  batchColumns,
  DELAY_S,
  drawTable,
  firstState,
  formatBatchHeader,
  formatBatchLine,
  headLines,
  readSample,
  type TopSample,
  views,
} from "../interfaces/top/index.ts";
import { type ApiUser, logIn, logOut } from "./api-session.ts";
import { isTerminal, watchOnTerminal } from "./top-terminal.ts";

export interface TopOptions extends ApiUser {
  /** {@link DELAY_S}.usual where it is left out. */
  readonly delayS: number | undefined;
  readonly isBatch: boolean;
  /** How many samples are shown; until it is ended where that is left out. */
  readonly count: number | undefined;
}

/** @throws {SystemError} when there is no host to ask, or it does not let the user in */
export async function runTop({ delayS = DELAY_S.usual, ...given }: TopOptions): Promise<void> {
  if (delayS < DELAY_S.min || delayS > DELAY_S.max)
    throw new SystemError(`the delay is ${delayS} seconds, and they are from ${DELAY_S.min} to ${DELAY_S.max}`);
  const options: Wanted = { ...given, delayS };
  await using source = new SampleSource(options);
  await source.read(); // a wrong password is said before a screen is taken
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0); // who reads has enough
    throw error;
  });
  if (options.isBatch) await writeBatches(source, options);
  else if (isTerminal()) await watchOnTerminal(() => source.read(), options);
  else await printPlain(source, options);
}

interface Wanted extends TopOptions {
  readonly delayS: number;
}

/** Asks a host again and again. A session that was lost, as when hostd was started anew, is begun again at the next time. */
class SampleSource implements AsyncDisposable {
  readonly #user: ApiUser;
  #client: VimClient | undefined;

  constructor(user: ApiUser) {
    this.#user = user;
  }

  async read(): Promise<TopSample> {
    this.#client ??= await logIn(this.#user);
    try {
      return await readSample(this.#client);
    } catch (error) {
      this.#client.close();
      this.#client = undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client !== undefined) await logOut(this.#client);
  }
}

/** A line for each sample that is new: the host takes one each 20 seconds, and one is not told twice. */
async function writeBatches(source: SampleSource, { delayS, count = Number.POSITIVE_INFINITY }: Wanted): Promise<void> {
  let columns: readonly BatchColumn[] | undefined;
  let lastMs = 0;
  for (let written = 0; written < count; ) {
    const sample = await source.read();
    if (sample.takenAtMs > lastMs) {
      lastMs = sample.takenAtMs;
      written += 1;
      if (columns === undefined) {
        columns = batchColumns(sample);
        await print(formatBatchHeader(columns));
      }
      await print(formatBatchLine(columns, sample));
    }
    if (written < count) await sleep(delayS * 1000);
  }
}

/** More than a terminal is wide, since there is none: lines are not cut. */
const PLAIN = { columns: 160, rows: 10_000 };

async function printPlain(source: SampleSource, { delayS, count = 1 }: Wanted): Promise<void> {
  for (let printed = 0; printed < count; printed += 1) {
    if (printed > 0) await sleep(delayS * 1000);
    const sample = await source.read();
    const state = firstState(delayS);
    const tables = views.map(({ key }) => drawTable(sample, { ...state, view: key }, PLAIN));
    const lines = [
      ...headLines(sample, state, Date.now()),
      ...tables.filter(({ length }) => length > 1).flatMap((table) => [...table, ""]),
    ];
    await print(lines.map((line) => line.trimEnd()).join("\n"));
  }
}

function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve())));
}
