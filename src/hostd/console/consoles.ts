/**
 * The consoles of running VMs: who has been given a ticket for one, and who looks at one now.
 * Source: vim25 VirtualMachine.AcquireTicket, QueryConnections; `RemoteDisplay.maxConnections` of a .vmx.
 */
import type { Clock, VmId } from "../../base/index.ts";
import { fault, type VirtualMachineMksConnection } from "../../wire/index.ts";
import { Tickets } from "../tickets.ts";
import type { Vm } from "../vm.ts";

/** What a ticket stands for. It outlives the session that asked for it: a client starts a viewer with it and logs out. */
export interface ConsoleRight {
  readonly vm: VmId;
  readonly userName: string;
}

/** An open console. */
export interface Viewer {
  readonly connection: VirtualMachineMksConnection;
  end(): void;
}

/** vSphere's own, and what its monitor takes. */
const VIEWERS_MAX = 40;

/** How many may look at a VM at a time: as its .vmx says, where it says something. */
export function viewersMax({ files }: Vm): number {
  const configured = files.kind === "readable" ? files.config.maxMksConnections : undefined;
  return configured === undefined || configured < 0 ? VIEWERS_MAX : Math.min(configured, VIEWERS_MAX);
}

export class Consoles {
  readonly tickets: Tickets<ConsoleRight>;
  readonly #viewers = new Map<VmId, Set<Viewer>>();
  #lastLabel = 0;

  constructor(clock: Clock) {
    this.tickets = new Tickets(clock);
  }

  viewersOf(vm: VmId): readonly Viewer[] {
    return [...(this.#viewers.get(vm) ?? [])];
  }

  /** @throws {Fault} MksConnectionLimitReached */
  requireRoom(vm: Vm): void {
    const connectionLimit = viewersMax(vm);
    if (this.viewersOf(vm.id).length < connectionLimit) return;
    throw fault("MksConnectionLimitReached", `${vm.name} has ${connectionLimit} consoles open, which is as many as it may.`, {
      connectionLimit,
    });
  }

  /** A label that no viewer since hostd's start had. */
  newLabel(): string {
    this.#lastLabel += 1;
    return `console-${this.#lastLabel}`;
  }

  add(vm: VmId, viewer: Viewer): void {
    const viewers = this.#viewers.get(vm) ?? new Set();
    this.#viewers.set(vm, viewers.add(viewer));
  }

  remove(vm: VmId, viewer: Viewer): void {
    const viewers = this.#viewers.get(vm);
    viewers?.delete(viewer);
    if (viewers?.size === 0) this.#viewers.delete(vm);
  }
}
