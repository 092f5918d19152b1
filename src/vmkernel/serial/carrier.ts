/**
 * Carries the bytes of one serial port between its monitor and whoever the port connects to: the monitor stands in an empty network
 * and cannot. A lost connection is made again, as long as the VM runs; while there is none, what the guest writes is gone. When
 * vmkernel dies the guest runs on, and the next vmkernel carries.
 */
import { lookup } from "node:dns/promises";
import { BlockList, connect, isIP, type Socket } from "node:net";
import { join } from "node:path";
import { messageOf, SystemError } from "../../base/index.ts";
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
    await within(CONNECT_MS, ready, `${this.#name} does not take the port`);
    // Only now: what the guest writes before is for nobody, and must not wait here.
    port = this.#keep(await connected(connect(monitor), `the monitor's ${monitor}`));
    onReady();
    port.on("data", (chunk: Buffer) => void write(remote, link === undefined ? chunk : link.send(chunk), port));
    await Promise.race([closed(remote), closed(port)]);
  }

  async #dial(): Promise<Socket> {
    const { wire, pipes } = this.#parts;
    if (wire.kind === "pipe") return connected(connect(join(pipes, wire.name)), this.#name);
    const address = await resolveAddress(wire.host);
    const socket = await connected(connect({ host: address, port: wire.port }), this.#name);
    return socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
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

const own = new BlockList();
own.addSubnet("127.0.0.0", 8, "ipv4");
own.addSubnet("0.0.0.0", 8, "ipv4");
own.addAddress("::1", "ipv6");
own.addAddress("::", "ipv6");

/** Whether an address is the machine's own loopback, whose services trust whoever reaches them. */
export function isLoopback(address: string): boolean {
  return own.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** The address is looked up here and connected to as it is: a name that changes its mind in between leads nowhere else. */
async function resolveAddress(host: string): Promise<string> {
  const addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
  const found = addresses.find((address) => !isLoopback(address));
  if (found === undefined) throw new SystemError(`a serial port cannot connect to ${host}, which is this machine's loopback`);
  return found;
}

async function connected(socket: Socket, name: string): Promise<Socket> {
  const opened = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (cause) => reject(new SystemError(`${name}: ${cause.message}`, { cause })));
    socket.once("close", () => reject(new SystemError(`${name}: closed`)));
  });
  try {
    await within(CONNECT_MS, opened, `${name} does not answer`);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

const closed = (socket: Socket): Promise<void> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once("close", resolve));

async function within(timeoutMs: number, deed: Promise<void>, otherwise: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new SystemError(otherwise)), timeoutMs);
  });
  try {
    await Promise.race([deed, late]);
  } finally {
    clearTimeout(timer);
  }
}
