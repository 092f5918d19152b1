import { closeSync, existsSync, mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TC_ACT } from "../../ebpf/index.ts";
import { hasBpf, TestObjects, u32 } from "./bpf.fixture.ts";
import {
  attachTcx,
  createMap,
  hasTcx,
  isBpffs,
  linkInfo,
  mapLookup,
  mapUpdate,
  mountBpffs,
  openPinned,
  pinObject,
  unmountBpffs,
} from "./index.ts";

describe.skipIf(!hasBpf)("on this machine", () => {
  let folder: string;
  let pins: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "bulkhead-bpf-"));
    pins = join(folder, "bpf");
    mountBpffs(pins);
  });
  afterEach(() => {
    unmountBpffs(pins);
    rmSync(folder, { recursive: true });
  });

  test("a pin keeps a map after its last descriptor has been closed, and opens it again", () => {
    using objects = new TestObjects();
    const path = join(pins, "map");
    const map = createMap({ kind: "hash", keyBytes: 4, valueBytes: 8, entriesMax: 1, name: "pinned" });
    mapUpdate(map, u32(1), Buffer.from("12345678"));
    pinObject(map, path);
    closeSync(map);
    expect(mapLookup(objects.keep(openPinned(path)), u32(1), 8)?.toString()).toBe("12345678");
    unlinkSync(path);
    expect(() => openPinned(path)).toThrow(`opening the BPF object ${path}`);
  });

  test("a name that is taken is not given to another object", () => {
    using objects = new TestObjects();
    pinObject(objects.map("hash"), join(pins, "map"));
    expect(() => pinObject(objects.map("array"), join(pins, "map"))).toThrow(`pinning a BPF object as ${join(pins, "map")}`);
  });

  test("outside of a BPF file system nothing is pinned", () => {
    using objects = new TestObjects();
    expect(() => pinObject(objects.map("hash"), join(folder, "map"))).toThrow("pinning a BPF object");
    expect(existsSync(join(folder, "map"))).toBe(false);
  });

  test("a pin is still there when its file system is mounted again, and gone when it was unmounted", () => {
    using objects = new TestObjects();
    pinObject(objects.map("hash"), join(pins, "map"));
    mountBpffs(pins);
    expect(existsSync(join(pins, "map"))).toBe(true);
    unmountBpffs(pins);
    expect(isBpffs(pins)).toBe(false);
    expect(existsSync(join(pins, "map"))).toBe(false);
  });

  test("what is not mounted is unmounted without a word", () => {
    unmountBpffs(folder);
    unmountBpffs(join(folder, "never-was"));
    expect(existsSync(folder)).toBe(true);
  });

  test.skipIf(!hasBpf || !hasTcx())("a pinned link keeps its program running after its last descriptor has been closed", () => {
    using objects = new TestObjects();
    const { program, runs } = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      const link = attachTcx({ program, ifindex, direction: "ingress" });
      pinObject(link, join(pins, "link"));
      closeSync(link);
      send();
      expect(runs()).toBe(1);
      expect(linkInfo(objects.keep(openPinned(join(pins, "link"))))).toMatchObject({ ifindex, direction: "ingress" });
    });
  });
});
