/**
 * What each of a guest's drivers has set at its adapter, by now: its MAC, and the groups that it asks for. virtio's QEMU tells unasked
 * that something changed; of the others it must be asked.
 * Paper «Virtual Ports»: a port learns its address from the adapter itself, never from frames.
 */
import { isDeepStrictEqual } from "node:util";
import type { AdapterState } from "../machine.ts";
import { parseNetClients } from "./parse-net-clients.ts";
import { parseRxFilters } from "./parse-rx-filters.ts";

/** Also of a guest that sends nothing: what is sent to its new address is to reach it. One that sends is looked at sooner. */
const LOOK_INTERVAL_MS = 10_000;

export interface AdapterWatchParts {
  /** QEMU's answers to `info network` and to `query-rx-filter`. */
  readonly ask: () => Promise<{ readonly clients: unknown; readonly filters: unknown }>;
  readonly onChange: () => void;
}

export class AdapterWatch {
  readonly #parts: AdapterWatchParts;
  #adapters: ReadonlyMap<number, AdapterState> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isChanged = false;

  constructor(parts: AdapterWatchParts) {
    this.#parts = parts;
  }

  /** By the key of the NIC, as last seen. */
  get adapters(): ReadonlyMap<number, AdapterState> {
    return this.#adapters;
  }

  /** Resolves when the first look has been taken. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
    await this.look();
  }

  /** One that comes while another is taken is taken after it: what that one is told of may have happened behind its back. */
  async look(): Promise<void> {
    this.#isChanged = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (this.#isChanged) {
        this.#isChanged = false;
        await this.#take();
      }
    } finally {
      this.#isLooking = false;
    }
  }

  async #take(): Promise<void> {
    try {
      const { clients, filters } = await this.#parts.ask();
      const adapters = adaptersOf(clients, filters);
      if (isDeepStrictEqual(adapters, this.#adapters)) return;
      this.#adapters = adapters;
      this.#parts.onChange();
    } catch {
      // a monitor that does not answer is asked again next time, or has ended
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function adaptersOf(clients: unknown, filters: unknown): ReadonlyMap<number, AdapterState> {
  const groups = parseRxFilters(filters);
  const adapters = [...parseNetClients(clients).macs].map(([key, mac]) => {
    const asked = groups.get(key);
    return [key, { mac, ...(asked && { groups: asked }) }] as const;
  });
  return new Map(adapters);
}
