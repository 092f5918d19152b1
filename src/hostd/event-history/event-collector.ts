/**
 * vim25 EventHistoryCollector: a session's way through the events that pass a filter, page by page, and the newest page live.
 * It keeps a place between two events and nothing of the events themselves. Source: vim25 HistoryCollector.
 */
import { type Event, type EventFilterSpec, fault, type MoRef } from "../../wire/index.ts";

/** The events as a collector reads them. */
export interface EventLog {
  /** The first `max` events after that key, oldest first. */
  after(key: number, filter: EventFilterSpec, max: number): readonly Event[];
  /** The last `max` events up to and with that key, newest first. */
  upTo(key: number, filter: EventFilterSpec, max: number): readonly Event[];
  /** Calls `listener` for every new event until the returned function is called. */
  onNew(listener: () => void): () => void;
}

const PAGE_DEFAULT = 10; // vim25's own
const PAGE_MAX = 1000; // vim25's own bound of a page, and of one reading

export class EventCollector {
  readonly ref: MoRef<"EventHistoryCollector">;
  readonly filter: EventFilterSpec;
  readonly #log: EventLog;
  readonly #signal: (ref: MoRef) => void;
  readonly #stopListening: () => void;
  #pageSize = PAGE_DEFAULT;
  /** What is read next comes after this event; what is read backwards begins with it. */
  #placeKey = 0;
  #latestPage: readonly Event[] | undefined;

  /** @param signal is called with the collector when its latest page may have changed */
  constructor(ref: MoRef<"EventHistoryCollector">, filter: EventFilterSpec, log: EventLog, signal: (ref: MoRef) => void) {
    this.ref = ref;
    this.filter = filter;
    this.#log = log;
    this.#signal = signal;
    this.#stopListening = log.onNew(() => this.#pageChanged());
  }

  /** Newest first. */
  get latestPage(): readonly Event[] {
    this.#latestPage ??= this.#log.upTo(Number.MAX_SAFE_INTEGER, this.filter, this.#pageSize);
    return this.#latestPage;
  }

  setPageSize(events: number): void {
    if (!isPageSize(events) && events !== 0) throw wrongCount("maxCount");
    this.#pageSize = events;
    this.#pageChanged();
  }

  /** Oldest first. */
  readNext(max: number): readonly Event[] {
    if (!isPageSize(max)) throw wrongCount("maxCount");
    const events = this.#log.after(this.#placeKey, this.filter, max);
    this.#placeKey = events.at(-1)?.key ?? this.#placeKey;
    return events;
  }

  /** Newest first. */
  readPrevious(max: number): readonly Event[] {
    if (!isPageSize(max)) throw wrongCount("maxCount");
    const events = this.#log.upTo(this.#placeKey, this.filter, max);
    const oldest = events.at(-1);
    if (oldest !== undefined) this.#placeKey = oldest.key - 1;
    return events;
  }

  /** To the place before the oldest event. */
  rewind(): void {
    this.#placeKey = 0;
  }

  /** To the place before the latest page. */
  reset(): void {
    this.#placeKey = (this.latestPage.at(-1)?.key ?? 1) - 1;
  }

  dispose(): void {
    this.#stopListening();
  }

  #pageChanged(): void {
    this.#latestPage = undefined;
    this.#signal(this.ref);
  }
}

const isPageSize = (events: number): boolean => events >= 1 && events <= PAGE_MAX;

function wrongCount(invalidProperty: string) {
  return fault("InvalidArgument", `${invalidProperty} is not from 1 to ${PAGE_MAX}.`, { invalidProperty });
}
