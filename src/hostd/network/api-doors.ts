/**
 * Where the API is served beside --listen: on each of the host's own interfaces that is chosen for management, and on no other.
 * The sockets are vmkernel's to open, each bound to its interface, and end with this process.
 * Paper «Network Access to Administrative Interfaces»; vim25 HostVirtualNicManager.
 */
import { messageWithCauses } from "../../base/index.ts";
import type { HostNic, VirtualNetwork } from "./network-config.ts";

export interface ApiDoorsParts {
  /** Serves on a socket that listens on the interface. @returns how to stop that */
  readonly open: (device: string) => Promise<() => void>;
  readonly log: (line: string) => void;
}

const AGAIN_MS = 2000; // an interface that is just being made

export class ApiDoors {
  readonly #parts: ApiDoorsParts;
  #wanted: ReadonlySet<string> = new Set();
  /** By what each interface is: one that was made anew has its door made anew. */
  readonly #doors = new Map<string, Door>();

  constructor(parts: ApiDoorsParts) {
    this.#parts = parts;
  }

  /** After each change of the network, and each time that vmkernel has come back. */
  follow({ hostNics }: Pick<VirtualNetwork, "hostNics">): void {
    const chosen = new Map(hostNics.filter(({ services }) => services.includes("management")).map((nic) => [keyOf(nic), nic.device]));
    this.#wanted = new Set(chosen.keys());
    for (const [key, door] of this.#doors) {
      if (this.#wanted.has(key)) continue;
      this.#doors.delete(key);
      door.close();
    }
    for (const [key, device] of chosen) if (!this.#doors.has(key)) this.#open(key, device);
  }

  #open(key: string, device: string): void {
    let closed = false;
    let stop: (() => void) | undefined;
    let told = "";
    const tell = (error: Error): void => {
      const message = messageWithCauses(error);
      if (message !== told) this.#parts.log(`the API is not served on ${device}: ${message}`);
      told = message; // once, however often it is tried
    };
    const attempt = (): void => {
      if (closed) return;
      this.#parts.open(device).then(
        (opened) => {
          if (closed) opened();
          else stop = opened;
        },
        (error: Error) => {
          tell(error);
          setTimeout(attempt, AGAIN_MS).unref();
        },
      );
    };
    this.#doors.set(key, {
      close() {
        closed = true;
        stop?.();
      },
    });
    attempt();
  }
}

interface Door {
  close(): void;
}

/** An interface that was removed and added again has another MAC address, or another change between. */
function keyOf({ device, netstack, mac }: HostNic): string {
  return JSON.stringify([device, netstack, mac]);
}
