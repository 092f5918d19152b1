/** The ports whose guests send by the express road, found every second from what they sent: see `decide-express.ts`. */
import { messageWithCauses } from "../../base/index.ts";
import { inNamespace, readLinkLoads } from "../../system/index.ts";
import { decideExpress, type SentTraffic } from "./decide-express.ts";
import type { NetworkState } from "./plan-network.ts";

const EVERY_MS = 1000;

export interface ExpressPortsParts {
  /** The switches' namespace. */
  readonly namespace: string;
  readonly log: (line: string) => void;
  /** Others than before. */
  readonly changed: () => void;
  readonly everyMs?: number;
}

export class ExpressPorts implements Disposable {
  readonly #parts: ExpressPortsParts;
  readonly #timer: NodeJS.Timeout;
  #guests: ReadonlySet<string> = new Set();
  #sent: ReadonlyMap<string, SentTraffic> = new Map();
  readonly #express = new Set<string>();

  constructor(parts: ExpressPortsParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#look(), parts.everyMs ?? EVERY_MS).unref();
  }

  /** After each change of the network. */
  follow({ ports }: NetworkState): void {
    this.#guests = new Set(ports.flatMap(({ connectee, device }) => (connectee.kind === "virtualMachine" ? [device] : [])));
    for (const device of this.#express) if (!this.#guests.has(device)) this.#express.delete(device);
  }

  has(device: string): boolean {
    return this.#express.has(device);
  }

  #look(): void {
    if (this.#guests.size === 0) return;
    try {
      const sent = this.#readSent();
      const others = [...sent].filter(([device, now]) => {
        const before = this.#sent.get(device);
        return before !== undefined && decideExpress(this.has(device), before, now) !== this.has(device);
      });
      this.#sent = sent;
      for (const [device] of others) if (!this.#express.delete(device)) this.#express.add(device);
      if (others.length > 0) this.#parts.changed();
    } catch (error) {
      this.#parts.log(`network: what guests send: ${messageWithCauses(error)}`);
    }
  }

  /** What the kernel received on a tap, the guest has sent. */
  #readSent(): ReadonlyMap<string, SentTraffic> {
    const loads = inNamespace(this.#parts.namespace, readLinkLoads);
    return new Map(
      loads.flatMap(({ name, receivedPackets, receivedBytes }) =>
        this.#guests.has(name) ? [[name, { frames: receivedPackets, bytes: receivedBytes }] as const] : [],
      ),
    );
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
