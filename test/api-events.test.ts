import { expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { Event, EventDescription } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, read } from "./vm.ts";

/** Reading the event log page by page, as govc and vSphere's own clients do. */
const EVENTS = moRef("EventManager", "ha-eventmgr");
const COLLECTOR = moRef("PropertyCollector", "ha-property-collector");
const HOST = moRef("HostSystem", "ha-host");
const READ_ONLY = -2;
const { host, client } = await useAgent();

const log = (msg: string) => client.call(EVENTS, "LogUserEvent", { entity: HOST, msg });
const messages = (events: readonly Event[] | undefined) => events?.map(({ fullFormattedMessage }) => fullFormattedMessage);

test("a collector pages through the events both ways and ends when it is destroyed", async () => {
  for (const text of ["one", "two", "three"]) await log(text);
  const history = await client.call(EVENTS, "CreateCollectorForEvents", { filter: { type: ["GeneralUserEvent"] } });
  await client.call(history, "SetCollectorPageSize", { maxCount: 2 });
  expect(messages((await read(client, history, "latestPage")) as Event[])).toEqual(["three", "two"]);
  expect(messages(await client.call(history, "ReadNextEvents", { maxCount: 2 }))).toEqual(["one", "two"]);
  expect(messages(await client.call(history, "ReadPreviousEvents", { maxCount: 1 }))).toEqual(["two"]);
  await client.call(history, "ResetCollector", {});
  expect(messages(await client.call(history, "ReadNextEvents", { maxCount: 9 }))).toEqual(["two", "three"]);
  await client.call(history, "RewindCollector", {});
  expect(messages(await client.call(history, "ReadNextEvents", { maxCount: 1 }))).toEqual(["one"]);
  await client.call(history, "DestroyCollector", {});
  expect((await faultOf(client.call(history, "ReadNextEvents", { maxCount: 1 }))).fault).toBe("ManagedObjectNotFound");
});

test("who waits on the latest page is told of a new event", async () => {
  const history = await client.call(EVENTS, "CreateCollectorForEvents", { filter: { type: ["GeneralUserEvent"] } });
  const propSet = [{ type: "EventHistoryCollector", pathSet: ["latestPage"] }];
  await client.call(COLLECTOR, "CreateFilter", { spec: { propSet, objectSet: [{ obj: history }] }, partialUpdates: false });
  const first = await client.call(COLLECTOR, "WaitForUpdatesEx", { version: "" });
  const waiting = client.call(COLLECTOR, "WaitForUpdatesEx", { version: first?.version, options: { maxWaitSeconds: 20 } });
  await using other = await host.login();
  await other.call(EVENTS, "LogUserEvent", { entity: HOST, msg: "news" });
  const update = await waiting;
  const changed = update?.filterSet?.[0]?.objectSet?.[0]?.changeSet?.[0]?.val as { readonly value: readonly Event[] } | undefined;
  expect(messages(changed?.value)?.[0]).toBe("news");
});

test("a collector belongs to its session: another does not find it", async () => {
  const history = await client.call(EVENTS, "CreateCollectorForEvents", { filter: {} });
  await using other = await host.login();
  expect((await faultOf(other.call(history, "ReadNextEvents", { maxCount: 1 }))).fault).toBe("ManagedObjectNotFound");
});

test("every event that the host has recorded has its category in the description", async () => {
  await createVm(client, { name: "seen", guestId: "otherGuest", files: { vmPathName: "[datastore1]" } });
  const { eventInfo } = (await read(client, EVENTS, "description")) as EventDescription;
  const known = new Set(eventInfo.map(({ key }) => key));
  const events = (await client.call(EVENTS, "QueryEvents", { filter: {} })) ?? [];
  expect(events.map(({ $type }) => $type)).toEqual(expect.arrayContaining(["UserLoginSessionEvent", "VmCreatedEvent"]));
  for (const { $type = "" } of events) expect(known, $type).toContain($type);
});

test.each([
  ["an entity that is not there", moRef("VirtualMachine", "999"), "x", "ManagedObjectNotFound"],
  ["a text without end", HOST, "x".repeat(5000), "InvalidArgument"],
])("an event about %s is refused", async (_, entity, msg, fault) => {
  expect((await faultOf(client.call(EVENTS, "LogUserEvent", { entity, msg }))).fault).toBe(fault);
});

test("who may only read writes no event", async () => {
  await using reader = await host.login(READ_ONLY);
  const fault = await faultOf(reader.call(EVENTS, "LogUserEvent", { entity: HOST, msg: "x" }));
  expect(fault).toMatchObject({ fault: "NoPermission", fields: { privilegeId: "Global.LogEvent" } });
});

test("a client posts an event of its own, which says whose word it is, and none that only the host can know", async () => {
  const event = (fields: object) => ({ key: 7, chainId: 7, createdTime: new Date(0), userName: "somebody else", ...fields }) as Event;
  const post = (fields: object, by = client) => by.call(EVENTS, "PostEvent", { eventToPost: event(fields) });
  const own = {
    $type: "EventEx",
    eventTypeId: "com.example.backup.done",
    message: "backed up",
    arguments: [{ key: "files", value: { anyType: "int", value: 3 } }],
  };
  await post({ ...own, severity: "warning" });
  await post({ $type: "GeneralUserEvent", message: "by hand" });
  const [posted] = (await client.call(EVENTS, "QueryEvents", { filter: { eventTypeId: ["com.example.backup.done"] } })) ?? [];
  expect(posted).toMatchObject({ userName: "root", fullFormattedMessage: "backed up", severity: "warning", arguments: own.arguments });
  expect(posted?.key).not.toBe(7);
  expect(Date.now() - (posted?.createdTime.getTime() ?? 0)).toBeLessThan(60_000);
  for (const forged of [
    { $type: "UserLoginSessionEvent", ipAddress: "10.0.0.1", locale: "en", sessionId: "x" },
    { ...own, eventTypeId: "esx.audit.lockdownmode.disabled" },
    { ...own, eventTypeId: "no id" },
    { ...own, severity: "fatal" },
    { ...own, message: "x".repeat(5000) },
    { ...own, arguments: [{ key: "date", value: { anyType: "dateTime", value: new Date() } }] },
  ]) {
    expect((await faultOf(post(forged))).fault, JSON.stringify(forged).slice(0, 90)).toBe("InvalidEvent");
  }
  const elsewhere = { vm: { name: "gone", vm: moRef("VirtualMachine", "999") } };
  expect((await faultOf(post({ ...own, ...elsewhere }))).fault).toBe("ManagedObjectNotFound");
  await using reader = await host.login(READ_ONLY);
  expect((await faultOf(post(own, reader))).fault).toBe("NoPermission");
});
