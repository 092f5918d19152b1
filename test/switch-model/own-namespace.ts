/** The test's process in a network namespace of its own, in which it may make what it likes: it goes with the test. Source: setns(2). */
import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { makeNamespace, openNamespace, removeNamespace } from "../../src/system/index.ts";

const libc = koffi.load("libc.so.6");
const setns: (fd: number, kind: number) => number = libc.func("int setns(int fd, int kind)");
const CLONE_NEWNET = 0x40000000;

export class OwnNamespace {
  readonly #path: string;
  readonly #before = openSync("/proc/thread-self/ns/net", "r");

  constructor(path: string) {
    this.#path = path;
    makeNamespace(path);
    const fd = openNamespace(path);
    enter(fd);
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    enter(this.#before);
    closeSync(this.#before);
    removeNamespace(this.#path);
  }
}

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new Error("the namespace is not entered");
}
