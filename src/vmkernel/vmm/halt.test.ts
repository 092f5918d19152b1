import { expect, test } from "vitest";
import { addDisk, disksWithoutRoom, diskWithoutRoom } from "./halt.ts";

const error = {
  device: "",
  "node-name": "drive2001",
  operation: "write",
  action: "stop",
  nospace: true,
  reason: "No space left on device",
};

test.each<[string, Record<string, unknown>, number | undefined]>([
  ["a disk without room", error, 2001],
  ["an error that the guest is told of", { ...error, action: "report" }, undefined],
  ["an error of another kind", { ...error, nospace: false }, undefined],
  ["a node that is no disk of ours", { ...error, "node-name": "#block123" }, undefined],
  ["an event without a node", { action: "stop", nospace: true }, undefined],
])("%s", (_, data, disk) => expect(diskWithoutRoom(data)).toBe(disk));

test("the disks that are full are found in what QEMU says of all", () => {
  const block = [
    { device: "", qdev: "dev2000", "io-status": "ok", inserted: { "node-name": "drive2000" } },
    { device: "", qdev: "dev2001", "io-status": "nospace", inserted: { "node-name": "drive2001" } },
    { device: "", qdev: "dev3000" },
    null,
  ];
  expect(disksWithoutRoom(block)).toEqual([2001]);
  expect(disksWithoutRoom({})).toEqual([]);
});

test("a second disk joins a halt, and the question stays the same", () => {
  const first = addDisk(undefined, 2000, 7);
  expect(addDisk(addDisk(first, 2001, 9), 2001, 11)).toEqual({ disks: [2000, 2001], sinceMs: 7 });
});
