/**
 * vim25 HistoryCollector: a session's way through a log that passes a filter, page by page, and the newest page live.
 * It keeps a place between two entries and nothing of the entries themselves.
 */
import { fault, type MoRef } from "../wire/index.ts";

/** A log as a collector reads it: entries with ascending keys. */
export interface HistoryLog<Item, Filter> {
  keyOf(item: Item): number;
  /** The first `max` entries after that key, oldest first. */
  after(key: number, filter: Filter, max: number): readonly Item[];
  /** The last `max` entries up to and with that key, newest first. */
  upTo(key: number, filter: Filter, max: number): readonly Item[];
  /** Calls `listener` for every entry that is new or has changed, until the returned function is called. */
  onNew(listener: () => void): () => void;
}

const PAGE_DEFAULT = 10; // vim25's own
const PAGE_MAX = 1000; // vim25's own bound of a page, and of one reading

export class HistoryCollector<Ref extends MoRef, Item, Filter> {
  readonly ref: Ref;
  readonly filter: Filter;
  readonly #log: HistoryLog<Item, Filter>;
  readonly #signal: (ref: MoRef) => void;
  readonly #stopListening: () => void;
  #pageSize = PAGE_DEFAULT;
  /** What is read next comes after this entry; what is read backwards begins with it. */
  #placeKey = 0;
  #latestPage: readonly Item[] | undefined;

  /** @param signal is called with the collector when its latest page may have changed */
  constructor(ref: Ref, filter: Filter, log: HistoryLog<Item, Filter>, signal: (ref: MoRef) => void) {
    this.ref = ref;
    this.filter = filter;
    this.#log = log;
    this.#signal = signal;
    this.#stopListening = log.onNew(() => this.#pageChanged());
  }

  /** Newest first. */
  get latestPage(): readonly Item[] {
    this.#latestPage ??= this.#log.upTo(Number.MAX_SAFE_INTEGER, this.filter, this.#pageSize);
    return this.#latestPage;
  }

  setPageSize(entries: number): void {
    if (!isPageSize(entries) && entries !== 0) throw wrongCount("maxCount");
    this.#pageSize = entries;
    this.#pageChanged();
  }

  /** Oldest first. */
  readNext(max: number): readonly Item[] {
    if (!isPageSize(max)) throw wrongCount("maxCount");
    const entries = this.#log.after(this.#placeKey, this.filter, max);
    const newest = entries.at(-1);
    if (newest !== undefined) this.#placeKey = this.#log.keyOf(newest);
    return entries;
  }

  /** Newest first. */
  readPrevious(max: number): readonly Item[] {
    if (!isPageSize(max)) throw wrongCount("maxCount");
    const entries = this.#log.upTo(this.#placeKey, this.filter, max);
    const oldest = entries.at(-1);
    if (oldest !== undefined) this.#placeKey = this.#log.keyOf(oldest) - 1;
    return entries;
  }

  /** To the place before the oldest entry. */
  rewind(): void {
    this.#placeKey = 0;
  }

  /** To the place before the latest page. */
  reset(): void {
    const oldest = this.latestPage.at(-1);
    this.#placeKey = oldest === undefined ? 0 : this.#log.keyOf(oldest) - 1;
  }

  dispose(): void {
    this.#stopListening();
  }

  #pageChanged(): void {
    this.#latestPage = undefined;
    this.#signal(this.ref);
  }
}

const isPageSize = (entries: number): boolean => entries >= 1 && entries <= PAGE_MAX;

function wrongCount(invalidProperty: string) {
  return fault("InvalidArgument", `${invalidProperty} is not from 1 to ${PAGE_MAX}.`, { invalidProperty });
}
