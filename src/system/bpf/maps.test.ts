import { closeSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ProgramBuilder } from "../../ebpf/index.ts";
import { FRAME, hasBpf, TestObjects, u32 } from "./bpf.fixture.ts";
import {
  createMap,
  mapDelete,
  mapFdById,
  mapInfo,
  mapKeys,
  mapLookup,
  mapUpdate,
  mapUpdateAll,
  percpuBytes,
  possibleCpus,
  testRun,
} from "./index.ts";
import { countCpus } from "./maps.ts";

test.each([
  ["0", 1],
  ["0-3\n", 4],
  ["0-1,4,8-9", 5],
])("the CPUs %j are %i", (list, count) => {
  expect(countCpus(list)).toBe(count);
});

test.each([
  ["empty", ""],
  ["too long", "a_name_of_16_let"],
  ["with a blank", "a map"],
])("a name that is %s is a bug of the caller's", (_, name) => {
  expect(() => createMap({ kind: "hash", keyBytes: 4, valueBytes: 4, entriesMax: 1, name })).toThrow("is a name for a BPF object");
});

describe.skipIf(!hasBpf)("on this machine", () => {
  test("a map holds what was written, until it is removed", () => {
    using objects = new TestObjects();
    const map = objects.map("hash");
    expect(mapLookup(map, u32(7), 8)).toBeUndefined();
    mapUpdate(map, u32(7), Buffer.from("12345678"));
    mapUpdate(map, u32(7), Buffer.from("abcdefgh"));
    expect(mapLookup(map, u32(7), 8)?.toString()).toBe("abcdefgh");
    expect(mapDelete(map, u32(7))).toBe(true);
    expect(mapDelete(map, u32(7))).toBe(false);
    expect(mapLookup(map, u32(7), 8)).toBeUndefined();
  });

  test("many values are written with one call, each under its key; a map that is full takes no more", () => {
    using objects = new TestObjects();
    const map = objects.map("hash", { entriesMax: 1000 });
    mapUpdateAll(
      map,
      Array.from({ length: 1000 }, (_, key) => [u32(key), Buffer.alloc(8, key)]),
    );
    expect([0, 7, 999].map((key) => mapLookup(map, u32(key), 8)?.[0])).toEqual([0, 7, 999 & 0xff]);
    mapUpdateAll(map, []);
    expect(() => mapUpdateAll(map, [[u32(1000), Buffer.alloc(8)]])).toThrow("writing to the map test_map");
  });

  test("a map lists each of its keys once, and none when it is empty", () => {
    using objects = new TestObjects();
    const map = objects.map("hash", { entriesMax: 100 });
    expect(mapKeys(map, 4)).toEqual([]);
    for (let key = 0; key < 100; key++) mapUpdate(map, u32(key), Buffer.alloc(8));
    const keys = mapKeys(map, 4).map((key) => key.readUInt32LE());
    expect(keys.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, key) => key));
  });

  test("a map of maps shows a program the one that it has now, whole", () => {
    using objects = new TestObjects();
    const [before, after] = [objects.map("hash", { entriesMax: 1 }), objects.map("hash", { entriesMax: 3 })];
    mapUpdate(before, u32(0), Buffer.alloc(8, 1));
    mapUpdate(after, u32(0), Buffer.alloc(8, 2));
    const outer = objects.keep(createMap({ kind: "arrayOfMaps", keyBytes: 4, valueBytes: 4, entriesMax: 1, name: "outer", inner: before }));
    const program = objects.program(
      (b) =>
        lookUp(b.storeImmediate(4, "r10", -4, 0).loadMap("r1", "outer"))
          .mov("r1", "r0")
          .mov("r2", "r10")
          .add("r2", -4)
          .call("lookup")
          .jumpIf("eq", "r0", 0, "none")
          .load(1, "r0", "r0", 0)
          .exit()
          .label("none")
          .mov("r0", 0)
          .exit(),
      new Map([["outer", outer]]),
    );
    const seen = [before, after].map((inner) => {
      mapUpdate(outer, u32(0), u32(inner));
      return testRun(program, { frame: FRAME }).verdict;
    });
    expect(seen).toEqual([1, 2]);
  });

  test("a map that is full takes no more, and says so", () => {
    using objects = new TestObjects();
    const map = objects.map("hash", { entriesMax: 1 });
    mapUpdate(map, u32(1), Buffer.alloc(8));
    expect(() => mapUpdate(map, u32(2), Buffer.alloc(8))).toThrow("writing to the map test_map");
    expect(mapLookup(map, u32(2), 8)).toBeUndefined();
  });

  test("a map with a value for each CPU is read and written with all of them", () => {
    using objects = new TestObjects();
    const map = objects.map("percpuArray", { valueBytes: 4 });
    const values = Buffer.alloc(percpuBytes(4), 3);
    expect(values.length).toBe(8 * possibleCpus());
    mapUpdate(map, u32(1), values);
    expect(mapLookup(map, u32(1), values.length)).toHaveLength(values.length);
    expect(mapLookup(map, u32(1), values.length)?.readUInt32LE(0)).toBe(0x03030303);
  });

  test("a map is never read or written beyond the memory that was given", () => {
    using objects = new TestObjects();
    const map = objects.map("hash");
    expect(() => mapUpdate(map, u32(1), Buffer.alloc(7))).toThrow("a value of the map test_map has 8 bytes, not 7");
    expect(() => mapLookup(map, u32(1), 4)).toThrow("a value of the map test_map has 8 bytes, not 4");
    expect(() => mapDelete(map, Buffer.alloc(2))).toThrow("a key of the map test_map has 4 bytes, not 2");
    expect(() => mapKeys(map, 8)).toThrow("a key of the map test_map has 4 bytes, not 8");
    const percpu = objects.map("percpuArray", { valueBytes: 4 });
    expect(() => mapLookup(percpu, u32(0), 4)).toThrow(`a value of the map test_map has ${percpuBytes(4)} bytes, not 4`);
  });

  test("a map tells what it is, and is found by its id as long as somebody has it", async () => {
    const map = createMap({ kind: "lruHash", keyBytes: 16, valueBytes: 24, entriesMax: 64, name: "conn.1" });
    const { id, ...info } = mapInfo(map);
    expect(info).toEqual({ kind: "lruHash", keyBytes: 16, valueBytes: 24, entriesMax: 64, name: "conn.1" });
    {
      using objects = new TestObjects();
      expect(mapInfo(objects.keep(mapFdById(id))).id).toBe(id);
    }
    closeSync(map);
    await expect.poll(() => mapFdById(id)).toBeUndefined();
  });
});

/** r0 becomes the value of the key at the end of the stack; goes on only if there is one. */
function lookUp(builder: ProgramBuilder): ProgramBuilder {
  return builder.mov("r2", "r10").add("r2", -4).call("lookup").jumpIf("eq", "r0", 0, "none");
}
