/**
 * EventManager.PostEvent: what a client wants written among the host's events. It is the client's word: when, by whom and in what
 * order is the host's, and no client says what only the host can know. Pure but for the posting. Source: vim25 PostEvent.
 */
import { type AnyValue, type Event, type EventEx, fault, type GeneralUserEvent } from "../wire/index.ts";
import type { EventContext, Events } from "./events.ts";

const ID = /^[A-Za-z][\w-]*(?:\.[\w-]+)+$/;
const ID_CHARACTERS_MAX = 200;
const MESSAGE_CHARACTERS_MAX = 4096;
const ARGUMENTS_MAX = 50;
const ARGUMENT_CHARACTERS_MAX = 1024;
const SEVERITIES = ["info", "warning", "error", "user"];
/** What the host's own events are called. */
const RESERVED = ["esx.", "vim.", "vprob.", "hostd."];

/** @throws {Fault} InvalidEvent */
export function postClientEvent(events: Events, event: Event, context: EventContext): void {
  if (event.$type === "EventEx") postEx(events, event as EventEx, context);
  else if (event.$type === "GeneralUserEvent") postNote(events, event as GeneralUserEvent, context);
  else throw invalid("an event of this type is the host's own to post");
}

function postNote(events: Events, { message }: GeneralUserEvent, context: EventContext): void {
  events.post("GeneralUserEvent", checkText(message), context, { message });
}

function postEx(
  events: Events,
  { eventTypeId, severity = "info", message, fullFormattedMessage, arguments: given = [] }: EventEx,
  context: EventContext,
): void {
  if (eventTypeId.length > ID_CHARACTERS_MAX || !ID.test(eventTypeId)) throw invalid("its eventTypeId is not of the form com.example.kind");
  if (RESERVED.some((prefix) => eventTypeId.startsWith(prefix))) throw invalid("its eventTypeId is one of the host's own");
  if (!SEVERITIES.includes(severity)) throw invalid(`its severity is none of ${SEVERITIES.join(", ")}`);
  const text = checkText(message ?? fullFormattedMessage ?? eventTypeId);
  if (given.length > ARGUMENTS_MAX || !given.every(({ value }) => isPlain(value)))
    throw invalid("its arguments are too many, or not plain values");
  events.post("EventEx", text, context, { eventTypeId, severity, message: text, ...(given.length === 0 ? {} : { arguments: given }) });
}

function checkText(text: string): string {
  if (text.length > MESSAGE_CHARACTERS_MAX) throw invalid(`its text is longer than ${MESSAGE_CHARACTERS_MAX} characters`);
  return text;
}

function isPlain({ anyType, value }: AnyValue): boolean {
  if (anyType === "string") return String(value).length <= ARGUMENT_CHARACTERS_MAX;
  return anyType === "int" || anyType === "boolean";
}

function invalid(because: string) {
  return fault("InvalidEvent", `The event was not posted: ${because}.`, {});
}
