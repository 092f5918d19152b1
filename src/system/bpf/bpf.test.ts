import { closeSync, existsSync, mkdtempSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { assembleProgram, disassemble, ProgramBuilder, SKB, SKB_BYTES, TC_ACT } from "../../ebpf/index.ts";
import { createTap, inNamespace, linkIndex, sendFrame, setLink } from "../network/index.ts";
import { TestNamespaces } from "../network/namespace.fixture.ts";
import {
  attachCls,
  attachTcx,
  clsProgramId,
  createMap,
  detachCls,
  detachLink,
  hasTcx,
  isBpffs,
  linkInfo,
  loadProgram,
  type MapKind,
  mapDelete,
  mapFdById,
  mapInfo,
  mapKeys,
  mapLookup,
  mapUpdate,
  mountBpffs,
  openPinned,
  percpuBytes,
  pinObject,
  possibleCpus,
  programFdById,
  programInfo,
  removeClsact,
  testRun,
  unmountBpffs,
  updateLink,
  VerifierRefused,
} from "./index.ts";
import { countCpus } from "./maps.ts";

test.each([
  ["0", 1],
  ["0-3\n", 4],
  ["0-1,4,8-9", 5],
])("the CPUs %s are %i", (list, count) => {
  expect(countCpus(list)).toBe(count);
});

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  const fds: number[] = [];
  const kept = (fd: number): number => {
    fds.push(fd);
    return fd;
  };
  afterEach(() => {
    for (const fd of fds.splice(0)) closeSync(fd);
  });

  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const load = (write: (builder: ProgramBuilder) => ProgramBuilder, maps: ReadonlyMap<string, number> = new Map()): number =>
    kept(loadProgram({ kind: "schedCls", code: assembleProgram(write(new ProgramBuilder()).build(), maps), name: "test" }));
  const makeMap = (kind: MapKind, valueBytes = 8, entriesMax = 4): number =>
    kept(createMap({ kind, keyBytes: 4, valueBytes, entriesMax, name: "test_map" }));
  /** Counts each run in the map's first value. */
  const counting = (map: number, verdict: number): number =>
    load((b) => b.loadMapValue("r1", "runs").mov("r2", 1).atomicAdd(8, "r1", 0, "r2").mov("r0", verdict).exit(), new Map([["runs", map]]));
  const runs = (map: number): number => Number(mapLookup(map, u32(0), 8)?.readBigUInt64LE());

  const FRAME = Buffer.concat([Buffer.from("ffffffffffff02000000000188b5", "hex"), Buffer.alloc(46, 7)]);

  describe("a map", () => {
    test("holds what was written, until it is removed", () => {
      const map = makeMap("hash");
      expect(mapLookup(map, u32(7), 8)).toBeUndefined();
      mapUpdate(map, u32(7), Buffer.from("12345678"));
      mapUpdate(map, u32(7), Buffer.from("abcdefgh"));
      expect(mapLookup(map, u32(7), 8)?.toString()).toBe("abcdefgh");
      expect(mapDelete(map, u32(7))).toBe(true);
      expect(mapDelete(map, u32(7))).toBe(false);
      expect(mapLookup(map, u32(7), 8)).toBeUndefined();
    });

    test("lists each of its keys once, and none when it is empty", () => {
      const map = makeMap("hash", 8, 100);
      expect(mapKeys(map, 4)).toEqual([]);
      for (let key = 0; key < 100; key++) mapUpdate(map, u32(key), Buffer.alloc(8));
      const keys = mapKeys(map, 4).map((key) => key.readUInt32LE());
      expect(keys.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, key) => key));
    });

    test("that is full takes no more, and says so", () => {
      const map = makeMap("hash", 8, 1);
      mapUpdate(map, u32(1), Buffer.alloc(8));
      expect(() => mapUpdate(map, u32(2), Buffer.alloc(8))).toThrow("writing to the map test_map");
    });

    test("with a value for each CPU is read and written with all of them", () => {
      const map = makeMap("percpuArray", 4);
      const values = Buffer.alloc(percpuBytes(4), 3);
      expect(values.length).toBe(8 * possibleCpus());
      mapUpdate(map, u32(1), values);
      expect(mapLookup(map, u32(1), values.length)).toHaveLength(values.length);
      expect(mapLookup(map, u32(1), values.length)?.readUInt32LE(0)).toBe(0x03030303);
    });

    test("is never read or written beyond the memory that was given", () => {
      const map = makeMap("hash");
      expect(() => mapUpdate(map, u32(1), Buffer.alloc(7))).toThrow("a value of the map test_map has 8 bytes, not 7");
      expect(() => mapLookup(map, u32(1), 4)).toThrow("a value of the map test_map has 8 bytes, not 4");
      expect(() => mapDelete(map, Buffer.alloc(2))).toThrow("a key of the map test_map has 4 bytes, not 2");
      expect(() => mapKeys(map, 8)).toThrow("a key of the map test_map has 4 bytes, not 8");
      expect(() => mapLookup(makeMap("percpuArray", 4), u32(0), 4)).toThrow("has 8 bytes, not 4".replace("8", String(8 * possibleCpus())));
    });

    test("tells what it is, and is found by its id as long as somebody has it", () => {
      const map = createMap({ kind: "lruHash", keyBytes: 16, valueBytes: 24, entriesMax: 64, name: "conn.1" });
      const { id, ...info } = mapInfo(map);
      expect(info).toEqual({ kind: "lruHash", keyBytes: 16, valueBytes: 24, entriesMax: 64, name: "conn.1" });
      expect(mapInfo(kept(mapFdById(id) ?? -1)).id).toBe(id);
      closeSync(map);
      for (const fd of fds.splice(0)) closeSync(fd);
    });

    test.each([
      ["empty", ""],
      ["too long", "a_name_of_16_let"],
      ["with a blank", "a map"],
    ])("a name that is %s is a bug of the caller's", (_, name) => {
      expect(() => createMap({ kind: "hash", keyBytes: 4, valueBytes: 4, entriesMax: 1, name })).toThrow("is a name for a BPF object");
    });
  });

  describe("a program", () => {
    test("that the verifier refuses is a fault with the verifier's reason", () => {
      const refused = (write: (builder: ProgramBuilder) => ProgramBuilder) => {
        try {
          return load(write);
        } catch (error) {
          return error;
        }
      };
      const unset = refused((b) => b.exit());
      expect(unset).toBeInstanceOf(VerifierRefused);
      expect(unset).toMatchObject({ message: expect.stringMatching(/^loading the program test of 1 instructions: R0 !read_ok$/) });
      expect((unset as VerifierRefused).log).toContain("R0 !read_ok");
      const unchecked = refused((b) => b.load(4, "r2", "r1", SKB.data).load(1, "r0", "r2", 0).exit());
      expect(unchecked).toMatchObject({ message: expect.stringContaining("invalid access to packet") });
    });

    test("that is not whole instructions is refused, though the verifier never saw it", () => {
      const load = () => loadProgram({ kind: "schedCls", code: Buffer.alloc(0), name: "test" });
      expect(load).toThrow("loading the program test of 0 instructions");
      expect(load).not.toThrow(VerifierRefused);
    });

    test("tells its maps by their ids, its name, and its instructions", () => {
      const [one, two] = [makeMap("array", 8, 1), makeMap("hash")];
      const program = load(
        (b) => b.loadMapValue("r1", "one", 4).load(4, "r6", "r1", 0).loadMap("r1", "two").mov("r0", "r6").exit(),
        new Map([
          ["one", one],
          ["two", two],
        ]),
      );
      const { id, name, tag, mapIds, instructions } = programInfo(program);
      expect(name).toBe("test");
      expect(tag).toMatch(/^[0-9a-f]{16}$/);
      expect(mapIds).toEqual([mapInfo(one).id, mapInfo(two).id]);
      const names = new Map([
        [mapInfo(one).id, "one"],
        [mapInfo(two).id, "two"],
      ]);
      expect(disassemble(instructions, names)).toEqual([
        "    0: r1 = map one[0] + 4",
        "    2: r6 = *(u32 *)(r1 + 0)",
        "    3: r1 = map two",
        "    5: r0 = r6",
        "    6: exit",
      ]);
      expect(programInfo(kept(programFdById(id) ?? -1)).tag).toBe(tag);
    });

    test("is gone with its last descriptor: its id finds nothing", async () => {
      const program = loadProgram({ kind: "schedCls", code: Buffer.from("b7000000000000009500000000000000", "hex"), name: "test" });
      const { id } = programInfo(program);
      closeSync(program);
      await expect.poll(() => programFdById(id)).toBeUndefined();
    });

    test("of the other kind is loaded too", () => {
      const code = Buffer.from("b7000000020000009500000000000000", "hex");
      expect(testRun(kept(loadProgram({ kind: "xdp", code, name: "test" })), { frame: FRAME }).verdict).toBe(2);
    });

    test("that is run on a frame gives its verdict, and the frame and the context as it left them", () => {
      const program = load((b) =>
        b
          .mov("r6", "r1")
          .load(4, "r2", "r6", SKB.cb0)
          .add("r2", 1)
          .store(4, "r6", SKB.cb0, "r2")
          .mov("r2", 0x0081) // 0x8100 in network order
          .mov("r3", 5)
          .call("skbVlanPush")
          .mov("r0", TC_ACT.redirect)
          .exit(),
      );
      const context = Buffer.alloc(SKB_BYTES);
      context.writeUInt32LE(41, SKB.cb0);
      const result = testRun(program, { frame: FRAME, context, repeat: 1 });
      expect(result.verdict).toBe(TC_ACT.redirect);
      expect(result.context).toHaveLength(SKB_BYTES);
      expect(result.context?.readUInt32LE(SKB.cb0)).toBe(42);
      expect(result.frame).toEqual(FRAME); // the tag is beside the frame
      expect(testRun(program, { frame: FRAME }).context).toBeUndefined();
    });

    test("is not run on what is no frame", () => {
      const program = load((b) => b.mov("r0", 0).exit());
      expect(() => testRun(program, { frame: Buffer.alloc(4) })).toThrow("running a program on a frame of 4 bytes");
    });
  });

  describe("a pin", () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "bulkhead-bpf-"));
      mountBpffs(join(folder, "bpf"));
    });
    afterEach(() => {
      unmountBpffs(join(folder, "bpf"));
      rmSync(folder, { recursive: true });
    });

    test("keeps a map after its last descriptor has been closed, and opens it again", () => {
      const path = join(folder, "bpf", "map");
      const map = createMap({ kind: "hash", keyBytes: 4, valueBytes: 8, entriesMax: 1, name: "pinned" });
      mapUpdate(map, u32(1), Buffer.from("12345678"));
      pinObject(map, path);
      closeSync(map);
      expect(mapLookup(kept(openPinned(path)), u32(1), 8)?.toString()).toBe("12345678");
      expect(() => pinObject(makeMap("hash"), path)).toThrow(`pinning a BPF object as ${path}`); // the name is taken
      unlinkSync(path);
      expect(() => openPinned(path)).toThrow(`opening the BPF object ${path}`);
    });

    test("outside of a BPF file system is refused", () => {
      expect(() => pinObject(makeMap("hash"), join(folder, "map"))).toThrow("pinning a BPF object");
      expect(existsSync(join(folder, "map"))).toBe(false);
    });

    test("is still there when its file system is mounted again, and gone when it was unmounted", () => {
      pinObject(makeMap("hash"), join(folder, "bpf", "map"));
      mountBpffs(join(folder, "bpf"));
      expect(existsSync(join(folder, "bpf", "map"))).toBe(true);
      unmountBpffs(join(folder, "bpf"));
      expect(isBpffs(join(folder, "bpf"))).toBe(false);
      expect(existsSync(join(folder, "bpf", "map"))).toBe(false);
      unmountBpffs(join(folder, "bpf"));
      unmountBpffs(join(folder, "never-was"));
    });

    test.skipIf(process.getuid?.() !== 0 || !hasTcx())(
      "keeps a link, and its program running, after its last descriptor has been closed",
      () => {
        using namespaces = new TestNamespaces();
        const there = namespaces.make("there");
        const map = makeMap("array", 8, 1);
        const path = join(folder, "bpf", "link");
        inNamespace(there, () => {
          const tap = upTap("t0");
          const link = attachTcx({ program: counting(map, TC_ACT.shot), ifindex: tap.ifindex, direction: "ingress" });
          pinObject(link, path);
          closeSync(link);
          tap.send();
          expect(runs(map)).toBe(1);
          const again = openPinned(path);
          expect(linkInfo(again)).toMatchObject({ ifindex: tap.ifindex, direction: "ingress" });
          closeSync(again);
          unlinkSync(path);
        });
      },
    );
  });

  /** A tap in the namespace that the thread is in; what is sent comes out of it as what a guest sends would. */
  function upTap(name: string): { readonly ifindex: number; readonly fd: number; readonly send: () => void } {
    const fd = kept(createTap(name, { vnetHeader: false }));
    setLink(name, { up: true });
    return { fd, ifindex: linkIndex(name) ?? 0, send: () => writeSync(fd, FRAME) };
  }

  describe.skipIf(process.getuid?.() !== 0 || !hasTcx())("a tcx link", () => {
    let namespaces: TestNamespaces;
    let there: string;
    beforeEach(() => {
      namespaces = new TestNamespaces();
      there = namespaces.make("there");
    });
    afterEach(() => {
      for (const fd of fds.splice(0)) closeSync(fd);
      namespaces[Symbol.dispose]();
    });

    test("shows its program every frame of its direction, and none of the other", () => {
      const map = makeMap("array", 8, 1);
      inNamespace(there, () => {
        const tap = upTap("t0");
        kept(attachTcx({ program: counting(map, TC_ACT.shot), ifindex: tap.ifindex, direction: "ingress" }));
        tap.send();
        tap.send();
        expect(runs(map)).toBe(2);
        sendFrame("t0", FRAME);
        expect(runs(map)).toBe(2);
      });
    });

    test("is updated in place: it stays the same link, and the next frame is the new program's", () => {
      const [before, after] = [makeMap("array", 8, 1), makeMap("array", 8, 1)];
      inNamespace(there, () => {
        const tap = upTap("t0");
        const link = kept(attachTcx({ program: counting(before, TC_ACT.shot), ifindex: tap.ifindex, direction: "ingress" }));
        const { id } = linkInfo(link);
        tap.send();
        const program = counting(after, TC_ACT.shot);
        updateLink(link, program);
        tap.send();
        expect([runs(before), runs(after)]).toEqual([1, 1]);
        expect(linkInfo(link)).toEqual({ id, programId: programInfo(program).id, ifindex: tap.ifindex, direction: "ingress" });
      });
    });

    test("that is detached shows its program nothing more, though it is still open", () => {
      const map = makeMap("array", 8, 1);
      inNamespace(there, () => {
        const tap = upTap("t0");
        const link = kept(attachTcx({ program: counting(map, TC_ACT.shot), ifindex: tap.ifindex, direction: "ingress" }));
        detachLink(link);
        tap.send();
        expect(runs(map)).toBe(0);
        expect(linkInfo(link).ifindex).toBe(0);
        detachLink(link);
      });
    });

    test("is gone with its last descriptor", () => {
      const map = makeMap("array", 8, 1);
      inNamespace(there, () => {
        const tap = upTap("t0");
        closeSync(attachTcx({ program: counting(map, TC_ACT.shot), ifindex: tap.ifindex, direction: "ingress" }));
        tap.send();
        expect(runs(map)).toBe(0);
      });
    });

    test("needs an interface of the namespace that the thread is in", () => {
      const program = load((b) => b.mov("r0", 0).exit());
      const attach = () => attachTcx({ program, ifindex: 12345, direction: "egress" });
      expect(() => inNamespace(there, attach)).toThrow("attaching a program to the egress of interface 12345");
    });

    test("a map is no link", () => {
      expect(() => linkInfo(makeMap("hash"))).toThrow("a BPF link is none of tcx");
    });
  });

  describe("a cls_bpf filter", () => {
    let namespaces: TestNamespaces;
    let there: string;
    beforeEach(() => {
      namespaces = new TestNamespaces();
      there = namespaces.make("there");
    });
    afterEach(() => {
      for (const fd of fds.splice(0)) closeSync(fd);
      namespaces[Symbol.dispose]();
    });

    test("is replaced by the next one in one step, and is gone when it is detached", () => {
      const [before, after] = [makeMap("array", 8, 1), makeMap("array", 8, 1)];
      inNamespace(there, () => {
        const tap = upTap("t0");
        const place = { ifindex: tap.ifindex, direction: "ingress" } as const;
        expect(clsProgramId(place)).toBeUndefined();
        attachCls({ ...place, program: counting(before, TC_ACT.shot), name: "before" });
        tap.send();
        const program = counting(after, TC_ACT.shot);
        attachCls({ ...place, program, name: "after" });
        tap.send();
        expect([runs(before), runs(after)]).toEqual([1, 1]);
        expect(clsProgramId(place)).toBe(programInfo(program).id);
        expect(detachCls(place)).toBe(true);
        tap.send();
        expect([runs(before), runs(after)]).toEqual([1, 1]);
        expect(detachCls(place)).toBe(false);
        expect(clsProgramId(place)).toBeUndefined();
      });
    });

    test("at each hook is of its own, and both are gone with clsact", () => {
      inNamespace(there, () => {
        const { ifindex } = upTap("t0");
        const programs = [counting(makeMap("array", 8, 1), TC_ACT.ok), counting(makeMap("array", 8, 1), TC_ACT.ok)] as const;
        attachCls({ ifindex, direction: "ingress", program: programs[0], name: "in" });
        attachCls({ ifindex, direction: "egress", program: programs[1], name: "out" });
        const ids = () => (["ingress", "egress"] as const).map((direction) => clsProgramId({ ifindex, direction }));
        expect(ids()).toEqual(programs.map((program) => programInfo(program).id));
        removeClsact(ifindex);
        expect(ids()).toEqual([undefined, undefined]);
        removeClsact(ifindex);
      });
    });

    test("needs an interface of the namespace that the thread is in", () => {
      const program = load((b) => b.mov("r0", 0).exit());
      const attach = () => attachCls({ program, ifindex: 12345, direction: "egress", name: "x" });
      expect(() => inNamespace(there, attach)).toThrow("attaching a program to the egress of interface 12345");
      expect(inNamespace(there, () => detachCls({ ifindex: 12345, direction: "egress" }))).toBe(false);
    });
  });
});
