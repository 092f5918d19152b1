/** vim25 EventHistoryCollector: the events that pass a filter. */
import type { Event, EventFilterSpec, MoRef } from "../../wire/index.ts";
import { HistoryCollector, type HistoryLog } from "../history-collector.ts";

export type EventLog = HistoryLog<Event, EventFilterSpec>;

export class EventCollector extends HistoryCollector<MoRef<"EventHistoryCollector">, Event, EventFilterSpec> {}
