/**
 * The maps of a switch in the kernel: its table, and which VLAN stands for which. Programs hold them; they go with the last program.
 * What is in the table that programs look things up in never changes: another table takes its place in one step, and the kernel waits
 * until no program uses the one before. So a program sees one table or the other, and no entry that is being made into another one's.
 * What only comes to it, as that of a port that is plugged in, is put into the table that is there, which nobody has to wait for.
 */
import { closeSync } from "node:fs";
import { createMap, mapDelete, mapUpdate, mapUpdateAll } from "../../system/index.ts";
import { INNER_TABLE, SWITCH_MAPS } from "./map-specs.ts";
import { addedTo, encodeEntry, encodeKey, encodeStandIns, ROOM, type TableEntry } from "./plan-table.ts";
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
  /** For how many entries more there is room; none where some were taken out again, whose places a program may still read. */
  #room = ROOM;

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
    const added = addedTo(this.#entries, entries);
    if (added?.length === 0) return undefined;
    if (added !== undefined && added.length <= this.#room) return this.#add(added);
    const [before, after] = [this.#current, this.#make(entries)];
    const [entriesBefore, roomBefore] = [this.#entries, this.#room];
    try {
      this.#show(after);
    } catch (error) {
      closeSync(after);
      throw error;
    }
    this.#entries = entries;
    this.#room = ROOM;
    const settle = (current: number, other: number): void => {
      this.#current = current;
      closeSync(other);
    };
    return {
      takeBack: () => {
        this.#show(before);
        this.#entries = entriesBefore;
        this.#room = roomBefore;
        settle(before, after);
      },
      keep: () => settle(after, before),
    };
  }

  /** @param added in the order of their lists: whoever goes through one meanwhile finds no gap */
  #add(added: readonly TableEntry[]): Replacement {
    const entriesBefore = this.#entries;
    const takeBack = (): void => {
      this.#entries = entriesBefore;
      this.#room = 0;
      for (const { key } of [...added].reverse()) mapDelete(this.#current, encodeKey(key));
    };
    try {
      mapUpdateAll(this.#current, encode(added));
    } catch (error) {
      takeBack();
      throw error;
    }
    this.#entries = [...entriesBefore, ...added];
    this.#room -= added.length;
    return { takeBack, keep: () => {} };
  }

  close(): void {
    for (const fd of [this.#table, this.#standIns, this.#current]) closeSync(fd);
  }

  #make(entries: readonly TableEntry[]): number {
    const table = createMap({ ...INNER_TABLE, entriesMax: entries.length + ROOM, name: `s${this.number}_entries` });
    try {
      mapUpdateAll(table, encode(entries));
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

function encode(entries: readonly TableEntry[]): readonly (readonly [key: Buffer, value: Buffer])[] {
  return entries.map((entry) => [encodeKey(entry.key), encodeEntry(entry)] as const);
}
