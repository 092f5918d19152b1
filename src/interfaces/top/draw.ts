/** The screen of `bulkhead top`: lines for a terminal of any size. Pure; no line is longer than the terminal is wide. */
import { cut, fill, printable } from "./cells.ts";
import { HELP, type TopState, wantedColumns } from "./keys.ts";
import { figureOf, instancesOf, type TopSample } from "./sample.ts";
import { type Column, NAME, type Row, type View, viewOf } from "./views.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Screen {
  /** At most as many as the terminal has rows. */
  readonly lines: readonly string[];
  /** Which of them is the head of the table. */
  readonly headAt: number;
}

/** The least that is a table: its head and two rows. What is above it gives way first. */
const TABLE_ROWS_MIN = 3;
const NAME_WIDTH_MAX = 40;

/** @param nowMs for the clock at the top */
export function draw(sample: TopSample | undefined, state: TopState, size: Size, nowMs: number): Screen {
  const foot = footOf(state);
  const room = size.rows - foot.length;
  const head = state.isHelp ? [] : headLines(sample, state, nowMs);
  const top = head.slice(0, Math.max(0, room - TABLE_ROWS_MIN));
  const body = bodyOf(sample, state, { columns: size.columns, rows: room - top.length });
  const lines = [...top, ...body, ...foot].slice(-size.rows).map((line) => cut(line, size.columns));
  return { lines, headAt: state.isHelp || sample === undefined ? -1 : top.length };
}

function footOf({ typedDelay, message }: TopState): readonly string[] {
  if (typedDelay !== undefined) return [`Seconds between updates: ${typedDelay}_`];
  return message === undefined ? [] : [printable(message)];
}

function bodyOf(sample: TopSample | undefined, state: TopState, size: Size): readonly string[] {
  if (size.rows <= 0) return [];
  if (state.isHelp) return HELP.slice(0, size.rows);
  if (sample === undefined) return ["The host is being asked …"];
  return drawTable(sample, state, size);
}

/** When, how long it has run, how much there is of what, and what of it is used. */
export function headLines(sample: TopSample | undefined, { view, delayS }: TopState, nowMs: number): readonly string[] {
  if (sample === undefined) return [];
  const { hostName, uptimeS, vms, takenAtMs, cpuMhz, host } = sample;
  const vcpus = vms.reduce((sum, vm) => sum + vm.vcpus, 0);
  const age = Math.max(0, Math.round((nowMs - takenAtMs) / 1000));
  return [
    `${timeOf(nowMs)} ${printable(hostName)} up ${durationOf(uptimeS)}, ${vms.length} VMs, ${vcpus} vCPUs; ${viewOf(view).title}, every ${delayS} s; measured ${takenAtMs === 0 ? "never" : `${age} s ago`}`,
    `CPU: ${figureOf(host, "cpu.usagemhz") ?? "-"} of ${cpuMhz} MHz; PCPU USED(%): ${instancesOf(host, "cpu.usage")
      .map((processor) => percent(figureOf(host, "cpu.usage", processor)))
      .join(" ")} AVG: ${percent(figureOf(host, "cpu.usage"))}`,
    memoryLine(sample),
    "",
  ];
}

const STATES = ["high", "clear", "soft", "hard", "low"]; // as the host's mem.state counts them
function memoryLine({ memoryBytes, host }: TopSample): string {
  const totalMib = Math.round(memoryBytes / 2 ** 20);
  const usedKib = figureOf(host, "mem.consumed");
  const state = STATES[figureOf(host, "mem.state") ?? -1];
  const used = usedKib === undefined ? "-" : String(Math.round(usedKib / 1024));
  const free = usedKib === undefined ? "-" : String(totalMib - Math.round(usedKib / 1024));
  return `PMEM /MB: ${totalMib} total: ${used} used, ${free} free${state === undefined ? "" : `; ${state} state`}`;
}

const percent = (hundredths: number | undefined): string => (hundredths === undefined ? "-" : String(Math.round(hundredths / 100)));
const two = (value: number): string => String(value).padStart(2, "0");
const timeOf = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

function durationOf(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const rest = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}`;
  return days === 0 ? rest : `${days} d ${rest}`;
}

/** Head and rows. Columns that have no room are left out, from the right; the name gets what room is left. */
export function drawTable(sample: TopSample, state: TopState, { columns: width, rows }: Size): readonly string[] {
  const view = viewOf(state.view);
  const columns = withRoom(wantedColumns(state, sample), width);
  const sorted = sortRows(view.rowsOf(sample), view, state);
  const first = Math.max(0, Math.min(state.firstRow, sorted.length - (rows - 1)));
  const shown = sorted.slice(first, first + Math.max(0, rows - 1));
  const spare = width - columns.reduce((sum, column) => sum + column.width + 1, -1);
  const nameWidth = Math.min(NAME_WIDTH_MAX, 8 + Math.max(0, spare));
  const line = (cell: (column: Column) => string): string =>
    columns.map((column) => fill(cell(column), column.title === NAME ? nameWidth : column.width, isNumber(column))).join(" ");
  return [line(({ title }) => title), ...shown.map((row) => line((column) => cellOf(column, row)))].slice(0, rows);
}

const isNumber = ({ title, counter, batch }: Column): boolean => counter !== undefined || batch !== undefined || title === "NVCPU";

function withRoom(columns: readonly Column[], width: number): readonly Column[] {
  let used = -1;
  return columns.filter((column, index) => {
    used += column.width + 1;
    return used <= width || index === 0;
  });
}

function cellOf(column: Column, row: Row): string {
  const value = column.of(row);
  if (value === undefined) return "-";
  return typeof value === "string" ? printable(value) : value.toFixed(column.digits);
}

/** Numbers: the most first, and what has no figure last; what is equal, and texts, in their own order. */
function sortRows(rows: readonly Row[], view: View, { sortedBy = view.sortedBy }: TopState): readonly Row[] {
  const column = view.columns.find(({ title }) => title === sortedBy);
  if (column === undefined) return rows;
  const byId = (one: Row, other: Row) => one.id.localeCompare(other.id, "en", { numeric: true });
  return [...rows].sort((one, other) => {
    const [a = Number.NEGATIVE_INFINITY, b = Number.NEGATIVE_INFINITY] = [column.of(one), column.of(other)];
    if (typeof a === "string" || typeof b === "string") return byId(one, other);
    return a === b ? byId(one, other) : b - a;
  });
}
