/** Which places of a file are taken: a bit for each, in pages that are made when they are first needed. Pure. */

const PAGE_BITS = 32 * 1024;
const PAGES_MAX = 16 * 1024; // 64 MiB of memory: 512 million places, in a file that really has them

export class GrainMap {
  readonly #step: number;
  readonly #pages = new Map<number, Uint8Array>();

  /** @param sectors that what lies at a place takes */
  constructor(sectors: number) {
    this.#step = Math.max(1, sectors);
  }

  /**
   * Two things of that length that begin in one step lie over one another.
   * @returns false when something is there already; past the bound of memory nothing is told any more
   */
  add(sector: number): boolean {
    const place = Math.floor(sector / this.#step);
    const index = Math.floor(place / PAGE_BITS);
    let page = this.#pages.get(index);
    if (page === undefined) {
      if (this.#pages.size >= PAGES_MAX) return true;
      page = new Uint8Array(PAGE_BITS / 8);
      this.#pages.set(index, page);
    }
    const at = place % PAGE_BITS;
    const mask = 1 << (at % 8);
    const byte = page[at >> 3] ?? 0;
    page[at >> 3] = byte | mask;
    return (byte & mask) === 0;
  }
}
