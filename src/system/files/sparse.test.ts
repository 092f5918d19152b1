import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  allocateWhole,
  copyData,
  createFileBeneath,
  dataRanges,
  describeFile,
  fillHoles,
  isFullyWritten,
  makeSparse,
  type OpenFile,
  openHostFolder,
  punchZeros,
  runs,
  writeZeros,
} from "./index.ts";

const KIB = 1024;
const MIB = KIB * KIB;
let folder: string;
let root: OpenFile;
let opened: OpenFile[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sparse-"));
  root = openHostFolder(folder);
  opened = [];
});
afterEach(() => {
  for (const file of opened) file[Symbol.dispose]();
  root[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A file of that length with "x" at each of the offsets, and holes elsewhere. */
function sparse(name: string, length: number, ...data: readonly number[]): OpenFile {
  const file = createFileBeneath(root, name, "readWrite");
  opened.push(file);
  makeSparse(file, length);
  for (const offset of data) writeSync(file.fd, "x", offset);
  return file;
}
const contentOf = (name: string) => readFileSync(join(folder, name));
const allocated = (file: OpenFile) => describeFile(file).blocks * 512;
const ignore = () => {};

test("what a file holds is found, and its holes are not", () => {
  const file = sparse("a", 8 * MIB, 0, 5 * MIB);
  const ranges = [...dataRanges(file, 8 * MIB)];
  expect(ranges.map(({ offset }) => offset)).toEqual([0, 5 * MIB]);
  expect(ranges.every(({ length }) => length < MIB)).toBe(true);
  expect([...dataRanges(file, 4 * MIB)].map(({ offset }) => offset)).toEqual([0]);
  expect([...dataRanges(sparse("empty", 0), 0)]).toEqual([]);
});

test("a copy holds what its source does and takes no block for zeros, be they a hole or written", async () => {
  const from = sparse("from", 9 * MIB + 7, 1, 3 * MIB + 5, 9 * MIB + 6);
  await writeZeros(from, { offset: 5 * MIB, length: 2 * MIB }, ignore);
  const to = sparse("to", 9 * MIB + 7);
  const told: number[] = [];
  await copyData({ from, to }, 9 * MIB + 7, (done) => told.push(done));
  expect(contentOf("to").equals(contentOf("from"))).toBe(true);
  expect(allocated(to)).toBeLessThan(MIB);
  expect(told.at(-1)).toBe(9 * MIB + 7);
  expect(told).toEqual([...told].sort((a, b) => a - b));
});

test("whatever is laid out, the copy is the same byte for byte, and so is what is shrunk and filled", async () => {
  const piece = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 200 * KIB }), fc.constantFrom(0, 1));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.nat(3 * MIB), async (parts, tail) => {
      const length = 41 * 64 * KIB + 200 * KIB + tail;
      const name = `p${opened.length}`;
      const [from, to] = [sparse(`${name}from`, length), sparse(`${name}to`, length)];
      for (const [at, bytes, value] of parts) writeSync(from.fd, Buffer.alloc(bytes, value), 0, bytes, at * 64 * KIB);
      await copyData({ from, to }, length, ignore);
      const before = contentOf(`${name}from`);
      expect(contentOf(`${name}to`).equals(before)).toBe(true);
      await punchZeros(from, length, ignore);
      expect(contentOf(`${name}from`).equals(before)).toBe(true);
      await fillHoles(to, { offset: 0, length }, ignore);
      expect(contentOf(`${name}to`).equals(before)).toBe(true);
      expect(isFullyWritten(to, length)).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("runs of zeros give their blocks back, data between them stays", async () => {
  const file = sparse("a", 4 * MIB);
  await writeZeros(file, { offset: 0, length: 4 * MIB }, ignore);
  writeSync(file.fd, "kept", 2 * MIB + 100);
  expect(allocated(file)).toBeGreaterThanOrEqual(4 * MIB);
  await punchZeros(file, 4 * MIB, ignore);
  expect(allocated(file)).toBeLessThan(MIB);
  expect(describeFile(file).size).toBe(4 * MIB);
  expect(
    contentOf("a")
      .subarray(2 * MIB + 100, 2 * MIB + 104)
      .toString(),
  ).toBe("kept");
});

test("blocks that are only reserved are not written yet; filled, they are, and what was there stays", async () => {
  const file = sparse("a", 0);
  await allocateWhole(file, 3 * MIB);
  writeSync(file.fd, "kept", MIB + 1);
  expect(isFullyWritten(file, 3 * MIB)).toBe(false);
  await fillHoles(file, { offset: 0, length: 3 * MIB }, ignore);
  expect(isFullyWritten(file, 3 * MIB)).toBe(true);
  expect(contentOf("a").indexOf("kept")).toBe(MIB + 1);
});

test("only the part that is meant is filled", async () => {
  const file = sparse("a", 4 * MIB);
  await fillHoles(file, { offset: 2 * MIB, length: MIB }, ignore);
  expect([...dataRanges(file, 4 * MIB)]).toEqual([{ offset: 2 * MIB, length: MIB }]);
});

test("who watches can end the work between two pieces", async () => {
  const from = sparse("from", 0);
  writeFileSync(join(folder, "from"), Buffer.alloc(8 * MIB, 1));
  let calls = 0;
  const stop = () => {
    calls += 1;
    if (calls === 2) throw new Error("enough");
  };
  await expect(copyData({ from, to: sparse("to", 8 * MIB) }, 8 * MIB, stop)).rejects.toThrow("enough");
  expect(calls).toBe(2);
});

test.each<[string, readonly number[], boolean, readonly { offset: number; length: number }[]]>([
  ["all zeros", [0, 0, 0], true, [{ offset: 0, length: 3 * 64 * KIB }]],
  ["no zeros", [1, 1], true, []],
  [
    "zeros on both sides",
    [0, 1, 0],
    true,
    [
      { offset: 0, length: 64 * KIB },
      { offset: 2 * 64 * KIB, length: 64 * KIB },
    ],
  ],
  ["data in the middle", [0, 1, 1, 0], false, [{ offset: 64 * KIB, length: 2 * 64 * KIB }]],
])("runs of %s", (_, blocks, zero, expected) => {
  expect(runs(Buffer.concat(blocks.map((value) => Buffer.alloc(64 * KIB, value))), zero)).toEqual(expected);
});
