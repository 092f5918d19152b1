import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatVmdkDescriptor, makeBaseDescriptor } from "./base-disk.ts";
import { SECTOR_BYTES } from "./descriptor.ts";
import { deflateGrain, inflateGrain } from "./inflate-grain.ts";
import { makeCowd } from "./make-cowd.ts";
import { SparseExtent } from "./sparse-extent.ts";
import { StreamDecoder, type StreamedGrain } from "./stream-decoder.ts";
import { STREAM_GRAIN_BYTES, StreamEncoder } from "./stream-encoder.ts";

/** qemu-img is the outside reader and writer: what it makes is read here, what is made here it reads. */
const MIB = 1024 * 1024;
let folder: string;
let raw: Buffer;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-vmdk-"));
  raw = Buffer.alloc(40 * MIB + 3 * SECTOR_BYTES); // more than one grain table of 32 MiB, and its last grain is not whole
  for (let at = 0; at < raw.length; at += 5 * MIB) raw.fill(`grain of ${at} `, at, Math.min(raw.length, at + 100_000));
  raw.fill("the end", raw.length - SECTOR_BYTES);
  writeFileSync(join(folder, "raw"), raw);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const qemuImg = (...args: readonly string[]): string => execFileSync("qemu-img", args, { cwd: folder, encoding: "utf8" });

const openBytes = (bytes: Buffer, name = "a.vmdk") =>
  SparseExtent.open({ name, sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) });

/** The whole disk, by the ranges that the extent yields. */
async function readAll(bytes: Buffer): Promise<Buffer> {
  const extent = await openBytes(bytes);
  const disk = Buffer.alloc(extent.capacityBytes);
  for await (const range of extent.grains()) {
    if (range.kind === "data") bytes.copy(disk, range.offset, range.at, range.at + range.length);
    if (range.kind === "deflated") (await extent.inflate(range)).copy(disk, range.offset);
  }
  return disk;
}

/** The whole disk, from the pieces of a stream. */
async function readStream(bytes: Buffer, pieceBytes: number): Promise<Buffer> {
  let disk = Buffer.alloc(0);
  const grains: StreamedGrain[] = [];
  const decoder = new StreamDecoder("upload", {
    onDisk: ({ capacityBytes }) => {
      disk = Buffer.alloc(capacityBytes);
    },
    onGrain: (grain) => void grains.push(grain),
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) decoder.push(bytes.subarray(at, at + pieceBytes));
  decoder.end();
  for (const { offset, length, lengthMax, deflated, at } of grains)
    (await inflateGrain(deflated, { name: "upload", at, lengthMax, lengthMin: length })).copy(disk, offset);
  return disk;
}

const descriptorOf = (capacityBytes: number) =>
  makeBaseDescriptor({
    capacityBytes,
    thin: true,
    adapterType: "lsilogic",
    uuid: "6000c29a1b2c3d4e5f60718293a4b5c6",
    longContentId: "0123456789abcdef01234567fffffffe",
    hardwareVersion: 21,
    extentFile: "x-flat.vmdk",
  });

async function writeStream(disk: Buffer): Promise<Buffer> {
  const encoder = new StreamEncoder(disk.length, descriptorOf(disk.length), "out.vmdk");
  const parts = [encoder.begin()];
  for (let offset = 0; offset < disk.length; offset += STREAM_GRAIN_BYTES) {
    const grain = disk.subarray(offset, offset + STREAM_GRAIN_BYTES);
    if (grain.some((byte) => byte !== 0)) parts.push(encoder.grain(offset, await deflateGrain(grain)));
  }
  return Buffer.concat([...parts, encoder.end()]);
}

test.each(["monolithicSparse", "streamOptimized"])("a %s disk of qemu-img's is read as it is", async (subformat) => {
  qemuImg("convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, "raw", `${subformat}.vmdk`);
  expect((await readAll(readFileSync(join(folder, `${subformat}.vmdk`)))).equals(raw)).toBe(true);
});

test("a stream-optimized disk is read as it comes, in pieces of any length", async () => {
  const bytes = readFileSync(join(folder, "streamOptimized.vmdk"));
  for (const pieceBytes of [511, 4096, bytes.length]) expect((await readStream(bytes, pieceBytes)).equals(raw)).toBe(true);
});

test("a stream-optimized disk that is written here is whole to qemu-img, and to both readers here", async () => {
  const bytes = await writeStream(raw);
  writeFileSync(join(folder, "out.vmdk"), bytes);
  expect(qemuImg("check", "-f", "vmdk", "out.vmdk")).toContain("No errors were found");
  expect(qemuImg("compare", "-f", "raw", "-F", "vmdk", "raw", "out.vmdk")).toContain("Images are identical");
  expect((await readAll(bytes)).equals(raw)).toBe(true);
  expect((await readStream(bytes, 10_000)).equals(raw)).toBe(true);
});

test("a COWD extent is read as qemu-img reads it", async () => {
  const grains = new Map([0, 1, 2, 4095, 4096, 9000].map((sector) => [sector, Buffer.alloc(SECTOR_BYTES, `sector ${sector} `)]));
  const bytes = makeCowd(10_000, grains);
  writeFileSync(join(folder, "c-delta.vmdk"), bytes);
  const extents = [{ access: "RW", sectors: 10_000, type: "VMFSSPARSE", file: "c-delta.vmdk", offset: 0 }] as const;
  const text = formatVmdkDescriptor({ ...descriptorOf(10_000 * SECTOR_BYTES), createType: "vmfsSparse", extents });
  writeFileSync(join(folder, "c.vmdk"), text);
  qemuImg("convert", "-f", "vmdk", "-O", "raw", "c.vmdk", "c.raw");
  expect((await readAll(bytes)).equals(readFileSync(join(folder, "c.raw")))).toBe(true);
  const ranges = [];
  for await (const { offset, length } of (await openBytes(bytes)).grains()) ranges.push([offset / SECTOR_BYTES, length / SECTOR_BYTES]);
  expect(ranges).toEqual([
    [0, 3],
    [4095, 2],
    [9000, 1],
  ]);
});

const faultIn = async (bytes: Buffer): Promise<string> => {
  try {
    await readAll(bytes);
  } catch (error) {
    expect(error).toMatchObject({ fault: "InvalidDiskFormat", message: expect.stringMatching(/^a\.vmdk /) });
    return (error as Error).message;
  }
  return "read";
};

/** A hosted sparse disk with these words changed. */
const changed = (subformat: string, change: (bytes: Buffer) => void): Buffer => {
  const bytes = Buffer.from(readFileSync(join(folder, `${subformat}.vmdk`)));
  change(bytes);
  return bytes;
};
const directoryOf = (bytes: Buffer) => Number(bytes.readBigUInt64LE(56)) * SECTOR_BYTES;
const tableOf = (bytes: Buffer, index = 0) => bytes.readUInt32LE(directoryOf(bytes) + index * 4) * SECTOR_BYTES;

test.each<[string, (bytes: Buffer) => void, RegExp]>([
  ["a version that nobody knows", (b) => b.writeUInt32LE(9, 4), /version 9/],
  ["a flag that nobody knows", (b) => b.writeUInt32LE(1 << 9, 8), /unknown flags/],
  ["a capacity of 2^63 sectors", (b) => b.writeBigUInt64LE(2n ** 63n, 12), /capacity/],
  ["no capacity", (b) => b.writeBigUInt64LE(0n, 12), /0 sectors/],
  ["grains of no length", (b) => b.writeBigUInt64LE(0n, 20), /grains of 0/],
  ["grains of three sectors", (b) => b.writeBigUInt64LE(3n, 20), /grains of 3/],
  ["grains as large as a disk", (b) => b.writeBigUInt64LE(2n ** 30n, 20), /grains of/],
  ["tables of a billion entries", (b) => b.writeUInt32LE(1e9, 44), /grain tables of/],
  ["line ends that a transfer changed", (b) => void b.write("\n \n\n", 73), /transfer as text/],
  ["a directory behind the end", (b) => b.writeBigUInt64LE(2n ** 30n, 56), /ends at byte/],
  ["a grain table behind the end", (b) => b.writeUInt32LE(2 ** 31, directoryOf(b)), /its grain table would lie/],
  ["a grain table that is two", (b) => b.writeUInt32LE(b.readUInt32LE(directoryOf(b)), directoryOf(b) + 4), /another lies already/],
  ["a grain behind the end", (b) => b.writeUInt32LE(2 ** 31, tableOf(b)), /its grain of byte 0 would lie/],
  ["a grain in the header", (b) => b.writeUInt32LE(1, tableOf(b)), /no data/],
  ["a grain that is two", (b) => b.writeUInt32LE(b.readUInt32LE(tableOf(b)), tableOf(b) + 4), /another lies already/],
])("a sparse disk with %s is refused, and by what is wrong", async (_, change, problem) => {
  expect(await faultIn(changed("monolithicSparse", change))).toMatch(problem);
});

test("a grain that inflates to more than a grain is refused, whatever it would become", async () => {
  const bomb = await deflateGrain(Buffer.alloc(64 * MIB));
  await expect(inflateGrain(bomb, { name: "a.vmdk", at: 0, lengthMax: STREAM_GRAIN_BYTES, lengthMin: 1 })).rejects.toMatchObject({
    fault: "InvalidDiskFormat",
  });
});

test.each([0, 0.1, 0.5, 0.99, 1])(
  "a stream of which %d have come but for its end is refused, and not taken for a smaller disk",
  async (part) => {
    const bytes = await writeStream(raw);
    const end = Math.floor((bytes.length - SECTOR_BYTES) * part);
    await expect(decode(bytes.subarray(0, end))).rejects.toMatchObject({ fault: "InvalidDiskFormat" });
    expect(await faultIn(bytes.subarray(0, end))).not.toBe("read");
  },
);

test("grains that come twice, or for where the disk is not, are refused", async () => {
  const grain = await deflateGrain(Buffer.alloc(STREAM_GRAIN_BYTES, 7));
  for (const offsets of [[STREAM_GRAIN_BYTES, 0], [0, 0], [MIB]]) {
    const encoder = new StreamEncoder(MIB, descriptorOf(MIB), "out.vmdk");
    const parts = [encoder.begin(), ...offsets.map((offset) => encoder.grain(offset % MIB, grain))];
    if (offsets[0] === MIB) parts.at(-1)?.writeBigUInt64LE(BigInt(MIB / SECTOR_BYTES), 0);
    await expect(decode(Buffer.concat([...parts, encoder.end()]))).rejects.toMatchObject({ fault: "InvalidDiskFormat" });
  }
});

test("whatever bytes are changed in a sparse disk, it is read or refused by name", async () => {
  const small = Buffer.alloc(2 * MIB, "x", "latin1");
  writeFileSync(join(folder, "small"), small);
  const disks = ["monolithicSparse", "streamOptimized"].map((subformat) => {
    qemuImg("convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, "small", `small-${subformat}.vmdk`);
    return readFileSync(join(folder, `small-${subformat}.vmdk`));
  });
  const hostile = [...disks, makeCowd(4097, new Map([[4096, Buffer.alloc(SECTOR_BYTES, 1)]])), await writeStream(small)];
  const change = fc.record({ at: fc.oneof(fc.nat(2047), fc.nat(200_000)), value: fc.oneof(fc.constantFrom(0, 1, 0xffffffff), fc.nat()) });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...hostile), fc.array(change, { minLength: 1, maxLength: 4 }), async (disk, changes) => {
      const bytes = Buffer.from(disk);
      for (const { at, value } of changes) bytes.writeUInt32LE(value >>> 0, Math.min(at, bytes.length - 4));
      for (const read of [() => walk(bytes), () => decode(bytes)])
        await read().catch((error: unknown) => expect(error).toMatchObject({ fault: "InvalidDiskFormat" }));
    }),
    { numRuns: 400 },
  );
});

/** All ranges, without holding what they name: a header may say any size. */
async function walk(bytes: Buffer): Promise<void> {
  let before = 0;
  for await (const { offset, length } of (await openBytes(bytes)).grains()) {
    expect(offset).toBeGreaterThanOrEqual(before);
    before = offset + length;
  }
}

async function decode(bytes: Buffer): Promise<void> {
  const decoder = new StreamDecoder("a.vmdk", { onDisk() {}, onGrain() {} });
  decoder.push(bytes);
  decoder.end();
}
