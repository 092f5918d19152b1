import { closeSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hasBpf, TestObjects, u32 } from "./bpf.fixture.ts";
import { createMap, mapFdById, mapInfo, mapKeys, mapLookup, mapUpdate, withMapTwins } from "./index.ts";

describe.skipIf(!hasBpf)("on this machine", () => {
  test("a twin is as its map is, with nothing in it, and what is written to it is nowhere else", () => {
    using objects = new TestObjects();
    const map = objects.keep(createMap({ kind: "hash", keyBytes: 4, valueBytes: 8, entriesMax: 16, name: "original" }));
    mapUpdate(map, u32(1), Buffer.alloc(8, 1));
    const { id, name: _, ...shape } = mapInfo(map);
    const twin = withMapTwins([id], ([fd = -1]) => {
      expect(mapInfo(fd)).toMatchObject(shape);
      expect(mapKeys(fd, 4)).toEqual([]);
      mapUpdate(fd, u32(2), Buffer.alloc(8, 2));
      return mapInfo(fd).id;
    });
    expect(mapKeys(map, 4)).toEqual([u32(1)]);
    const left = mapFdById(twin);
    if (left !== undefined) closeSync(left); // the kernel frees it a little later
    expect(twin).not.toBe(id);
  });

  test("the twin of a map that holds a map has an empty one of its own in it", () => {
    using objects = new TestObjects();
    const inner = objects.keep(createMap({ kind: "hash", keyBytes: 4, valueBytes: 4, entriesMax: 4, name: "inner" }));
    const outer = objects.keep(createMap({ kind: "arrayOfMaps", keyBytes: 4, valueBytes: 4, entriesMax: 1, name: "outer", inner }));
    mapUpdate(outer, u32(0), u32(inner));
    const held = withMapTwins([mapInfo(outer).id], ([fd = -1]) => mapLookup(fd, u32(0), 4)?.readUInt32LE());
    expect(held).toBeGreaterThan(0);
    expect(held).not.toBe(mapInfo(inner).id);
  });

  test("a map that is gone has none", () => {
    expect(() => withMapTwins([0x7fff_ffff], () => {})).toThrow("there is no map 2147483647");
  });
});
