import { expect, test, vi } from "vitest";
import { collectorOf, FOLDER, NOW, never, rename, told, VM, watch } from "./collector.fixture.ts";
import type { PropertyCollectorState } from "./collector.ts";
import { smallHost, vmProperties } from "./source-in-memory.ts";

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

function waiting(source = smallHost()) {
  const collector = collectorOf(source);
  collector.createFilter(watch(VM, "name", "runtime.powerState"), false);
  return { source, collector, version: collector.checkForUpdates("")?.version };
}

test("a change ends it", async () => {
  const { source, collector, version } = waiting();
  const answer = collector.waitForUpdatesEx(version, { maxWaitSeconds: 20 }, never);
  await soon();
  rename(source, "1", "renamed");
  expect(told(await answer)).toEqual(['modify 1: assign name="renamed"']);
});

test("changes that come together are one answer", async () => {
  const { source, collector, version } = waiting();
  const answer = collector.waitForUpdatesEx(version, { maxWaitSeconds: 20 }, never);
  rename(source, "1", "between");
  source.put("VirtualMachine", "1", { name: "last", runtime: { powerState: "poweredOn" } });
  expect(told(await answer)).toEqual(['modify 1: assign name="last", assign runtime.powerState="poweredOn"']);
});

test("a change of something else does not", async () => {
  const { source, collector, version } = waiting();
  const startedAt = performance.now();
  const answer = collector.waitForUpdatesEx(version, { maxWaitSeconds: 1 }, never);
  rename(source, "2", "renamed");
  source.put("VirtualMachine", "1", { ...vmProperties("1"), config: undefined });
  expect(await answer).toBeUndefined();
  expect(performance.now() - startedAt).toBeGreaterThan(990);
});

test("a filter that is made meanwhile ends it", async () => {
  const { collector, version } = waiting();
  const answer = collector.waitForUpdates(version, never);
  collector.createFilter(watch(FOLDER, "name"), false);
  expect(told(await answer)).toEqual(['enter vm: assign name="vm"']);
});

test.each([
  ["CancelWaitForUpdates", (collector: PropertyCollectorState) => collector.cancelWaitForUpdates()],
  ["the end of the collector", (collector: PropertyCollectorState) => collector.dispose()],
  ["the client's going away", (_: PropertyCollectorState, client: AbortController) => client.abort()],
])("%s ends it with RequestCanceled", async (_, end) => {
  const { collector, version } = waiting();
  const client = new AbortController();
  const answers = [collector.waitForUpdatesEx(version, undefined, client.signal), collector.waitForUpdates(version, client.signal)];
  const canceled = Promise.all(
    answers.map((answer) => expect(answer).rejects.toThrow(expect.objectContaining({ fault: "RequestCanceled" }))),
  );
  end(collector, client);
  await canceled;
});

test("an answer that nobody took because the client went away is told to whoever asks next", async () => {
  const { source, collector, version } = waiting();
  const client = new AbortController();
  const answer = collector.waitForUpdatesEx(version, undefined, client.signal);
  const canceled = expect(answer).rejects.toThrow(expect.objectContaining({ fault: "RequestCanceled" }));
  rename(source, "1", "renamed");
  client.abort();
  await canceled;
  expect(told(await collector.waitForUpdatesEx(version, NOW, never))).toEqual(['modify 1: assign name="renamed"']);
});

test("a client that is gone already is not waited for", async () => {
  const { collector, version } = waiting();
  await expect(collector.waitForUpdatesEx(version, undefined, AbortSignal.abort())).rejects.toThrow(
    expect.objectContaining({ fault: "RequestCanceled" }),
  );
});

test("longer than a timer of Node can take is one long wait, and no busy one", async () => {
  const { source, collector, version } = waiting();
  const timers = vi.spyOn(globalThis, "setTimeout");
  const answer = collector.waitForUpdatesEx(version, { maxWaitSeconds: 2 ** 31 - 1 }, never);
  expect(timers.mock.calls.map(([, delayMs]) => delayMs)).toEqual([2 ** 31 - 1]);
  timers.mockRestore();
  rename(source, "1", "renamed");
  expect(told(await answer)).toHaveLength(1);
});

test("threads of one client that share a collector each get what they have not seen", async () => {
  const { source, collector, version } = waiting();
  const [one, other] = [collector.waitForUpdates(version, never), collector.waitForUpdates(version, never)];
  rename(source, "1", "a");
  expect([told(await one), told(await other)]).toEqual([['modify 1: assign name="a"'], ['modify 1: assign name="a"']]);
  rename(source, "1", "b");
  for (const answer of [one, other]) {
    expect(told(await collector.waitForUpdates((await answer).version, never))).toEqual(['modify 1: assign name="b"']);
  }
});

test("there is a bound to those who wait", async () => {
  const { collector, version } = waiting();
  const answers = Array.from({ length: 64 }, () => collector.waitForUpdates(version, new AbortController().signal));
  await expect(collector.waitForUpdates(version, never)).rejects.toThrow(expect.objectContaining({ fault: "InvalidRequest" }));
  collector.cancelWaitForUpdates();
  expect((await Promise.allSettled(answers)).every(({ status }) => status === "rejected")).toBe(true);
});
