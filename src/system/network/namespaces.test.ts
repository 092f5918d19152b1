import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createVeth,
  inNamespace,
  isNamespace,
  linkIndex,
  listLinks,
  makeNamespace,
  openNamespace,
  removeNamespace,
  setLink,
} from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

const own = () => readlinkSync("/proc/thread-self/ns/net");
const inode = (path: string) => statSync(path).ino;

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  let namespaces: TestNamespaces;
  let before: string;
  beforeEach(() => {
    namespaces = new TestNamespaces();
    before = own();
  });
  afterEach(() => {
    namespaces[Symbol.dispose]();
    expect(own()).toBe(before);
  });

  test("a new namespace has nothing but a loopback that is down, and the thread is back where it was", () => {
    const path = namespaces.make("one");
    expect(own()).toBe(before);
    expect(inNamespace(path, listLinks)).toMatchObject([{ name: "lo", isUp: false }]);
    expect(inNamespace(path, own)).toBe(`net:[${inode(path)}]`);
    expect(own()).toBe(before);
  });

  test("a deed that throws is back too, and its error is the caller's", () => {
    const path = namespaces.make("one");
    const deed = () => {
      throw new Error("no good");
    };
    expect(() => inNamespace(path, deed)).toThrow("no good");
    expect(own()).toBe(before);
  });

  test("one namespace is entered from within another, and left for that", () => {
    const [one, other] = [namespaces.make("one"), namespaces.make("other")];
    const seen = inNamespace(one, () => [own(), inNamespace(other, own), own()]);
    expect(seen).toEqual([one, other, one].map((path) => `net:[${inode(path)}]`));
  });

  test("what is asked of the kernel within a namespace is asked of that one, before and after another is entered from there", () => {
    const [one, other] = [namespaces.make("one"), namespaces.make("other")];
    for (const [path, link] of [[one, "in-one"], [other, "in-other"]] as const) inNamespace(path, () => createVeth(link, `${link}-end`)); // biome-ignore format: a row
    const known = () => ["in-one", "in-other"].filter((link) => linkIndex(link) !== undefined);
    expect(inNamespace(one, () => [known(), inNamespace(other, known), known()])).toEqual([["in-one"], ["in-other"], ["in-one"]]);
    expect(() => inNamespace(one, () => setLink("in-other", { up: true }))).toThrow("of the network link in-other");
    expect([known(), inNamespace(one, known)]).toEqual([[], ["in-one"]]);
  });

  test("a deed that goes on in the background is a bug, and the thread is back all the same", () => {
    const path = namespaces.make("one");
    expect(() => inNamespace(path, async () => {})).toThrow("is done at once");
    expect(own()).toBe(before);
  });

  test("a namespace lives without any process, is found by another one, and ends with its file", () => {
    const path = namespaces.make("one");
    const number = String(inode(path));
    const held = () => readFileSync("/proc/self/mountinfo", "utf8").includes(`net:[${number}]`);
    expect(held()).toBe(true);
    const { stdout } = spawnSync("nsenter", [`--net=${path}`, "readlink", "/proc/self/ns/net"], { encoding: "utf8" });
    expect(stdout.trim()).toBe(`net:[${number}]`);
    removeNamespace(path);
    expect([held(), existsSync(path), isNamespace(path)]).toEqual([false, false, false]);
  });

  test("a namespace ends although a process has a copy of our mounts, as a sandbox has", async () => {
    const path = namespaces.make("one");
    const child = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", "echo ready; exec sleep 60"]);
    try {
      await once(child.stdout, "data");
      const copies = () => readFileSync(`/proc/${child.pid}/mountinfo`, "utf8").includes(path);
      expect(copies()).toBe(true);
      removeNamespace(path);
      expect(copies()).toBe(false);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  test("making one that is there already keeps it, and removing one that is gone does nothing", () => {
    const path = namespaces.make("one");
    const number = inode(path);
    makeNamespace(path);
    expect(inode(path)).toBe(number);
    removeNamespace(path);
    removeNamespace(path);
    expect(existsSync(path)).toBe(false);
  });

  test("an empty file, as one is left when the machine stops, becomes a namespace", () => {
    const path = namespaces.path("one");
    writeFileSync(path, "");
    expect(isNamespace(path)).toBe(false);
    expect(() => inNamespace(path, own)).toThrow(`there is no network namespace at ${path}`);
    makeNamespace(path);
    expect(isNamespace(path)).toBe(true);
  });

  test("a file with something in it is neither made a namespace nor removed", () => {
    const path = `${namespaces.folder}/file`;
    writeFileSync(path, "mine");
    expect(() => makeNamespace(path)).toThrow(`making the network namespace ${path}`);
    expect(() => removeNamespace(path)).toThrow(`removing the network namespace ${path}`);
    expect(readFileSync(path, "utf8")).toBe("mine");
  });

  test("what cannot be made leaves nothing behind", () => {
    const path = `${namespaces.folder}/missing/one`;
    expect(() => makeNamespace(path)).toThrow(`making the network namespace ${path}`);
    expect(own()).toBe(before);
    expect(isNamespace(path)).toBe(false);
  });

  test("a namespace of another kind is none of the network", () => {
    expect(isNamespace("/proc/self/ns/mnt")).toBe(false);
    expect(isNamespace("/proc/self/ns/net")).toBe(true);
    expect(isNamespace("/proc/self/nothing")).toBe(false);
  });

  test("an open descriptor keeps a namespace that was removed", () => {
    const path = namespaces.make("one");
    const number = inode(path);
    const fd = openNamespace(path);
    removeNamespace(path);
    expect(inNamespace(`/proc/self/fd/${fd}`, own)).toBe(`net:[${number}]`);
    closeSync(fd);
  });

  test("a thread that begins later begins where the process is", () => {
    const path = namespaces.make("one");
    inNamespace(path, () => closeSync(openSync("/dev/null", "r")));
    const { stdout } = spawnSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" });
    expect(stdout.trim()).toBe(before);
  });
});
