import { expect, test } from "vitest";
import { batchColumns, formatBatchHeader, formatBatchLine } from "./batch.ts";
import { topSample, topVm } from "./sample.fixture.ts";

const web = topVm("7", 'a"web\\1', { "cpu.usage": 5000, "cpu.ready": 100, "net.transmitted@4000": 125 });
const sample = topSample([web], { "disk.numberRead@sda": 40, "disk.read@sda": 2048 });
const columns = batchColumns(sample);
const cellsOf = (line: string): readonly string[] => [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell = ""]) => cell);
const figureAt = (name: string, of = sample): string | undefined =>
  cellsOf(formatBatchLine(columns, of))[cellsOf(formatBatchHeader(columns)).indexOf(name)];

test("the first line is that of a performance log, and each column is named by host, object and counter", () => {
  const [time, ...names] = cellsOf(formatBatchHeader(columns));
  expect(time).toBe("(PDH-CSV 4.0) (UTC)(0)");
  expect(names).toEqual(
    expect.arrayContaining([
      "\\\\esx1\\Memory\\Free MBytes",
      "\\\\esx1\\Physical Cpu(_Total)\\% Util Time",
      '\\\\esx1\\Group Cpu(7:a""web_1)\\% Ready',
      "\\\\esx1\\Physical Disk SCSI Device(sda)\\Reads/sec",
    ]),
  );
  expect(new Set(names).size).toBe(names.length);
});

test("a line has the time that the host measured at, and a figure with two digits for each column", () => {
  const cells = cellsOf(formatBatchLine(columns, sample));
  expect(cells[0]).toBe("11/26/2026 19:43:00");
  expect(cells).toHaveLength(columns.length + 1);
  expect(figureAt("\\\\esx1\\Physical Cpu(_Total)\\% Util Time")).toBe("12.34");
  expect(figureAt('\\\\esx1\\Group Cpu(7:a""web_1)\\% Used')).toBe("100.00");
  expect(figureAt('\\\\esx1\\Group Cpu(7:a""web_1)\\% Ready')).toBe("0.50");
});

test("what ended has empty cells, what came later none, and one that was renamed keeps its column", () => {
  const later = topSample([topVm("8", "new", { "cpu.usage": 1 })], { "disk.numberRead@sda": 40 });
  expect(cellsOf(formatBatchLine(columns, later))).toHaveLength(columns.length + 1);
  expect(figureAt('\\\\esx1\\Group Cpu(7:a""web_1)\\% Used', later)).toBe("");
  const renamed = topSample([{ ...web, name: "other" }]);
  expect(figureAt('\\\\esx1\\Group Cpu(7:a""web_1)\\% Used', renamed)).toBe("100.00");
});
