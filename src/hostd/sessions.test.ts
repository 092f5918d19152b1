import { expect, test } from "vitest";
import { Sessions } from "./sessions.ts";

const root = { name: "root", fullName: "Administrator" };
const limits = { idleMs: 60_000, sessionsMax: 20 };
const client = { address: "127.0.0.1", userAgent: "test" };
function sessionsAt(): { sessions: Sessions; advance: (ms: number) => void } {
  let nowMs = 0;
  const sessions = new Sessions({ now: () => nowMs, sleep: async () => {} }, () => limits);
  const advance = (ms: number): void => {
    nowMs += ms;
  };
  return { sessions, advance };
}

test("a session is found by its secret and not by its key", () => {
  const { sessions } = sessionsAt();
  const session = sessions.open(root, client);
  expect(sessions.find(session.secret)).toBe(session);
  expect(sessions.find(session.key)).toBeUndefined();
  expect(sessions.find(undefined)).toBeUndefined();
});

test("an idle session ends, and its objects with it", () => {
  const { sessions, advance } = sessionsAt();
  const session = sessions.open(root, client);
  let disposed = 0;
  const ref = { type: "ListView", value: session.newMoid() };
  session.addObject({ instance: { ref, read: () => undefined, method: () => undefined }, dispose: () => void disposed++ });
  advance(limits.idleMs);
  expect(sessions.find(session.secret)).toBe(session);
  advance(limits.idleMs + 1);
  expect(sessions.find(session.secret)).toBeUndefined();
  expect(disposed).toBe(1);
});

test("a client that only logs in is stopped at a bound", () => {
  const { sessions } = sessionsAt();
  for (let i = 0; i < limits.sessionsMax; i++) sessions.open(root, client);
  expect(() => sessions.open(root, client)).toThrow("20 sessions already");
});

test("an object that the session has no room for ends at once", () => {
  const { sessions } = sessionsAt();
  const session = sessions.open(root, client);
  let open = 0;
  const add = (): void => {
    const ref = { type: "ListView", value: session.newMoid() };
    const dispose = (): void => {
      open--;
    };
    open++;
    session.addObject({ instance: { ref, read: () => undefined, method: () => undefined }, dispose });
  };
  expect(() => {
    for (;;) add();
  }).toThrow("already");
  session.dispose();
  expect(open).toBe(0);
});
