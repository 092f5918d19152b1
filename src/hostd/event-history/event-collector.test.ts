import { beforeEach, expect, test } from "vitest";
import { isSubtype, type MoRef } from "../../wire/index.ts";
import { Changes } from "../changes.ts";
import { openDatabase } from "../database.ts";
import { Events } from "../events.ts";
import { eventDetails } from "./event-catalogue.ts";
import { EventCollector } from "./event-collector.ts";

const REF = { type: "EventHistoryCollector", value: "c" } as const;
let events: Events;
let signals: MoRef[];
beforeEach(() => {
  events = new Events(openDatabase(":memory:"), new Changes(), { now: () => 0 } as never, "host1");
  signals = [];
});

const say = (text: string, userName = "root"): void => events.post("GeneralUserEvent", text, { userName }, { message: text });
const sayAll = (...all: readonly string[]): void => {
  for (const text of all) say(text);
};
const collect = (filter = {}) => new EventCollector(REF, filter, events, (ref) => void signals.push(ref));
const texts = (page: readonly { fullFormattedMessage?: string | undefined }[]) => page.map((event) => event.fullFormattedMessage);

test("a new collector reads from the oldest event to the newest, each once", () => {
  sayAll("a", "b", "c");
  const collector = collect();
  expect(texts(collector.readNext(2))).toEqual(["a", "b"]);
  expect(texts(collector.readNext(2))).toEqual(["c"]);
  expect(collector.readNext(2)).toEqual([]);
  say("d");
  expect(texts(collector.readNext(2))).toEqual(["d"]);
});

test("reading backwards goes over what was read, newest first", () => {
  sayAll("a", "b", "c");
  const collector = collect();
  expect(collector.readPrevious(5)).toEqual([]);
  collector.readNext(2);
  expect(texts(collector.readPrevious(1))).toEqual(["b"]);
  expect(texts(collector.readPrevious(5))).toEqual(["a"]);
  expect(texts(collector.readNext(5))).toEqual(["a", "b", "c"]);
});

test("rewinding goes to the oldest, resetting to before the latest page", () => {
  sayAll("a", "b", "c", "d");
  const collector = collect();
  collector.setPageSize(2);
  collector.reset();
  expect(texts(collector.readPrevious(5))).toEqual(["b", "a"]);
  collector.reset();
  expect(texts(collector.readNext(5))).toEqual(["c", "d"]);
  collector.rewind();
  expect(texts(collector.readNext(1))).toEqual(["a"]);
});

test("the latest page has the newest first, follows new events and says so", () => {
  sayAll("a", "b", "c");
  const collector = collect();
  collector.setPageSize(2);
  expect(texts(collector.latestPage)).toEqual(["c", "b"]);
  signals = [];
  say("d");
  expect(signals).toEqual([REF]);
  expect(texts(collector.latestPage)).toEqual(["d", "c"]);
  collector.dispose();
  say("e");
  expect(signals).toHaveLength(1);
});

test("only what passes the filter is collected", () => {
  say("mine", "me");
  say("yours", "you");
  const byMe = collect({ userName: { systemUser: false, userList: ["me"] } });
  expect(texts(byMe.latestPage)).toEqual(["mine"]);
  expect(texts(byMe.readNext(10))).toEqual(["mine"]);
  expect(collect({ category: ["error"] }).readNext(10)).toEqual([]);
  expect(collect({ category: ["user"] }).readNext(10)).toHaveLength(2);
});

test.each([0, -1, 1001])("a reading of %j events is refused", (max) => {
  const refused = expect.objectContaining({ fault: "InvalidArgument" });
  expect(() => collect().readNext(max)).toThrow(refused);
  expect(() => collect().readPrevious(max)).toThrow(refused);
});

test("every kind of event in the catalogue is one of the schema's", () => {
  for (const { key } of eventDetails) expect(isSubtype(key, "Event"), key).toBe(true);
});
