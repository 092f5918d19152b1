/**
 * A machine for tests: a network namespace that the test's process is in, with taps that stand for its adapters, and a virtual network
 * of its own. What is written to a tap is what a guest, or the world outside, sends; it has gone all its way when the call returns.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { createTap, errnoCode, makeNamespace, openNamespace, removeNamespace } from "../../system/index.ts";
import type { NicPort } from "./config.ts";
import { VirtualNetwork, type VirtualNetworkParts } from "./virtual-network.ts";

const libc = koffi.load("libc.so.6");
const setns: (fd: number, kind: number) => number = libc.func("int setns(int fd, int kind)");
const ioctl: (fd: number, request: number, argument: number) => number = libc.func(
  "int ioctl(int fd, uint64_t request, uint64_t argument)",
);
const CLONE_NEWNET = 0x40000000;
const TUNSETOFFLOAD = 0x400454d0;
/** TUN_F_CSUM, TUN_F_TSO4 and TUN_F_TSO6: the reader takes segments as they are. */
const OFFLOADS = 7;
/** struct virtio_net_hdr, before each frame of a port's tap. */
export const VIRTIO_HEADER_BYTES = 10;
const FRAME_BYTES_MAX = 70_000;

interface Tap {
  readonly fd: number;
  readonly headerBytes: number;
}

export class TestMachine {
  readonly folder = mkdtempSync(join(tmpdir(), "bulkhead-network-"));
  readonly log: string[] = [];
  network: VirtualNetwork;
  readonly #home = openSync("/proc/thread-self/ns/net", "r");
  readonly #namespace = join(this.folder, "machine");
  readonly #taps = new Map<string, Tap>();

  /** @param adapters their names, for switches to have as uplinks */
  constructor(adapters: readonly string[] = []) {
    makeNamespace(this.#namespace);
    const fd = openNamespace(this.#namespace);
    enter(fd);
    closeSync(fd);
    for (const name of adapters) this.#taps.set(name, { fd: createTap(name, { vnetHeader: false }), headerBytes: 0 });
    this.network = this.anotherVmkernel();
  }

  /** A network on the same folder, as the next process would open it. */
  anotherVmkernel(parts: Pick<VirtualNetworkParts, "promotionGapMs" | "features"> = {}): VirtualNetwork {
    return new VirtualNetwork({ ...parts, folder: join(this.folder, "network"), log: (line) => this.log.push(line) });
  }

  /** @param name in verdicts */
  async plug(name: string, nic: NicPort, connected = true): Promise<void> {
    const { fd } = await this.network.plugIn(nic, connected);
    this.#taps.set(name, { fd, headerBytes: VIRTIO_HEADER_BYTES });
  }

  /** A port of another network than its own. */
  adopt(name: string, fd: number): void {
    this.#taps.set(name, { fd, headerBytes: VIRTIO_HEADER_BYTES });
  }

  fdOf(name: string): number {
    return this.#tap(name).fd;
  }

  send(name: string, frame: Buffer): void {
    this.sendWith(Buffer.alloc(this.#tap(name).headerBytes), name, frame);
  }

  /** @param header what a virtio adapter says of the frame */
  sendWith(header: Buffer, name: string, frame: Buffer): void {
    writeSync(this.#tap(name).fd, Buffer.concat([header, frame]));
  }

  /** The guest takes segments uncut. */
  takeSegments(name: string): void {
    if (ioctl(this.#tap(name).fd, TUNSETOFFLOAD, OFFLOADS) !== 0) throw new Error(`the tap of ${name} takes no segments`);
  }

  /** Everything that came out anywhere since it was asked last: "b: 0a…", in the order of the ports. */
  receive(): readonly { readonly port: string; readonly frame: Buffer }[] {
    return this.receiveWhole().map(({ port, frame }) => ({ port, frame }));
  }

  /** The same, with what a virtio adapter is told of each frame. */
  receiveWhole(): readonly { readonly port: string; readonly head: Buffer; readonly frame: Buffer }[] {
    return [...this.#taps].flatMap(([port, tap]) =>
      readAll(tap).map((bytes) => ({ port, head: bytes.subarray(0, tap.headerBytes), frame: bytes.subarray(tap.headerBytes) })),
    );
  }

  /** Where the frame comes out: "b c", or "" for nowhere. */
  reach(from: string, frame: Buffer): string {
    this.receive();
    this.send(from, frame);
    return this.receive()
      .map(({ port }) => port)
      .join(" ");
  }

  /** The cable of an adapter is pulled out: nobody has its other end. */
  pull(name: string): void {
    closeSync(this.#tap(name).fd);
    this.#taps.delete(name);
  }

  #tap(name: string): Tap {
    const tap = this.#taps.get(name);
    if (tap === undefined) throw new Error(`nothing is called ${name}`);
    return tap;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network.remove();
    for (const { fd } of this.#taps.values()) closeSync(fd);
    enter(this.#home);
    closeSync(this.#home);
    removeNamespace(this.#namespace);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function readAll({ fd }: Tap): readonly Buffer[] {
  const frames: Buffer[] = [];
  const bytes = Buffer.alloc(FRAME_BYTES_MAX);
  for (;;) {
    try {
      const length = readSync(fd, bytes);
      frames.push(Buffer.from(bytes.subarray(0, length)));
    } catch (error) {
      if (errnoCode(error) === "EAGAIN") return frames;
      throw error;
    }
  }
}

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new Error("the namespace is not entered");
}
