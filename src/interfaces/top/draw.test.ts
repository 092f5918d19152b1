import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fill } from "./cells.ts";
import { draw, drawTable } from "./draw.ts";
import { firstState, type TopState } from "./keys.ts";
import { topSample, topVm } from "./sample.fixture.ts";
import { views } from "./views.ts";

const idle = topVm("1", "idle", {
  "cpu.usage": 50,
  "cpu.ready": 0,
  "cpu.usagemhz": 20,
  "mem.consumed": 65_536,
  "virtualDisk.read@scsi0:0": 0,
});
const busy = topVm("12", "busy", {
  ...{ "cpu.usage": 9950, "cpu.ready": 400, "cpu.usagemhz": 3980, "mem.consumed": 524_288 },
  ...{ "virtualDisk.numberReadAveraged@scsi0:0": 30, "virtualDisk.numberWriteAveraged@scsi0:0": 12, "virtualDisk.read@scsi0:0": 1536 },
  ...{ "virtualDisk.read@scsi0:1": 0, "net.received@4000": 1000, "net.packetsRx@4000": 200 },
});
const sample = topSample([idle, busy], { "disk.numberRead@sda": 40, "disk.read@sda": 2048, "net.transmitted@vmnic0": 125 });
const NOW = sample.takenAtMs + 13_000;
const state = (changes: Partial<TopState> = {}): TopState => ({ ...firstState(5), ...changes });
const table = (view: string, width = 120): readonly string[] =>
  drawTable(sample, state({ view }), { columns: width, rows: 30 }).map((line) => line.trimEnd());

test("the view of processors has a row for each VM, the busiest first, its use in parts of one processor", () => {
  expect(table("c")).toEqual([
    "ID     NAME                                     NVCPU   %USED    %RDY     MHZ",
    "12     busy                                         2  199.00    2.00    3980",
    "1      idle                                         2    1.00    0.00      20",
  ]);
});

test.each([
  ["m", "MEMSZ", ["1", "idle", "512.00", "64.00"]],
  ["d", "READS/s", ["sda", "2.00", "2.00", "2.00"]],
  ["v", "DISK", ["12", "busy", "scsi0:0", "42.00", "30.00", "12.00", "1.50"]],
  ["n", "MbRX/s", ["12", "busy", "4000", "-", "10.00", "8.19"]],
])("the view %s has a column %s and a row %j", (view, title, cells) => {
  const [head = "", ...rows] = table(view);
  expect(head.split(/ +/)).toContain(title);
  expect(rows.map((row) => row.split(/ +/))).toContainEqual(cells);
});

test("a column whose counter the host has not is not there", () => {
  expect(table("c")[0]).not.toContain("%CSTP");
  expect(drawTable(topSample([topVm("1", "a", { "cpu.costop": 200 })]), state(), { columns: 120, rows: 9 })[1]).toMatch(/ 1\.00 +-$/);
});

test("the head tells the time, what runs, how old the figures are, and what is used of the host", () => {
  const { lines, headAt } = draw(sample, state(), { columns: 200, rows: 24 }, NOW);
  expect(lines.slice(0, 3)).toEqual([
    "19:43:13 esx1 up 1 d 01:01, 2 VMs, 4 vCPUs; cpu, every 5 s; measured 13 s ago",
    "CPU: 987 of 8000 MHz; PCPU USED(%): 20 5 AVG: 12",
    "PMEM /MB: 1024 total: 2 used, 1022 free",
  ]);
  expect(lines[headAt]).toMatch(/^ID +NAME/);
});

describe("on a terminal that is small", () => {
  test("columns at the right give way, and then what is above the table", () => {
    const { lines } = draw(sample, state(), { columns: 30, rows: 4 }, NOW);
    expect(lines).toEqual([
      "19:43:13 esx1 up 1 d 01:01, 2",
      "ID     NAME      NVCPU   %USED",
      "12     busy          2  199.00",
      "1      idle          2    1.00",
    ]);
  });

  test("names that move the cursor or are wide take just their cells", () => {
    const hostile = topSample([topVm("1", "\u001b[2J日本語の機械", { "cpu.usage": 1 })]);
    const [, row = ""] = drawTable(hostile, state(), { columns: 20, rows: 5 });
    expect(row).toBe("1      ?[2J日本語の ");
    expect(fill("日本", 3)).toBe("日 ");
  });
});

test("a list that is longer than the screen is scrolled, and never past its end", () => {
  const many = topSample(Array.from({ length: 30 }, (_, n) => topVm(String(n), `vm${n}`, { "cpu.usage": 0 })));
  const rows = (firstRow: number) =>
    drawTable(many, state({ firstRow }), { columns: 40, rows: 4 })
      .slice(1)
      .map((row) => row.slice(0, 2).trim());
  expect([rows(0), rows(5), rows(999)]).toEqual([
    ["0", "1", "2"],
    ["5", "6", "7"],
    ["27", "28", "29"],
  ]);
});

test("whatever is shown on whatever terminal, no line is too long, and there are no more than it has", () => {
  const width = (line: string): number => [...line].reduce((cells, one) => cells + (/[\u3041-\ua4cf]/.test(one) ? 2 : 1), 0);
  const states = fc.record({
    view: fc.constantFrom(...views.map(({ key }) => key)),
    ...{ columnsLess: fc.nat(20), firstRow: fc.nat(50), delayS: fc.integer({ min: 2, max: 86_400 }), isHelp: fc.boolean() },
    message: fc.string({ unit: "grapheme" }),
  });
  const names = fc.array(fc.oneof(fc.constant("語語語"), fc.string()), { maxLength: 20 });
  fc.assert(
    fc.property(states, names, fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), (shown, called, columns, rows) => {
      const vms = called.map((name, n) => topVm(String(n), name, { "cpu.usage": n, "net.received@4000": n }));
      const { message, ...quiet } = shown;
      const { lines } = draw(
        topSample(vms),
        message === "" ? quiet : { ...quiet, message: "x".repeat(message.length) },
        { columns, rows },
        NOW,
      );
      return lines.length <= rows && lines.every((line) => width(line) <= columns && !/\p{Cc}/u.test(line));
    }),
  );
});
