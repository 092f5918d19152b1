/**
 * What the switches outside tell of themselves at each uplink, by CDP or LLDP: the last frame, as it came. This process does not read
 * it: who shows it does, and has no privilege to lose. Nothing goes by it: tables of a virtual switch are written from configuration
 * alone. vim25 LinkDiscoveryProtocolConfig (listen), PhysicalNicHintInfo.
 */
import { messageWithCauses } from "../../base/index.ts";
import { FrameSocket, inNamespace, linkIndex } from "../../system/index.ts";
import type { NetworkConfig } from "./config.ts";
import type { Neighbour } from "./description.ts";

/** They tell every half or whole minute. */
const LISTEN_EVERY_MS = 500;
/** One that floods is not read all day. */
const FRAMES_AT_ONCE_MAX = 16;
/** Longer than any that says anything. */
const FRAME_BYTES_MAX = 1600;

/**
 * Classic BPF, | opcode | jump if true | jump if false | k |: LLDP by its EtherType, CDP by its address; the kernel copies nothing else.
 * It is asked for each frame that comes in by the uplink.
 */
const FILTERS = {
  lldp: [
    [0x28, 0, 0, 12], // ldh [12]: EtherType
    [0x15, 0, 1, 0x88cc],
    [0x06, 0, 0, FRAME_BYTES_MAX],
    [0x06, 0, 0, 0],
  ],
  cdp: [
    [0x20, 0, 0, 0], // ld [0]: destination
    [0x15, 0, 3, 0x0100_0ccc],
    [0x28, 0, 0, 4], // ldh [4]
    [0x15, 0, 1, 0xcccc],
    [0x06, 0, 0, FRAME_BYTES_MAX],
    [0x06, 0, 0, 0],
  ],
} as const;

interface Listener {
  readonly protocol: "cdp" | "lldp";
  readonly index: number;
  readonly socket: FrameSocket;
}

export interface NeighboursParts {
  /** The switches' namespace. */
  readonly namespace: string;
  readonly log: (line: string) => void;
}

export class Neighbours implements Disposable {
  readonly #parts: NeighboursParts;
  readonly #listeners = new Map<string, Listener>();
  readonly #heard = new Map<string, Neighbour>();
  readonly #timer: NodeJS.Timeout;
  #config: NetworkConfig = { switches: [] };

  constructor(parts: NeighboursParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#listen(), LISTEN_EVERY_MS).unref();
  }

  /** After each change of the network. */
  follow(config: NetworkConfig): void {
    this.#config = config;
  }

  /** The last of an uplink. */
  of(device: string): Neighbour | undefined {
    return this.#heard.get(device);
  }

  #listen(): void {
    try {
      this.#openSockets();
      for (const [device, { socket, protocol }] of this.#listeners) this.#hear(device, protocol, socket);
    } catch (error) {
      this.#parts.log(`network: listening to neighbours: ${messageWithCauses(error)}`);
    }
  }

  /** One for each uplink that is there; one that went and came again is another. */
  #openSockets(): void {
    const wanted = new Map(
      this.#config.switches.flatMap(({ uplinks, discovery }) =>
        discovery === undefined ? [] : uplinks.map((device) => [device, discovery] as const),
      ),
    );
    if (wanted.size === 0 && this.#listeners.size === 0) return;
    inNamespace(this.#parts.namespace, () => {
      for (const [device, { protocol, index }] of this.#listeners) {
        if (wanted.get(device) === protocol && linkIndex(device) === index) continue;
        this.#close(device);
      }
      for (const [device, protocol] of wanted) {
        const index = this.#listeners.has(device) ? undefined : linkIndex(device);
        if (index === undefined) continue;
        this.#listeners.set(device, { protocol, index, socket: new FrameSocket(device, { receives: true, filter: FILTERS[protocol] }) });
      }
    });
  }

  #hear(device: string, protocol: "cdp" | "lldp", socket: FrameSocket): void {
    for (let count = 0; count < FRAMES_AT_ONCE_MAX; count++) {
      const frame = receive(socket);
      if (frame === undefined) return;
      this.#heard.set(device, { protocol, frame: frame.toString("base64"), heardAtMs: Date.now() });
    }
  }

  #close(device: string): void {
    this.#listeners.get(device)?.socket[Symbol.dispose]();
    this.#listeners.delete(device);
    this.#heard.delete(device);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const device of [...this.#listeners.keys()]) this.#close(device);
  }
}

/** A link that went down says so once; whatever else it is, the next frame will tell. */
function receive(socket: FrameSocket): Buffer | undefined {
  try {
    return socket.receive();
  } catch {
    return undefined;
  }
}
