/**
 * Batch mode: comma-separated values that Windows' perfmon and the tools made for esxtop read. Pure.
 * The first line names each column, "\\host\object(instance)\counter"; each line after it is one sample. The columns are those of the
 * first sample: what is powered on later has none, and what ended has empty cells, so that the file stays a table.
 */
import { printable } from "./cells.ts";
import { figureOf, instancesOf, type TopSample } from "./sample.ts";
import { columnsOf, type Row, type View, views } from "./views.ts";

export interface BatchColumn {
  readonly name: string;
  of(look: BatchLook): number | undefined;
}

/** A sample, and its rows by view and by {@link keyOf}. */
interface BatchLook {
  readonly sample: TopSample;
  readonly rows: ReadonlyMap<View, ReadonlyMap<string, Row>>;
}

/** Columns of everything that all views show of this sample. */
export function batchColumns(sample: TopSample): readonly BatchColumn[] {
  const host = `\\\\${nameOf(sample.hostName)}`;
  return [...hostColumns(host, sample), ...views.flatMap((view) => viewColumns(host, view, sample))];
}

export function formatBatchHeader(columns: readonly BatchColumn[]): string {
  return ["(PDH-CSV 4.0) (UTC)(0)", ...columns.map(({ name }) => name)].map(quoted).join(",");
}

export function formatBatchLine(columns: readonly BatchColumn[], sample: TopSample): string {
  const rows = new Map(views.map((view) => [view, new Map(view.rowsOf(sample).map((row) => [keyOf(row), row]))]));
  const cells = columns.map((column) => column.of({ sample, rows })?.toFixed(2) ?? "");
  return [timestamp(sample.takenAtMs), ...cells].map(quoted).join(",");
}

function hostColumns(host: string, sample: TopSample): readonly BatchColumn[] {
  const processors = ["", ...instancesOf(sample.host, "cpu.usage")];
  return [
    { name: `${host}\\Memory\\Machine MBytes`, of: ({ sample: { memoryBytes } }) => memoryBytes / 2 ** 20 },
    {
      name: `${host}\\Memory\\Free MBytes`,
      of: ({ sample: { memoryBytes, host: figures } }) => {
        const usedKib = figureOf(figures, "mem.consumed");
        return usedKib === undefined ? undefined : memoryBytes / 2 ** 20 - usedKib / 1024;
      },
    },
    ...processors.map((processor) => ({
      name: `${host}\\Physical Cpu(${processor === "" ? "_Total" : processor})\\% Util Time`,
      of: ({ sample: { host: figures } }: BatchLook) => {
        const used = figureOf(figures, "cpu.usage", processor);
        return used === undefined ? undefined : used / 100;
      },
    })),
  ];
}

/** A row is known again by what it is called without its name, which can change. */
const keyOf = ({ id, instance }: Row): string => JSON.stringify([id, instance]);

function viewColumns(host: string, view: View, sample: TopSample): readonly BatchColumn[] {
  const columns = columnsOf(view, sample).filter(({ batch }) => batch !== undefined);
  return view.rowsOf(sample).flatMap((row) =>
    columns.map((column) => ({
      name: `${host}\\${nameOf(view.objectOf(row))}\\${column.batch}`,
      of: ({ rows }: BatchLook) => {
        const found = rows.get(view)?.get(keyOf(row));
        const value = found === undefined ? undefined : column.of(found);
        return typeof value === "number" ? value : undefined;
      },
    })),
  );
}

/** The backslash parts a name of perfmon's. */
function nameOf(text: string): string {
  return printable(text).replaceAll("\\", "_");
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/** "11/26/2026 19:43:13", as perfmon has it. */
function timestamp(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().slice(0, 19).split("T");
  const [year, month, day] = date.split("-");
  return `${month}/${day}/${year} ${time}`;
}
