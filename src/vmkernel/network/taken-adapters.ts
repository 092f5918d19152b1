/**
 * The machine's adapters that are in the switches' namespace: how they come there, and how the machine has them back as they were.
 * Called in the machine's own namespace.
 */
import type { Undo } from "../../base/index.ts";
import { disableIpv6, fetchLink, inNamespace, type Link, listLinks, moveLink, setLink } from "../../system/index.ts";
import { type MachineAdapter, readMachineAdapter, refuseHeld, restoreMachineAdapter } from "./machine-adapter.ts";
import { isPort } from "./port-links.ts";
import { type Trying, tryingWith } from "./trying.ts";

export interface TakenAdaptersParts {
  /** The file that keeps the namespace of the switches. */
  readonly namespace: string;
  readonly log: (line: string) => void;
}

const LOOPBACK = "lo";

export class TakenAdapters {
  readonly #parts: TakenAdaptersParts;
  readonly #trying: Trying;
  #before: readonly MachineAdapter[] = [];

  constructor(parts: TakenAdaptersParts) {
    this.#parts = parts;
    this.#trying = tryingWith(parts.log);
  }

  /** As they were when they were taken. */
  get before(): readonly MachineAdapter[] {
    return this.#before;
  }

  /** What an earlier vmkernel took. */
  adopt(before: readonly MachineAdapter[]): void {
    this.#before = before;
  }

  /** @throws {Fault} ResourceInUse */
  refuseHeld(devices: readonly string[]): void {
    for (const device of devices) {
      const adapter = readMachineAdapter(device); // none where a switch has it already
      if (adapter !== undefined) refuseHeld(adapter);
    }
  }

  /**
   * Learns how those of the machine's are that are to be taken: to be written down before they are, for an adapter that is moved has none
   * of its addresses any more. One that the machine does not have may come later; until then it has no link.
   * @returns the names of those that the machine has
   */
  learn(devices: readonly string[]): readonly string[] {
    const there = new Set(this.#links().map(({ name }) => name));
    const found = devices.flatMap((device) => (there.has(device) ? [] : (readMachineAdapter(device) ?? [])));
    const names = found.map(({ name }) => name);
    this.#before = [...this.#before.filter(({ name }) => !names.includes(name)), ...found];
    return names;
  }

  /** @param devices that were learned of */
  take(devices: readonly string[], undo: Undo): void {
    for (const device of devices) {
      moveLink(device, this.#parts.namespace);
      undo.add(() => this.#giveBack(device));
      this.#there(() => disableIpv6(device));
    }
  }

  giveBackAllBut(wanted: ReadonlySet<string>): void {
    for (const { name } of this.#links()) {
      if (!wanted.has(name)) this.#trying(`giving back ${name}`, () => this.#giveBack(name));
    }
  }

  giveBackAll(): void {
    for (const { name } of this.#links()) this.#giveBack(name);
    this.#before = [];
  }

  #giveBack(device: string): void {
    this.#there(() => setLink(device, { up: false, promiscuous: false }));
    fetchLink(device, this.#parts.namespace);
    const adapter = this.#before.find(({ name }) => name === device);
    if (adapter !== undefined) restoreMachineAdapter(adapter, this.#parts.log);
    this.#before = this.#before.filter((one) => one !== adapter);
  }

  #links(): readonly Link[] {
    return this.#there(listLinks).filter(({ name }) => name !== LOOPBACK && !isPort(name));
  }

  #there<T>(deed: () => T): T {
    return inNamespace(this.#parts.namespace, deed);
  }
}
