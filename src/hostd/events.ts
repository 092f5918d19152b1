/**
 * Events: what happened on this host, in order, kept over restarts.
 * Source: vim25 Event and its subclasses; ESXi's access control for types and texts.
 */
import type { Clock } from "../base/index.ts";
import type { DataObjects, Event, EventFilterSpec, MoRef } from "../wire/index.ts";
import type { Changes } from "./changes.ts";
import type { Connection } from "./database.ts";
import { categoryOf, type PostedEvent } from "./event-history/event-catalogue.ts";
import type { EventLog } from "./event-history/event-collector.ts";
import { fromStored, toStored } from "./stored.ts";

const EVENTS_KEPT = 10_000; // a busy host writes some hundreds a day; QueryEvents answers at most EVENTS_ANSWERED of them
const EVENTS_ANSWERED = 1000; // vim25 EventManager.maxCollector's usual page bound
const EVENT_MANAGER: MoRef<"EventManager"> = { type: "EventManager", value: "ha-eventmgr" };

type OwnFields<Name extends PostedEvent> = Omit<DataObjects[Name], keyof Event>;

/** Where it happened and who did it, as every event carries it. */
export interface EventContext {
  readonly userName: string;
  readonly vm?: { readonly ref: MoRef; readonly name: string };
  /** Ties the events of one request together: the task's eventChainId. */
  readonly chainId?: number;
}

export class Events implements EventLog {
  readonly #database: Connection;
  readonly #changes: Changes;
  readonly #clock: Clock;
  readonly #hostName: string;
  readonly #log: (line: string) => void;

  /** @param log is told of every event, for hostd's own log */
  constructor(database: Connection, changes: Changes, clock: Clock, hostName: string, log: (line: string) => void = () => {}) {
    this.#database = database;
    this.#changes = changes;
    this.#clock = clock;
    this.#hostName = hostName;
    this.#log = log;
  }

  /** Records an event of the schema's type `name`. @param message vim25 fullFormattedMessage, for people */
  post<Name extends PostedEvent>(name: Name, message: string, context: EventContext, fields: OwnFields<Name>): void {
    const createdTime = new Date(this.#clock.now());
    const write = this.#database.transaction((): number => {
      const { seq } = (this.#database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'event'").get() ?? { seq: 0 }) as {
        seq: number;
      };
      const key = seq + 1;
      const event = { $type: name, key, chainId: context.chainId ?? key, createdTime, userName: context.userName, ...this.#place(context) };
      const text = toStored({ ...event, fullFormattedMessage: message, ...fields });
      this.#database.prepare("INSERT INTO event (created_at, event) VALUES (?, ?)").run(createdTime.getTime(), text);
      this.#database.prepare("DELETE FROM event WHERE key <= ?").run(key - EVENTS_KEPT);
      return key;
    });
    this.#log(`Event ${write()} : ${name}: ${message}`);
    this.#changes.changed(EVENT_MANAGER);
  }

  latest(): Event | undefined {
    const row = this.#database.prepare("SELECT event FROM event ORDER BY key DESC LIMIT 1").get() as { event: string } | undefined;
    return row === undefined ? undefined : (fromStored(row.event) as Event);
  }

  /** The events that a filter lets through, oldest first, at most EVENTS_ANSWERED of the newest. */
  query(filter: EventFilterSpec): readonly Event[] {
    return this.upTo(Number.MAX_SAFE_INTEGER, filter, Math.min(EVENTS_ANSWERED, filter.maxCount ?? EVENTS_ANSWERED)).toReversed();
  }

  keyOf({ key }: Event): number {
    return key;
  }

  after(key: number, filter: EventFilterSpec, max: number): readonly Event[] {
    return firstThatPass(this.#database.prepare("SELECT event FROM event WHERE key > ? ORDER BY key").iterate(key), filter, max);
  }

  upTo(key: number, filter: EventFilterSpec, max: number): readonly Event[] {
    return firstThatPass(this.#database.prepare("SELECT event FROM event WHERE key <= ? ORDER BY key DESC").iterate(key), filter, max);
  }

  onNew(listener: () => void): () => void {
    return this.#changes.onChange((changed) => {
      if (changed.value === EVENT_MANAGER.value) listener();
    });
  }

  #place({ vm }: EventContext): Partial<Event> {
    return {
      datacenter: { name: "ha-datacenter", datacenter: { type: "Datacenter", value: "ha-datacenter" } },
      computeResource: { name: this.#hostName, computeResource: { type: "ComputeResource", value: "ha-compute-res" } },
      host: { name: this.#hostName, host: { type: "HostSystem", value: "ha-host" } },
      ...(vm === undefined ? {} : { vm: { name: vm.name, vm: vm.ref } }),
    };
  }
}

function firstThatPass(rows: Iterable<unknown>, filter: EventFilterSpec, max: number): readonly Event[] {
  const found: Event[] = [];
  if (max <= 0) return found;
  for (const row of rows as Iterable<{ event: string }>) {
    const event = fromStored(row.event) as Event;
    if (passesFilter(event, filter)) found.push(event);
    if (found.length >= max) break;
  }
  return found;
}

/** Whether an event passes EventFilterSpec's type, category, time, user, entity and chain filters. Pure. */
export function passesFilter(event: Event, filter: EventFilterSpec): boolean {
  const types = [...(filter.type ?? []), ...(filter.eventTypeId ?? []).map((id) => id.replace(/^vim\.event\./, ""))];
  const ownId = "eventTypeId" in event ? String(event.eventTypeId) : ""; // of an EventEx, by which alone its kind is known
  if (types.length > 0 && !types.includes(event.$type ?? "") && !types.includes(ownId)) return false;
  const categories = filter.category ?? [];
  if (categories.length > 0 && !categories.includes(categoryOf(event.$type ?? "") ?? "")) return false;
  if (filter.time?.beginTime !== undefined && event.createdTime < filter.time.beginTime) return false;
  if (filter.time?.endTime !== undefined && event.createdTime > filter.time.endTime) return false;
  if (filter.eventChainId !== undefined && event.chainId !== filter.eventChainId) return false;
  const users = filter.userName?.userList;
  if (users !== undefined && users.length > 0 && !users.includes(event.userName)) return false;
  return filter.entity === undefined || isAbout(event, filter.entity.entity, filter.entity.recursion);
}

function isAbout(event: Event, entity: MoRef, recursion: string): boolean {
  if (event.vm?.vm.value === entity.value) return recursion !== "children";
  const places = [event.host?.host, event.computeResource?.computeResource, event.datacenter?.datacenter];
  const contains = entity.value === "ha-folder-root" || places.some((place) => place?.value === entity.value);
  // On one host everything lies beneath each of these; an event of the entity itself is one that names no VM.
  return contains && (recursion === "all" || (recursion === "self" ? event.vm === undefined : event.vm !== undefined));
}
