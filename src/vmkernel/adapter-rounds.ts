/**
 * Which monitors are asked, once a second, what their guests' drivers have set at the adapters: those whose guests have sent a frame since.
 * From another address a guest sends sooner or later; to be asked costs QEMU half a millisecond, and most guests are silent.
 */
import { messageOf, repeat, type VmId } from "../base/index.ts";
import type { HostNetwork } from "./host-network.ts";
import type { Monitor } from "./vmm/index.ts";

/** Until then a guest's new address is not known, and what it sends from it is forged. */
const ROUND_MS = 1000;

export interface AdapterRoundsParts {
  readonly network: Pick<HostNetwork, "loads">;
  /** Those that are not ending. */
  readonly running: () => readonly Pick<Monitor, "vm" | "lookAtAdapters">[];
  readonly log: (line: string) => void;
}

export class AdapterRounds implements Disposable {
  readonly #parts: AdapterRoundsParts;
  readonly #rounds: Disposable;
  #sent: ReadonlyMap<VmId, number> = new Map();

  constructor(parts: AdapterRoundsParts) {
    this.#parts = parts;
    const log = (error: unknown) => parts.log(`looking for guests that have sent something: ${messageOf(error)}`);
    this.#rounds = repeat(ROUND_MS, async () => this.#goRound(), log);
  }

  [Symbol.dispose](): void {
    this.#rounds[Symbol.dispose]();
  }

  /** Nobody waits for a monitor that does not answer. */
  #goRound(): void {
    const before = this.#sent;
    this.#sent = new Map(
      [...this.#parts.network.loads()].map(([vm, nics]) => [vm, nics.reduce((sum, nic) => sum + nic.transmittedPackets, 0)]),
    );
    for (const monitor of this.#parts.running()) if (this.#sent.get(monitor.vm) !== before.get(monitor.vm)) void monitor.lookAtAdapters();
  }
}
