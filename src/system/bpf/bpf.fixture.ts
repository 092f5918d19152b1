/** Programs, maps and taps of a test's own, gone with the test. */
import { closeSync, writeSync } from "node:fs";
import { assembleProgram, ProgramBuilder } from "../../ebpf/index.ts";
import { errnoCode } from "../libc.ts";
import { createTap, inNamespace, linkIndex, setLink } from "../network/index.ts";
import { TestNamespaces } from "../network/namespace.fixture.ts";
import { createMap, loadProgram, type MapKind, mapLookup, type ProgramKind } from "./index.ts";

const isRoot = process.getuid?.() === 0;

/** Root may still be forbidden it: in a container, or by a kernel that is locked down or has none. */
export const hasBpf = isRoot && mayMakeMaps();

function mayMakeMaps(): boolean {
  try {
    closeSync(createMap({ kind: "array", keyBytes: 4, valueBytes: 8, entriesMax: 1, name: "probe" }));
    return true;
  } catch (error) {
    if (errnoCode(error) === "EPERM" || errnoCode(error) === "ENOSYS") return false;
    throw error;
  }
}

/** A broadcast of an EtherType that nobody speaks. */
export const FRAME = Buffer.concat([Buffer.from("ffffffffffff02000000000188b5", "hex"), Buffer.alloc(46, 7)]);

/** A key of an array, or of any map with keys of 4 bytes. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export type Write = (builder: ProgramBuilder) => ProgramBuilder;

export interface Tap {
  readonly ifindex: number;
  /** What comes out of the tap, as if a guest had sent it. */
  readonly send: () => void;
}

/** Descriptors that are closed in the end, and a namespace that goes then. */
export class TestObjects implements Disposable {
  readonly #fds: number[] = [];
  readonly #namespaces = new TestNamespaces();

  keep(fd: number | undefined): number {
    if (fd === undefined) throw new Error("there is none");
    this.#fds.push(fd);
    return fd;
  }

  map(kind: MapKind, { valueBytes = 8, entriesMax = 4 } = {}): number {
    return this.keep(createMap({ kind, keyBytes: 4, valueBytes, entriesMax, name: "test_map" }));
  }

  program(write: Write, maps: ReadonlyMap<string, number> = new Map(), kind: ProgramKind = "schedCls"): number {
    const code = assembleProgram(write(new ProgramBuilder()).build(), maps);
    return this.keep(loadProgram({ kind, code, name: "test" }));
  }

  /** A program that counts its runs. */
  counter(verdict: number, kind: ProgramKind = "schedCls"): { readonly program: number; readonly runs: () => number } {
    const map = this.map("array", { entriesMax: 1 });
    const write: Write = (b) => b.loadMapValue("r1", "runs").mov("r2", 1).atomicAdd(8, "r1", 0, "r2").mov("r0", verdict).exit();
    const runs = () => Number(mapLookup(map, u32(0), 8)?.readBigUInt64LE());
    return { program: this.program(write, new Map([["runs", map]]), kind), runs };
  }

  /** Does something in a namespace with nothing but a tap. */
  besideTap(deed: (tap: Tap) => void): void {
    inNamespace(this.#namespaces.make("there"), () => {
      const fd = this.keep(createTap("t0", { vnetHeader: false }));
      setLink("t0", { up: true });
      deed({ ifindex: linkIndex("t0") ?? 0, send: () => writeSync(fd, FRAME) });
    });
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
    this.#namespaces[Symbol.dispose]();
  }
}
