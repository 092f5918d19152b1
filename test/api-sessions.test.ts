import { expect, test } from "vitest";
import { SERVICE_INSTANCE, type VimClient } from "../src/interfaces/index.ts";
import type { UserSession } from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, useAgent } from "./agent.fixture.ts";
import { read } from "./vm.ts";

/** Sessions that are handed on, and the ways in that a standalone host does not have. */
const MINUTE_MS = 60_000;
const { host, client } = await useAgent();

const ticket = (from = client) => from.call(SESSION_MANAGER, "AcquireCloneTicket", {});
const clone = (by: VimClient, cloneTicket: string) => by.call(SESSION_MANAGER, "CloneSession", { cloneTicket });

test("a ticket lets one other client in as the same user, in a session of its own", async () => {
  const cloneTicket = await ticket();
  await using second = await host.connect();
  const session = await clone(second, cloneTicket);
  const own = (await read(client, SESSION_MANAGER, "currentSession")) as UserSession;
  expect(session).toMatchObject({ userName: "root" });
  expect(session.key).not.toBe(own.key);
  expect(await second.call(SERVICE_INSTANCE, "CurrentTime", {})).toBeInstanceOf(Date);
  await using third = await host.connect();
  expect((await faultOf(clone(third, cloneTicket))).fault).toBe("InvalidLogin");
});

test("a ticket that nobody gave lets nobody in", async () => {
  await using stranger = await host.connect();
  for (const made of ["", "cst-", "constructor", `cst-${"0".repeat(40)}`]) {
    expect((await faultOf(clone(stranger, made))).fault).toBe("InvalidLogin");
  }
  expect((await faultOf(ticket(stranger))).fault).toBe("NotAuthenticated");
});

test("a ticket ends with the session that it came from", async () => {
  await using first = await host.login();
  const cloneTicket = await ticket(first);
  await first.call(SESSION_MANAGER, "Logout", {});
  await using late = await host.connect();
  expect((await faultOf(clone(late, cloneTicket))).fault).toBe("InvalidLogin");
});

test("a ticket is good for a minute", async () => {
  const cloneTicket = await ticket();
  host.later(MINUTE_MS + 1);
  await using late = await host.connect();
  expect((await faultOf(clone(late, cloneTicket))).fault).toBe("InvalidLogin");
});

test("who is logged in already does not become somebody else", async () => {
  await using reader = await host.login(-2);
  expect((await faultOf(clone(reader, await ticket()))).fault).toBe("InvalidLogin");
  expect(await read(reader, SESSION_MANAGER, "currentSession")).toMatchObject({ userName: "role-2" });
});

test("a remote client gets no local ticket", async () => {
  await using stranger = await host.connect();
  expect((await faultOf(stranger.call(SESSION_MANAGER, "AcquireLocalTicket", { userName: "root" }))).fault).toBe("InvalidRequest");
});

test("whether a session is active is vCenter's to tell, as on ESXi", async () => {
  const asked = client.call(SESSION_MANAGER, "SessionIsActive", { sessionID: "x", userName: "root" });
  expect((await faultOf(asked)).fault).toBe("NotImplemented");
});
