/**
 * Transparent page sharing: the kernel scans what monitors have offered, and keeps equal pages once, to be copied on a write.
 * It has no groups: all that is offered at one time is one group, so monitors of one salt are offered at a time and no others.
 * Paper «Memory Isolation»; kernel admin-guide/mm/ksm.
 */
import { messageOf } from "../../base/index.ts";
import { hasKsm, type KsmState, setKsm } from "../../system/index.ts";

export interface PageSharingParts {
  readonly log: (line: string) => void;
}

export class PageSharing {
  readonly #parts: PageSharingParts;
  #pagesPerSecondOfEach = 0;
  #sharing = 0;
  /** What we have told the kernel; undefined while nobody of ours shares, and what it does is others' to say. */
  #told: { readonly state: KsmState; readonly pagesPerSecond: number } | undefined;

  constructor(parts: PageSharingParts) {
    this.#parts = parts;
  }

  /** @param pagesPerSecond to be scanned for each VM that shares; with 0 what is merged is made everyone's own again */
  configure(pagesPerSecond: number): void {
    this.#pagesPerSecondOfEach = pagesPerSecond;
    this.#apply();
  }

  /** @param count of the monitors that run and have offered their memory */
  setSharing(count: number): void {
    this.#sharing = count;
    this.#apply();
  }

  #apply(): void {
    const wanted = planKsm({ sharing: this.#sharing, pagesPerSecond: this.#pagesPerSecondOfEach });
    if (wanted.state === "stopped" && this.#told === undefined) return; // nothing was begun
    if (this.#told?.state === wanted.state && this.#told.pagesPerSecond === wanted.pagesPerSecond) return;
    if (!hasKsm()) return;
    try {
      setKsm(wanted.state, wanted.pagesPerSecond);
      this.#told = wanted.state === "stopped" ? undefined : wanted;
    } catch (error) {
      this.#parts.log(`page sharing: ${messageOf(error)}`);
    }
  }
}

/** Pure. */
export function planKsm({ sharing, pagesPerSecond }: { readonly sharing: number; readonly pagesPerSecond: number }) {
  const state: KsmState = sharing === 0 ? "stopped" : pagesPerSecond === 0 ? "unmerged" : "scanning";
  return { state, pagesPerSecond: state === "scanning" ? sharing * pagesPerSecond : 0 };
}
