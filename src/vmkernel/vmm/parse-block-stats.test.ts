import { expect, test } from "vitest";
import { diskOn, machineWith } from "./machine.fixture.ts";
import { parseBlockStats } from "./parse-block-stats.ts";

const machine = machineWith([
  { kind: "scsi", key: 1001, bus: 1, model: "pvscsi" },
  { kind: "ahci", key: 15000, bus: 0 },
  diskOn(1001, 6, 2016),
  diskOn(15000, 2, 16002),
  { kind: "cdrom", key: 16001, controllerKey: 15000, unit: 1 },
]);
const stats = {
  rd_operations: 3,
  wr_operations: 4,
  rd_bytes: 4096,
  wr_bytes: 512,
  rd_total_time_ns: 2_500_000,
  wr_total_time_ns: 1_000_000,
};
const figures = { reads: 3, writes: 4, readBytes: 4096, writtenBytes: 512, readMs: 2.5, writeMs: 1 };

test("each disk has its figures, by its place; what is no disk of the VM has none", () => {
  const answer = [
    { device: "", qdev: "dev16002", stats },
    { device: "", qdev: "/machine/peripheral/dev2016/backend", stats: { ...stats, rd_operations: 9 } },
    { device: "", qdev: "dev16001", stats },
    { device: "pflash0", stats },
  ];
  expect(parseBlockStats(answer, machine)).toEqual([
    { key: 2016, place: "scsi1:6", ...figures, reads: 9 },
    { key: 16002, place: "sata0:2", ...figures },
  ]);
});

test.each([
  ["nothing", undefined],
  ["a text", "rd_bytes"],
  ["entries that are none", [null, 7, { qdev: "dev2016", stats }]],
  ["a disk without statistics", [{ qdev: "dev2016" }]],
  ["a negative count", [{ qdev: "dev2016", stats: { ...stats, rd_bytes: -1 } }]],
  ["a count that is no number", [{ qdev: "dev2016", stats: { ...stats, wr_bytes: "1e9" } }]],
  ["a count beyond all bounds", [{ qdev: "dev2016", stats: { ...stats, wr_total_time_ns: 1e300 } }]],
  ["an id of which the disk's is only a part", [{ qdev: "dev20161", stats }]],
])("a monitor that answers with %s has no figures", (_, answer) => {
  expect(parseBlockStats(answer, machine)).toEqual([]);
});
