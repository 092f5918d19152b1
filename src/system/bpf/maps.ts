/**
 * BPF maps: tables that programs and we share. Source: Linux include/uapi/linux/bpf.h, BPF_MAP_CREATE and BPF_MAP_*_ELEM.
 * The kernel reads and writes as many bytes as the map's keys and values have, wherever it is pointed to, so each call asks it first.
 */
import { readFileSync } from "node:fs";
import { assert } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import { attempt, bpf, type Command, type Field } from "./call.ts";
import { type MapInfo, mapInfo } from "./info.ts";
import { MAP_KINDS, type MapKind, PERCPU_KINDS } from "./map-kinds.ts";
import { NativeMemory } from "./native-memory.ts";

export interface MapSpec {
  readonly kind: MapKind;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  /** 1 to 15 letters, digits, "_" and ".". */
  readonly name: string;
  /** BPF_F_NO_PREALLOC and its like. */
  readonly flags?: number;
  /** Of a map of maps: one such as its values will be. Its values are descriptors when they are written. */
  readonly inner?: number;
}

/** @returns a descriptor, the caller's to close; the map lives as long as a descriptor, a pin or a program holds it */
export function createMap({ kind, keyBytes, valueBytes, entriesMax, name, flags = 0, inner = 0 }: MapSpec): number {
  const fields: readonly Field[] = [
    [0, MAP_KINDS[kind]],
    [4, keyBytes],
    [8, valueBytes],
    [12, entriesMax],
    [16, flags],
    [20, inner],
    [28, name],
  ];
  return attempt(`creating the map ${name}`, () => bpf("createMap", fields).result);
}

/** Sets the value of a key, in one step: a program sees the old one or the new. */
export function mapUpdate(map: number, key: Buffer, value: Buffer): void {
  const info = checkKey(map, key);
  checkValue(info, value.length);
  using from = NativeMemory.of(value);
  attempt(`writing to the map ${info.name}`, () => askElement("update", map, key, from));
}

/** Sets many values with one call, one after the other. */
export function mapUpdateAll(map: number, entries: readonly (readonly [key: Buffer, value: Buffer])[]): void {
  const [first] = entries;
  if (first === undefined) return;
  const info = checkKey(map, first[0]);
  checkValue(info, first[1].length);
  assert(
    entries.every(([key, value]) => key.length === first[0].length && value.length === first[1].length),
    `all that is written to the map ${info.name} has one length`,
  );
  using keys = NativeMemory.of(Buffer.concat(entries.map(([key]) => key)));
  using values = NativeMemory.of(Buffer.concat(entries.map(([, value]) => value)));
  const fields: readonly Field[] = [
    [16, keys.address],
    [24, values.address],
    [32, entries.length],
    [36, map],
  ];
  attempt(`writing to the map ${info.name}`, () => bpf("updateBatch", fields));
}

/** @returns undefined when the map has no such key */
export function mapLookup(map: number, key: Buffer, valueBytes: number): Buffer | undefined {
  const info = checkKey(map, key);
  checkValue(info, valueBytes);
  using to = new NativeMemory(valueBytes);
  const found = attempt(`reading the map ${info.name}`, () => unlessMissing(() => askElement("lookup", map, key, to)));
  return found ? Buffer.from(to.bytes.subarray(0, valueBytes)) : undefined;
}

/** @returns whether the map had the key. An array keeps all its keys: EINVAL. */
export function mapDelete(map: number, key: Buffer): boolean {
  const info = checkKey(map, key);
  return attempt(`removing from the map ${info.name}`, () => unlessMissing(() => askElement("delete", map, key)));
}

/** All keys; one that comes or goes meanwhile may be missing, none is there twice. */
export function mapKeys(map: number, keyBytes: number): Buffer[] {
  const info = checkKey(map, Buffer.alloc(keyBytes));
  using last = new NativeMemory(keyBytes);
  using next = new NativeMemory(keyBytes);
  const found = new Map<string, Buffer>();
  const step = (from: bigint) =>
    unlessMissing(() => {
      const fields: readonly Field[] = [
        [0, map],
        [8, from],
        [16, next.address],
      ];
      bpf("nextKey", fields);
    });
  // When the last key has been removed the kernel begins again: what was found already ends it then.
  for (let from = 0n; attempt(`listing the map ${info.name}`, () => step(from)); from = last.address) {
    const key = Buffer.from(next.bytes.subarray(0, keyBytes));
    if (found.has(key.toString("hex"))) break;
    found.set(key.toString("hex"), key);
    last.bytes.set(key);
  }
  return [...found.values()];
}

/** How many bytes the values of one key have together in a map with a value for each CPU. */
export function percpuBytes(valueBytes: number): number {
  return Math.ceil(valueBytes / PERCPU_ALIGNMENT) * PERCPU_ALIGNMENT * possibleCpus();
}

const PERCPU_ALIGNMENT = 8;

let cpus: number | undefined;

/** CPUs that the machine could have, also when they are off or not plugged in: the kernel has a value for each. */
export function possibleCpus(): number {
  cpus ??= countCpus(readFileSync("/sys/devices/system/cpu/possible", "utf8"));
  return cpus;
}

/** @param list "0-3,8" */
export function countCpus(list: string): number {
  const ranges = list.trim().split(",");
  return ranges.reduce((sum, range) => {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    return sum + last - first + 1;
  }, 0);
}

function checkKey(map: number, key: Buffer): MapInfo {
  const info = mapInfo(map);
  assert(key.length === info.keyBytes, `a key of the map ${info.name} has ${info.keyBytes} bytes, not ${key.length}`);
  return info;
}

function checkValue({ name, kind, valueBytes }: MapInfo, length: number): void {
  const bytes = PERCPU_KINDS.has(kind) ? percpuBytes(valueBytes) : valueBytes;
  assert(length === bytes, `a value of the map ${name} has ${bytes} bytes, not ${length}`);
}

function askElement(command: Extract<Command, "lookup" | "update" | "delete">, map: number, key: Buffer, value?: NativeMemory): void {
  using nativeKey = NativeMemory.of(key);
  bpf(command, [
    [0, map],
    [8, nativeKey.address],
    [16, value?.address ?? 0n],
  ]);
}

/** @returns whether it was there */
function unlessMissing(deed: () => void): boolean {
  try {
    deed();
    return true;
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return false;
    throw error;
  }
}
