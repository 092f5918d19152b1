import { expect, test } from "vitest";
import { fileSize } from "./swap-space.ts";

/** Files that the kernel has room for, of the kernels with the least. */
const FILES_MAX = 23;
const [MIB, GIB, TIB] = [2 ** 20, 2 ** 30, 2 ** 40];

test.each<[string, number, number]>([
  ["100 MiB", 100 * MIB, 2 * TIB],
  ["450 MiB", 450 * MIB, 2 * TIB],
  ["16 GiB", 16 * GIB, 2 * TIB],
  ["450 MiB on a small disk", 450 * MIB, 50 * GIB],
])("VMs that each need %s more fill a tebibyte, or the disk, before the kernel has no room for another file", (_, each, roomBytes) => {
  let [needed, present, files] = [0, 0, 0];
  while (needed + each < Math.min(TIB, 0.95 * roomBytes)) {
    needed += each;
    if (needed <= present) continue;
    present += fileSize(needed - present, present, roomBytes - present);
    files += 1;
  }
  expect(files).toBeLessThanOrEqual(FILES_MAX);
  expect(present).toBeLessThanOrEqual(Math.min(roomBytes, 1.51 * needed + 512 * MIB));
});

test("a file holds what is missing, and while there is room for more, half of what there is already", () => {
  expect(fileSize(300 * MIB, 10 * GIB, 100 * GIB)).toBe(5 * GIB + MIB);
  expect(fileSize(6 * GIB, 10 * GIB, 100 * GIB)).toBe(6 * GIB + MIB);
  expect(fileSize(300 * MIB, 10 * GIB, 4 * GIB)).toBe(2 * GIB + MIB);
  expect(fileSize(300 * MIB, 10 * GIB, 0)).toBe(512 * MIB + MIB);
});
