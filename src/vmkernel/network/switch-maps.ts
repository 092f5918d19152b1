/**
 * The maps of a switch in the kernel: its table, and which VLAN stands for which. Programs hold them; they go with the last program.
 * The table that programs look things up in is never changed: another takes its place in one step, and the kernel waits until no program
 * uses the one before. So a program sees one table or the other, and no entry that is being made into another one's.
 */
import { closeSync } from "node:fs";
import { createMap, mapUpdate, mapUpdateAll } from "../../system/index.ts";
import { INNER_TABLE, SWITCH_MAPS } from "./map-specs.ts";
import { encodeEntry, encodeKey, encodeStandIns, type TableEntry } from "./plan-table.ts";
import type { VlanClasses } from "./vlan.ts";

const FIRST = Buffer.alloc(4);

export interface Replacement {
  readonly takeBack: () => void;
  readonly keep: () => void;
}

export class SwitchMaps {
  /** Of all programs that use these maps: see the plan. */
  readonly generation: string;
  /** Of the switch. */
  readonly number: number;
  readonly #table: number;
  readonly #standIns: number;
  #current: number;
  /** What is in it. */
  #entries: readonly TableEntry[];

  constructor(parts: { number: number; generation: string; vlans: VlanClasses; entries: readonly TableEntry[] }) {
    this.generation = parts.generation;
    this.number = parts.number;
    this.#entries = parts.entries;
    this.#current = this.#make(parts.entries);
    this.#table = createMap({ ...SWITCH_MAPS.table, name: `s${parts.number}_table`, inner: this.#current });
    this.#standIns = createMap({ ...SWITCH_MAPS.standIns, name: `s${parts.number}_standIns` });
    mapUpdate(this.#standIns, FIRST, encodeStandIns(parts.vlans));
    this.#show(this.#current);
  }

  /** By the names that programs have for them. */
  get byName(): ReadonlyMap<string, number> {
    return new Map([
      ["table", this.#table],
      ["standIns", this.#standIns],
    ]);
  }

  /**
   * One that would be the same stays: the kernel waits some milliseconds for every table that goes.
   * @returns how to take it back, and how to let the one before go: one of the two, once; undefined where nothing is replaced
   */
  replace(entries: readonly TableEntry[]): Replacement | undefined {
    if (isSameTable(entries, this.#entries)) return undefined;
    const [before, after] = [this.#current, this.#make(entries)];
    const entriesBefore = this.#entries;
    this.#entries = entries;
    const settle = (current: number, other: number): void => {
      this.#current = current;
      closeSync(other);
    };
    try {
      this.#show(after);
    } catch (error) {
      this.#entries = entriesBefore;
      closeSync(after);
      throw error;
    }
    return {
      takeBack: () => {
        this.#show(before);
        this.#entries = entriesBefore;
        settle(before, after);
      },
      keep: () => settle(after, before),
    };
  }

  close(): void {
    for (const fd of [this.#table, this.#standIns, this.#current]) closeSync(fd);
  }

  #make(entries: readonly TableEntry[]): number {
    const table = createMap({ ...INNER_TABLE, entriesMax: Math.max(1, entries.length), name: `s${this.number}_entries` });
    try {
      const encoded = entries.map((entry) => [encodeKey(entry.key), encodeEntry(entry)] as const);
      mapUpdateAll(table, encoded);
      return table;
    } catch (error) {
      closeSync(table);
      throw error;
    }
  }

  #show(table: number): void {
    const value = Buffer.alloc(4);
    value.writeUInt32LE(table);
    mapUpdate(this.#table, FIRST, value);
  }
}

function isSameTable(one: readonly TableEntry[], other: readonly TableEntry[]): boolean {
  const isSame = (a: TableEntry, b: TableEntry | undefined): boolean =>
    a.key === b?.key && a.ifindex === b.ifindex && a.isTagged === b.isTagged && a.uplinks === b.uplinks;
  return one.length === other.length && one.every((entry, index) => isSame(entry, other[index]));
}
