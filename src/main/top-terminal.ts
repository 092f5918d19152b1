/**
 * The view of `bulkhead top` on a terminal: takes the screen, draws whenever something is new, and gives the screen back however it ends.
 * What is drawn and what keys do is pure (interfaces/top).
 */
import { defer, messageOf } from "../base/index.ts";
import { draw, firstState, parseKeys, press, type Screen, type TopSample, type TopState } from "../interfaces/top/index.ts";

/** Of a terminal that says nothing of its size, or says 0. */
const USUAL = { columns: 80, rows: 24 };
const ENTER = "\u001b[?1049h\u001b[?25l"; // its other screen, without a cursor
const LEAVE = "\u001b[?25h\u001b[?1049l";
const INVERSE = ["\u001b[7m", "\u001b[0m"] as const;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Whether there is one that both can be drawn on and typed at. */
export function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && (process.env.TERM ?? "dumb") !== "dumb";
}

export interface WatchOptions {
  readonly delayS: number;
  /** Ends by itself after so many samples. */
  readonly count: number | undefined;
}

export async function watchOnTerminal(read: () => Promise<TopSample>, options: WatchOptions): Promise<void> {
  const { stdin, stdout } = process;
  stdin.setRawMode(true);
  stdout.write(ENTER);
  try {
    await watch(read, options);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write(LEAVE);
  }
}

/** @returns when it is left, or has shown as many samples as it shall */
async function watch(read: () => Promise<TopSample>, { delayS, count = Number.POSITIVE_INFINITY }: WatchOptions): Promise<void> {
  const { stdin, stdout } = process;
  const left = defer<void>();
  let isLeft = false;
  const leave = (): void => {
    isLeft = true;
    left.resolve();
  };
  let state: TopState = firstState(delayS);
  let sample: TopSample | undefined;
  let shown = 0;
  let isAsking = false;
  let timer: NodeJS.Timeout | undefined;

  const redraw = (): void => {
    const size = { columns: stdout.columns || USUAL.columns, rows: stdout.rows || USUAL.rows };
    stdout.write(paint(draw(sample, state, size, Date.now())));
  };
  const ask = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    clearTimeout(timer);
    try {
      sample = await read();
      shown += 1;
      const { message: _, ...silent } = state;
      state = silent;
    } catch (error) {
      state = { ...state, message: `the host does not answer: ${messageOf(error)}` };
    }
    isAsking = false;
    if (isLeft) return; // the screen is given back already
    redraw();
    if (shown >= count) leave();
    else timer = setTimeout(ask, state.delayS * 1000);
  };
  const onKeys = (bytes: Buffer): void => {
    for (const key of parseKeys(bytes.toString("utf8"))) {
      const pressed = press(state, key);
      state = pressed.state;
      if (pressed.effect === "quit") leave();
      if (pressed.effect === "refresh") void ask();
    }
    if (!isLeft) redraw();
  };

  stdin.on("data", onKeys).on("end", leave);
  stdout.on("resize", redraw);
  for (const signal of SIGNALS) process.on(signal, leave);
  try {
    redraw();
    void ask();
    await left.promise;
  } finally {
    clearTimeout(timer);
    stdin.off("data", onKeys).off("end", leave);
    stdout.off("resize", redraw);
    for (const signal of SIGNALS) process.off(signal, leave);
  }
}

/** Over what is there, line by line, so that nothing flickers. */
function paint({ lines, headAt }: Screen): string {
  const drawn = lines.map((line, index) => `${index === headAt ? `${INVERSE[0]}${line}${INVERSE[1]}` : line}\u001b[K`);
  return `\u001b[H${drawn.join("\r\n")}\u001b[J`;
}
