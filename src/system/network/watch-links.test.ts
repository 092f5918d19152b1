import { readlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createVeth, deleteLink, inNamespace, type Link, LinkWatch, setLink } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  let namespaces: TestNamespaces;
  let one: string;
  let watch: LinkWatch;
  const told: string[][] = [];
  const failures: unknown[] = [];
  beforeEach(() => {
    vi.useFakeTimers();
    told.length = failures.length = 0;
    namespaces = new TestNamespaces();
    one = namespaces.make("one");
    watch = start(one);
  });
  afterEach(() => {
    watch[Symbol.dispose]();
    vi.useRealTimers();
    namespaces[Symbol.dispose]();
    expect(failures).toEqual([]);
  });

  function start(namespace: string): LinkWatch {
    const changed = (links: readonly Link[]) => told.push(links.map(({ name, hasCarrier }) => `${name} ${hasCarrier}`));
    return new LinkWatch({ namespace, changed, failed: (error) => failures.push(error) });
  }
  const inOne = (deed: () => void) => inNamespace(one, deed);
  /** The kernel tells of a carrier a second time, when its own work on it is done. */
  const settle = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);

  test("nothing is told while nothing changes", () => {
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
  });

  test("changes at once are told once, with all links as they are", () => {
    inOne(() => {
      createVeth("left", "right");
      for (const name of ["left", "right"]) setLink(name, { up: true });
    });
    settle();
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([["lo false", "right true", "left true"]]);
  });

  test("a cable that is pulled at the other end is told, and so is a link that goes", () => {
    inOne(() => {
      createVeth("left", "right");
      for (const name of ["left", "right"]) setLink(name, { up: true });
    });
    settle();
    vi.advanceTimersByTime(100);
    inOne(() => setLink("right", { up: false }));
    settle();
    vi.advanceTimersByTime(100);
    inOne(() => deleteLink("left"));
    vi.advanceTimersByTime(100);
    expect(told.slice(1)).toEqual([["lo false", "right false", "left false"], ["lo false"]]);
  });

  test("more changes than the kernel keeps announcements of are told all the same", () => {
    inOne(() => {
      createVeth("left", "right");
      for (let n = 0; n < 1000; n++) setLink("left", { mtu: 1500 + n });
    });
    vi.advanceTimersByTime(100);
    expect(told).toEqual([["lo false", "right false", "left false"]]);
    vi.advanceTimersByTime(1000);
    expect(told).toHaveLength(1);
  });

  test("what changes in another namespace is not told, and the thread stays where it is", () => {
    const before = readlinkSync("/proc/thread-self/ns/net");
    inNamespace(namespaces.make("other"), () => createVeth("left", "right"));
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(before);
  });

  test("nothing is told once it is over", () => {
    const over = start(one);
    inOne(() => createVeth("left", "right"));
    over[Symbol.dispose]();
    vi.advanceTimersByTime(1000);
    expect(told).toHaveLength(1); // by the other one
  });

  test("a namespace that is not there is named", () => {
    expect(() => start("/nowhere")).toThrow("watching the network links of /nowhere");
  });
});
