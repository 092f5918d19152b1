/** What a key does to the view: from the state before it to the state after it. Pure. The keys are esxtop's. */
import { columnsOf, viewOf, views } from "./views.ts";

export interface TopState {
  /** Key of the view. */
  readonly view: string;
  /** Title of the column that rows are sorted by; the view's own where there is none. */
  readonly sortedBy?: string;
  /** Columns at the right that are not wanted. */
  readonly columnsLess: number;
  /** Rows that are scrolled over. */
  readonly firstRow: number;
  readonly delayS: number;
  readonly isHelp: boolean;
  /** What has been typed of a new delay. */
  readonly typedDelay?: string;
  readonly message?: string;
}

export const DELAY_S = { min: 2, max: 86_400, usual: 5 } as const;

export const firstState = (delayS: number): TopState => ({ view: "c", columnsLess: 0, firstRow: 0, delayS, isHelp: false });

export interface Pressed {
  readonly state: TopState;
  readonly effect?: "quit" | "refresh";
}

const PAGE_ROWS = 10;
const SCROLL: Readonly<Record<string, number>> = { up: -1, down: 1, pageUp: -PAGE_ROWS, pageDown: PAGE_ROWS };
/** Sorted by that column, in views that have it: R is %RDY on the view of processors alone. */
const SORTS: Readonly<Record<string, readonly string[]>> = {
  U: ["%USED"],
  R: ["%RDY", "READS/s"],
  M: ["MEMSZ"],
  B: ["MCTLSZ"],
  r: ["READS/s", "PKTRX/s"],
  w: ["WRITES/s"],
  t: ["PKTTX/s"],
  T: ["MbTX/s"],
  N: ["ID"],
};

export function press(before: TopState, key: string): Pressed {
  const { message: _, ...state } = before;
  if (key === "ctrl-c") return { state, effect: "quit" };
  if (state.typedDelay !== undefined) return typeDelay(state, key);
  if (state.isHelp) return key === "q" ? { state, effect: "quit" } : { state: { ...state, isHelp: false } };
  if (key === "q") return { state, effect: "quit" };
  if (key === " " || key === "enter") return { state, effect: "refresh" };
  if (key === "h" || key === "?") return { state: { ...state, isHelp: true } };
  if (key === "s") return { state: { ...state, typedDelay: "" } };
  if (key === "+") return { state: { ...state, columnsLess: Math.max(0, state.columnsLess - 1) } };
  if (key === "-") return { state: { ...state, columnsLess: Math.min(state.columnsLess + 1, viewOf(state.view).columns.length - 2) } };
  const rows = SCROLL[key];
  if (rows !== undefined) return { state: { ...state, firstRow: Math.max(0, state.firstRow + rows) } };
  if (views.some((view) => view.key === key)) return { state: { ...firstState(state.delayS), view: key } };
  return { state: sort(state, key) };
}

function sort(state: TopState, key: string): TopState {
  const { columns } = viewOf(state.view);
  const title = SORTS[key]?.find((sorted) => columns.some((column) => column.title === sorted));
  return title === undefined
    ? { ...state, message: `${key.length === 1 ? key : "that"} is no key here: h tells which are` }
    : { ...state, sortedBy: title, firstRow: 0 };
}

function typeDelay(state: TopState, key: string): Pressed {
  const typed = state.typedDelay ?? "";
  const { typedDelay: _, ...closed } = state;
  if (key === "escape") return { state: closed };
  if (key === "backspace") return { state: { ...state, typedDelay: typed.slice(0, -1) } };
  if (key !== "enter") return { state: { ...state, typedDelay: /^\d$/.test(key) && typed.length < 5 ? typed + key : typed } };
  const delayS = Number(typed);
  if (typed === "") return { state: closed };
  if (delayS < DELAY_S.min || delayS > DELAY_S.max)
    return { state: { ...closed, message: `seconds are from ${DELAY_S.min} to ${DELAY_S.max}` } };
  return { state: { ...closed, delayS }, effect: "refresh" };
}

const ESCAPE = "\u001b";
const NAMED: Readonly<Record<string, string>> = {
  "\u0003": "ctrl-c",
  "\r": "enter",
  "\n": "enter",
  "\u007f": "backspace",
  "\b": "backspace",
  "\u001b": "escape",
  "\u001b[A": "up",
  "\u001bOA": "up",
  "\u001b[B": "down",
  "\u001bOB": "down",
  "\u001b[5~": "pageUp",
  "\u001b[6~": "pageDown",
};

/** ECMA-48 §5.4: what begins with escape and is more than one character; otherwise each character is a key. */
const SEQUENCE = new RegExp(`${ESCAPE}(?:\\[[0-9;?]*[ -/]*[@-~]|O.)|[^]`, "gu");

/** What a terminal sends, key by key; a sequence that is none of these is one key that nothing knows. */
export function parseKeys(bytes: string): readonly string[] {
  const keys = bytes.match(SEQUENCE) ?? [];
  return keys.map((key) => NAMED[key] ?? key);
}

export const HELP: readonly string[] = [
  ...views.map(({ key, title }) => `${key}  ${title}`),
  "",
  "U R M B r w t T N  sort by used, ready, memory, balloon, reads, writes, packets and megabits sent, number",
  "up down page       scroll",
  "+ -                more or fewer columns",
  "s                  seconds between updates",
  "blank              update now",
  "h                  this;   q  leave",
];

/** Of a view's columns those that a state wants. */
export function wantedColumns(state: TopState, sample: Parameters<typeof columnsOf>[1]) {
  const columns = columnsOf(viewOf(state.view), sample);
  return columns.slice(0, Math.max(2, columns.length - state.columnsLess));
}
