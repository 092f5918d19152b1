/**
 * Carries the bytes of one serial port between its monitor and whoever the port connects to: the monitor stands in an empty network
 * and cannot. A lost connection is made again, as long as the VM runs; while there is none, what the guest writes is gone. When
 * vmkernel dies the guest runs on, and the next vmkernel carries.
 */
import type { Socket } from "node:net";
import { join } from "node:path";
import { messageOf, SystemError, within } from "../../base/index.ts";
import { connectTcp, connectUnix } from "../../system/index.ts";
import { TelnetLink } from "../../wire/index.ts";
import type { SerialWire } from "../machine.ts";

export type CarriedWire = Exclude<SerialWire, { kind: "listen" }>;

export interface CarrierParts {
  /** Where the monitor listens. */
  readonly monitor: string;
  readonly wire: CarriedWire;
  /** The VM, as a concentrator is told of it. */
  readonly vm: { readonly name: string; readonly vcUuid: string; readonly biosUuid: string };
  /** The host's folder of pipes. */
  readonly pipes: string;
  /** Whether the host's firewall lets a connection to an address out. */
  readonly mayConnect: (address: string, port: number) => boolean;
  readonly log: (line: string) => void;
}

const RETRY_MS = { first: 500, last: 15_000 };
const CONNECT_MS = 10_000; // also for a concentrator to take the port
const KEEP_ALIVE_MS = 60_000; // a peer that vanished without a word is found out

export class SerialCarrier {
  readonly #parts: CarrierParts;
  readonly #open = new Set<Socket>();
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: () => void = () => {};

  constructor(parts: CarrierParts) {
    this.#parts = parts;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#open) socket.destroy();
    clearTimeout(this.#timer);
    this.#wake();
  }

  async #run(): Promise<void> {
    let told = "";
    for (let failures = 0; !this.#isClosed; failures += 1) {
      try {
        await this.#carry(() => {
          failures = 0;
          told = "";
        });
      } catch (error) {
        // Said once, not every few seconds: the other side may be away for days.
        if (messageOf(error) !== told && !this.#isClosed) this.#parts.log(messageOf(error));
        told = messageOf(error);
      }
      for (const socket of this.#open) socket.destroy();
      await this.#pause(Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.last));
    }
  }

  /** One connection from its beginning to its end. @param onReady is called when data flows */
  async #carry(onReady: () => void): Promise<void> {
    const { wire, vm, monitor } = this.#parts;
    const remote = this.#keep(await this.#dial());
    const link = linkFor(wire, vm);
    let port: Socket | undefined;
    const ready = new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        if (link === undefined) return void write(port, chunk, remote);
        try {
          const { data, reply } = link.receive(chunk);
          if (reply.length > 0) remote.write(reply);
          if (data.length > 0) write(port, data, remote);
          if (link.isReady) resolve();
        } catch (error) {
          reject(new SystemError(`${this.#name}: ${messageOf(error)}`, { cause: error }));
          remote.destroy();
        }
      };
      remote.on("data", take);
      remote.on("close", () => reject(new SystemError(`${this.#name}: the connection was closed`)));
      if (link === undefined || link.isReady) resolve();
    });
    if (link !== undefined) remote.write(link.open());
    const isReady = ready.then(() => true);
    if (!(await within(CONNECT_MS, isReady, false))) throw new SystemError(`${this.#name} does not take the port`);
    // Only now: what the guest writes before is for nobody, and must not wait here.
    remote.pause();
    port = this.#keep(await connectUnix(monitor, CONNECT_MS));
    remote.resume();
    onReady();
    port.on("data", (chunk: Buffer) => void write(remote, link === undefined ? chunk : link.send(chunk), port));
    await Promise.race([closed(remote), closed(port)]);
  }

  async #dial(): Promise<Socket> {
    const { wire, pipes, mayConnect } = this.#parts;
    try {
      if (wire.kind === "pipe") return await connectUnix(join(pipes, wire.name), CONNECT_MS);
      const rules = { mayConnect: (address: string) => mayConnect(address, wire.port) };
      const socket = await connectTcp(wire.host, wire.port, CONNECT_MS, rules);
      return socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
    } catch (cause) {
      throw new SystemError(`${this.#name}: ${messageOf(cause)}`, { cause });
    }
  }

  get #name(): string {
    const { wire, vm } = this.#parts;
    const where = wire.kind === "pipe" ? `the pipe ${wire.name}` : `${wire.host}:${wire.port}`;
    return `serial port of ${vm.name}: ${where}`;
  }

  #keep(socket: Socket): Socket {
    this.#open.add(socket);
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#open.delete(socket));
    if (this.#isClosed) socket.destroy();
    return socket;
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = setTimeout(resolve, delayMs);
      this.#timer.unref();
    });
  }
}

/** Undefined where bytes travel as they are. */
function linkFor(wire: CarriedWire, vm: CarrierParts["vm"]): TelnetLink | undefined {
  if (wire.kind === "proxy") return new TelnetLink({ ...vm, direction: wire.direction, serviceUri: wire.serviceUri });
  return wire.kind === "connect" && wire.telnet ? new TelnetLink() : undefined;
}

/** Writes, and lets the source wait until the target has taken it: neither side can fill this process. */
function write(target: Socket | undefined, chunk: Buffer, source: Socket | undefined): void {
  if (target === undefined || target.write(chunk)) return;
  source?.pause();
  target.once("drain", () => source?.resume());
}

const closed = (socket: Socket): Promise<void> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once("close", resolve));
