/** Port shapes for tests, and programs loaded from them. */
import { closeSync } from "node:fs";
import { assembleProgram, type Program } from "../../../ebpf/index.ts";
import { createMap, errnoCode, loadProgram, type MapSpec, mapUpdate, type ProgramKind } from "../../../system/index.ts";
import { TABLE_KEY_BYTES, TABLE_VALUE_BYTES, VLAN_IDS } from "../plan-table.ts";
import { vlanModeOf } from "../vlan.ts";
import { COUNTERS_BYTES } from "./counters.ts";
import { CONNECTION_BYTES, FLOW_BYTES } from "./firewall/places.ts";
import { BUCKETS_BYTES } from "./police.ts";
import type { GuestShape, Neighbours, UplinkShape } from "./port-shape.ts";

export const ALONE: Neighbours = { untagged: true, tagged: false, untaggedMirrors: false, taggedMirrors: false };
export const ALL_KINDS: Neighbours = { untagged: true, tagged: true, untaggedMirrors: true, taggedMirrors: true };

export function guest(vlanId: number, parts: Partial<GuestShape> = {}): GuestShape {
  const mode = vlanModeOf({ vlanId });
  const nothing = {
    mtu: 1500,
    isDeaf: false,
    blocksSwitchProtocols: false,
    hasExpress: false,
    handsOver: true,
    uplinks: "none",
    neighbours: ALONE,
  } as const;
  return { kind: "guest", number: 1, mode, ...nothing, ...parts };
}

export function uplink(parts: Partial<UplinkShape> = {}): UplinkShape {
  return { kind: "uplink", number: 0, mtu: 1500, hasSiblings: false, neighbours: ALONE, ...parts };
}

/** Root may still be forbidden it: in a container, or by a kernel that is locked down. */
export const hasBpf = process.getuid?.() === 0 && mayMakeMaps();

function mayMakeMaps(): boolean {
  try {
    closeSync(createMap({ kind: "array", keyBytes: 4, valueBytes: 8, entriesMax: 1, name: "probe" }));
    return true;
  } catch (error) {
    if (errnoCode(error) === "EPERM" || errnoCode(error) === "ENOSYS") return false;
    throw error;
  }
}

/** Every map that a program may name, empty. Closed with the test. */
export class EmptyMaps implements Disposable {
  readonly #fds = new Map<string, number>();
  readonly #programs: number[] = [];

  constructor() {
    const one = { keyBytes: 4, entriesMax: 1 } as const;
    const inner = this.#make({ kind: "hash", keyBytes: TABLE_KEY_BYTES, valueBytes: TABLE_VALUE_BYTES, entriesMax: 1, name: "inner" });
    const table = this.#make({ kind: "arrayOfMaps", ...one, valueBytes: 4, name: "table", inner });
    const value = Buffer.alloc(4);
    value.writeUInt32LE(inner);
    mapUpdate(table, Buffer.alloc(4), value);
    this.#make({ kind: "array", ...one, valueBytes: VLAN_IDS * 2, name: "standIns" });
    this.#make({ kind: "array", ...one, valueBytes: COUNTERS_BYTES, name: "counters" });
    this.#make({ kind: "array", ...one, valueBytes: BUCKETS_BYTES, name: "buckets" });
    this.#make({ kind: "array", ...one, valueBytes: 8 * 1000, name: "logged" });
    this.#make({ kind: "lruHash", keyBytes: FLOW_BYTES, valueBytes: CONNECTION_BYTES, entriesMax: 64, name: "connections" });
  }

  /** @throws {VerifierRefused} */
  load(program: Program, kind: ProgramKind = "schedCls"): number {
    const fd = loadProgram({ kind, code: assembleProgram(program, this.#fds), name: "test" });
    this.#programs.push(fd);
    return fd;
  }

  map(name: string): number {
    const fd = this.#fds.get(name);
    if (fd === undefined) throw new Error(`there is no map ${name}`);
    return fd;
  }

  #make(spec: MapSpec): number {
    const fd = createMap(spec);
    this.#fds.set(spec.name, fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#fds.values(), ...this.#programs]) closeSync(fd);
  }
}
