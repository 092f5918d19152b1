/**
 * Keeps the machine's memory divided as guests are entitled to it: looks once a second at what is free, and while that is little, or a
 * limit is to be kept, at what each guest has. The one place where memory shares, reservations and limits reach guests and the kernel.
 */
import { isDeepStrictEqual } from "node:util";
import { messageOf, repeat, Turns, type VmId } from "../../base/index.ts";
import { type MemoryPortion, readMemoryUse, setMemoryPortion } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { type MemoryAllocation, NO_POOLS, type ResourceConfig } from "./config.ts";
import { type MemoryState, minFreeBytes } from "./memory-state.ts";
import { type GuestMemoryUse, type HostMemory, type MemoryPlan, type MemoryTarget, overLimit, planMemory } from "./plan-memory.ts";
import { type SwappableVm, swapNeeded } from "./plan-swap.ts";
import type { SwapSpace } from "./swap-space.ts";

const LOOK_EVERY_MS = 1000;
/** While this many times what is to be free is, and nothing was taken from anybody, guests are left in peace. */
const PLENTY = 1.5;
const MIB = 2 ** 20;
const AS_IT_LIKES: MemoryTarget = { entitledBytes: Number.POSITIVE_INFINITY, balloonedBytes: 0 };

/** A running guest as the scheduler sees it. */
export interface ScheduledGuest extends SwappableVm {
  readonly pid: number;
  /** Absent where the machine has no cgroups: nothing of it can be swapped at will. */
  readonly cgroup: string | undefined;
  readonly hasBalloon: boolean;
  /** Undefined when it has ended. */
  read(): Promise<MemoryLook | undefined>;
  /** What the guest is to be without. */
  setBalloon(bytes: number): Promise<void>;
}

/** Of the guest's memory. */
export interface MemoryLook {
  readonly residentBytes: number;
  readonly swappedBytes: number;
  readonly touchedBytes: number;
  readonly balloonedBytes: number;
}

export interface MemorySchedulerParts {
  readonly swap: SwapSpace;
  readonly running: () => readonly ScheduledGuest[];
  readonly readHost: () => Promise<HostMemory>;
  readonly canLimit: () => boolean;
  readonly log: (line: string) => void;
}

export class MemoryScheduler implements Disposable {
  readonly #parts: MemorySchedulerParts;
  readonly #turns = new Turns(1);
  /** VMs that are being started, or are to be given more. */
  readonly #promised = new Map<VmId, SwappableVm>();
  /** What each guest's balloon was told, and what is in the kernel, by process. */
  readonly #balloons = new Map<number, number>();
  readonly #portions = new Map<number, MemoryPortion>();
  #config = NO_POOLS;
  #plan: MemoryPlan = { state: "high", targets: new Map() };
  readonly #looking: Disposable;

  constructor(parts: MemorySchedulerParts) {
    this.#parts = parts;
    this.#looking = repeat(
      LOOK_EVERY_MS,
      () => this.divideNow(),
      (error) => parts.log(`dividing the memory: ${messageOf(error)}`),
    );
  }

  get state(): MemoryState {
    return this.#plan.state;
  }

  /** What a guest is entitled to now; undefined while nobody has looked, for then it is all that it wants. */
  entitledBytes(vm: VmId): number | undefined {
    return this.#plan.targets.get(vm)?.entitledBytes;
  }

  /** What a VM was promised; undefined for one that nobody has told of. */
  allocationOf(vm: VmId): MemoryAllocation | undefined {
    return this.#config.vms.find((told) => told.vm === vm)?.memory;
  }

  async configure(config: ResourceConfig): Promise<void> {
    this.#config = config;
    await this.#turns.take(async () => {
      await this.#parts.swap.ensure(await this.#needed()).catch((error: unknown) => this.#parts.log(messageOf(error)));
      await this.#look();
    });
  }

  /**
   * Takes what a VM can ever need before anything of it starts: what memory does not hold, swap must.
   * @returns gives it back; a VM that runs by then is counted as one that does
   * @throws {Fault} InsufficientHostMemoryCapacityFault; InvalidState where a limit could not be kept
   */
  admit(vm: SwappableVm): Promise<Disposable> {
    return this.#turns.take(async () => {
      this.#refuseUnkeptLimit(vm);
      this.#promised.set(vm.vm, vm);
      try {
        await this.#parts.swap.ensure(await this.#needed());
      } catch (cause) {
        this.#promised.delete(vm.vm);
        throw await this.#noRoom(vm, cause);
      }
      return { [Symbol.dispose]: () => void this.#promised.delete(vm.vm) };
    });
  }

  /** Also whenever a VM has started. */
  divideNow(): Promise<void> {
    return this.#turns.take(() => this.#look());
  }

  /** Gives up the swap that nobody needs. */
  release(): Promise<void> {
    return this.#turns.take(async () => this.#parts.swap.release(await this.#needed()));
  }

  [Symbol.dispose](): void {
    this.#looking[Symbol.dispose]();
  }

  #refuseUnkeptLimit({ vm, sizeBytes }: SwappableVm): void {
    const over = overLimit(this.#config, [{ vm, sizeBytes }]).get(vm) ?? 0;
    if (over === 0 || this.#parts.canLimit()) return;
    const message = `The memory limit of VM ${vm} is ${Math.round(over / MIB)} MB below its memory, and without the memory cgroup nothing can keep it.`;
    throw fault("InvalidState", message, {});
  }

  async #needed(): Promise<number> {
    const { totalBytes } = await this.#parts.readHost();
    const vms = new Map([...this.#parts.running(), ...this.#promised.values()].map((vm) => [vm.vm, vm]));
    return swapNeeded({ config: this.#config, vms: [...vms.values()], totalBytes });
  }

  async #noRoom({ vm, mostBytes }: SwappableVm, cause: unknown) {
    const without = await this.#needed();
    const unreserved = Math.max(0, mostBytes - (without - this.#parts.swap.sizeBytes));
    const message = `The host does not have enough memory for VM ${vm}, and cannot make room to swap: ${messageOf(cause)}`;
    return fault("InsufficientHostMemoryCapacityFault", message, { unreserved, requested: mostBytes }, { cause });
  }

  /** While nothing is amiss no guest is looked at, nor its monitor asked: one that boots under load minds every moment. */
  async #look(): Promise<void> {
    const { running, readHost, swap } = this.#parts;
    const [host, guests] = [await readHost(), running()];
    swap.compress(this.#config.memory.compressedPercentMax);
    if (this.#isAtEase(host, guests)) {
      this.#plan = { state: "high", targets: new Map() };
      await Promise.all(guests.map((guest) => this.#carryOut(guest, AS_IT_LIKES)));
      return this.#forget(guests);
    }
    const uses = (await Promise.all(guests.map((guest) => this.#use(guest)))).filter((use) => use !== undefined);
    const plan = planMemory({ config: this.#config, guests: uses, host, before: this.state });
    if (plan.state !== this.state) this.#parts.log(`memory is ${plan.state}: ${Math.round(host.freeBytes / MIB)} MiB are free`);
    this.#plan = plan;
    await Promise.all(guests.map((guest) => this.#carryOut(guest, plan.targets.get(guest.vm))));
    this.#forget(guests);
  }

  #isAtEase({ totalBytes, freeBytes }: HostMemory, guests: readonly ScheduledGuest[]): boolean {
    if (this.state !== "high" || freeBytes < PLENTY * minFreeBytes(totalBytes, this.#config.memory.minFreePercent)) return false;
    if ([...this.#balloons.values()].some((bytes) => bytes > 0)) return false;
    if ([...this.#portions.values()].some(({ keepBytes }) => keepBytes !== undefined)) return false;
    return [...overLimit(this.#config, guests).values()].every((over) => over === 0);
  }

  async #use(guest: ScheduledGuest): Promise<GuestMemoryUse | undefined> {
    const { vm, sizeBytes, cgroup } = guest;
    const [look, all] = await Promise.all([guest.read(), cgroup === undefined ? undefined : readMemoryUse(cgroup)]);
    if (look === undefined) return undefined;
    const { residentBytes, touchedBytes, ...taken } = look;
    // Caches of files are given up first: they need no room.
    const overheadBytes = Math.max(0, (all === undefined ? 0 : all.usedBytes - all.cacheBytes) - residentBytes);
    return { vm, sizeBytes, residentBytes, activeBytes: touchedBytes, ...taken, overheadBytes };
  }

  /** One that cannot be told is told again at the next look. */
  async #carryOut(guest: ScheduledGuest, target: MemoryTarget | undefined): Promise<void> {
    if (target === undefined) return;
    try {
      await this.#tellBalloon(guest, target.balloonedBytes);
      await this.#writePortion(guest, target.keepBytes);
    } catch (error) {
      if (this.#parts.running().some(({ pid }) => pid === guest.pid)) this.#parts.log(`VM ${guest.vm}: ${messageOf(error)}`);
    }
  }

  async #tellBalloon({ pid, hasBalloon, setBalloon }: ScheduledGuest, bytes: number): Promise<void> {
    // Told once in any case: one that was adopted may hold what another vmkernel asked for.
    if (!hasBalloon || this.#balloons.get(pid) === bytes) return;
    await setBalloon(bytes);
    this.#balloons.set(pid, bytes);
  }

  async #writePortion({ vm, pid, cgroup, sizeBytes, mostBytes }: ScheduledGuest, keepBytes: number | undefined): Promise<void> {
    if (cgroup === undefined) return;
    const reserved = (this.allocationOf(vm)?.reservationMiB ?? 0) * MIB;
    const canSwap = this.#parts.swap.sizeBytes > 0;
    const swapBytesMax = canSwap ? Math.max(0, sizeBytes - reserved) : 0;
    // Without anywhere to swap to, a guest that is to keep less would stand still.
    const portion = { mostBytes, swapBytesMax, ...(canSwap && keepBytes !== undefined && { keepBytes }) };
    if (isDeepStrictEqual(this.#portions.get(pid), portion)) return;
    if (await setMemoryPortion(cgroup, portion)) this.#portions.set(pid, portion);
  }

  #forget(guests: readonly ScheduledGuest[]): void {
    const pids = new Set(guests.map(({ pid }) => pid));
    for (const known of [this.#balloons, this.#portions]) for (const pid of known.keys()) if (!pids.has(pid)) known.delete(pid);
  }
}
