/**
 * The host's resource pools at work: what they shall be is in the database, which VM lies in which beside it; vmkernel is told the whole
 * of it whenever something changes, and divides what runs by it. Paper «Resource Provisioning, Shares, and Limits».
 */
import { isDeepStrictEqual } from "node:util";
import type { VmId } from "../../base/index.ts";
import { ConnectionLost, type HostDescription, type ResourceConfig, worstCaseMemory } from "../../vmkernel/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";
import type { Accounts } from "../accounts.ts";
import type { Changes } from "../changes.ts";
import type { Connection } from "../database.ts";
import { COMPUTE_RESOURCE } from "../inventory-tree.ts";
import type { Options } from "../options/options.ts";
import type { Vm } from "../vm.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { consumerOf, coreSharingOf, type RunningConsumer, refuseUnkeepable, refuseUnusable, type Sized, toVmkernel } from "./guarantees.ts";
import { admitted, movePools } from "./plan-pools.ts";
import { findPool, type Pool, type PoolTree, poolIdOf, poolRef, ROOT_ID } from "./pool-tree.ts";

/** vSphere's configuration maximum for a host. */
const POOLS_MAX = 1600;
const MIB = 2 ** 20;
const TELL_DELAY_MS = 50; // what changes together is told at once

export interface PoolsParts {
  readonly database: Connection;
  readonly vmkernel: Vmkernel;
  readonly host: HostDescription;
  readonly changes: Changes;
  readonly accounts: Accounts;
  readonly options: Options;
  readonly vms: { list(): readonly Vm[] };
  /** A failure that stops nothing: a person is told. */
  readonly onBug: (error: unknown) => void;
}

export class Pools {
  readonly #parts: PoolsParts;
  #pools: readonly Pool[];
  /** VMs that are being powered on: what they are guaranteed is taken already. */
  readonly #starting = new Set<Vm>();
  readonly #members: Map<string, number>;
  #told: ResourceConfig | undefined;
  #telling: NodeJS.Timeout | undefined;
  readonly #worst = new WorstCase();

  constructor(parts: PoolsParts) {
    this.#parts = parts;
    const { database } = parts;
    const rows = database.prepare("SELECT id, parent, name, change_version, allocations FROM pool ORDER BY id").all() as PoolRow[];
    this.#pools = rows.map(readRow);
    const members = database.prepare("SELECT vm, pool FROM pool_member").all() as { vm: number; pool: number }[];
    this.#members = new Map(members.map(({ vm, pool }) => [String(vm), pool]));
  }

  /** Pools, and what runs in them. */
  get tree(): LiveTree {
    const { host, vms } = this.#parts;
    const running = vms.list().filter((vm) => vm.monitor !== undefined || this.#starting.has(vm));
    const consumers = running.map((vm) => consumerOf(vm, this.poolOf(vm)));
    return { capacity: capacityOf(host), pools: this.#pools, consumers };
  }

  get pools(): readonly Pool[] {
    return this.#pools;
  }

  /** The pool of that managed object id; undefined for one that is gone, for the root pool, and for what is no pool. */
  find(moid: string): Pool | undefined {
    const id = poolIdOf(moid);
    return id === undefined ? undefined : findPool({ pools: this.#pools }, id);
  }

  /** @throws {Fault} ManagedObjectNotFound for what is no pool */
  require(ref: MoRef): number {
    const id = ref.value === poolRef(ROOT_ID).value ? ROOT_ID : this.find(ref.value)?.id;
    if (id !== undefined) return id;
    throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: ref });
  }

  poolOf(vm: Pick<Vm, "id">): number {
    return this.#members.get(vm.id) ?? ROOT_ID;
  }

  vmsIn(pool: number): readonly MoRef<"VirtualMachine">[] {
    return this.#parts.vms
      .list()
      .filter((vm) => this.poolOf(vm) === pool)
      .map(({ ref }) => ref);
  }

  /** The id that a pool made now would have. @throws {Fault} InsufficientResourcesFault when there are as many as there can be */
  nextId(): number {
    if (this.#pools.length >= POOLS_MAX) throw fault("InsufficientResourcesFault", `The host has ${POOLS_MAX} resource pools already.`, {});
    const { seq } = (this.#parts.database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'pool'").get() ?? { seq: 0 }) as {
      seq: number;
    };
    return seq + 1;
  }

  /** Changes the tree, whole or not at all. @param plan decides on what is there; its faults are the caller's */
  change(plan: (tree: PoolTree) => PoolTree): void {
    const { pools } = plan(this.tree);
    this.#become(pools, new Map([...this.#members].map(([vm, pool]) => [vm, survivor(this.#pools, pools, pool)])));
  }

  /** Moves pools and VMs into a pool, all or none. @throws {Fault} what plan-pools.ts and admission say */
  move({ ids, vms, to }: { readonly ids: readonly number[]; readonly vms: readonly Vm[]; readonly to: number }): void {
    const before = this.tree;
    const moving = new Set(vms);
    const consumers = before.consumers.map((consumer) => (moving.has(consumer.vm) ? { ...consumer, pool: to } : consumer));
    const after = admitted(before, { ...movePools(before, { ids, to }), consumers });
    this.#become(after.pools, new Map([...this.#members, ...vms.map(({ id }) => [id, to] as const)]));
  }

  #become(pools: readonly Pool[], members: ReadonlyMap<string, number>): void {
    const before = this.#pools;
    this.#store(pools, members);
    const moved = this.#parts.vms.list().filter(({ id }) => (members.get(id) ?? ROOT_ID) !== (this.#members.get(id) ?? ROOT_ID));
    this.#pools = pools;
    this.#members.clear();
    for (const [vm, pool] of members) if (pool !== ROOT_ID) this.#members.set(vm, pool);
    const refs = new Set([...before, ...pools, { id: ROOT_ID }].map(({ id }) => id));
    this.#parts.changes.changed(COMPUTE_RESOURCE, ...[...refs].map(poolRef), ...moved.map(({ ref }) => ref));
    this.tellSoon();
  }

  /**
   * Takes what a VM is guaranteed before anything of it starts.
   * @returns gives it back; once the VM runs it is counted as one that does
   * @throws {Fault} InsufficientCpuResourcesFault, InsufficientMemoryResourcesFault
   */
  reserve(vm: Vm, config: Sized): Disposable {
    this.requireRoom(vm, config);
    this.#starting.add(vm);
    return { [Symbol.dispose]: () => void this.#starting.delete(vm) };
  }

  /** Whether a VM can run with this configuration beside what runs. @throws as `reserve` */
  requireRoom(vm: Vm, config: Sized): void {
    const before = this.tree;
    const others = before.consumers.filter((consumer) => consumer.vm !== vm);
    const own = consumerOf(vm, this.poolOf(vm), config);
    refuseUnusable(config, own, this.#parts.host.cpu.mhz);
    refuseUnkeepable(config, own, { others, capacity: before.capacity });
    admitted(before, { ...before, consumers: [...others, own] });
  }

  /** A VM that left the inventory: its row went with it. */
  forget(vm: Vm): void {
    this.#members.delete(vm.id);
  }

  /** Of a VM that runs: the memory that it would get in the worst case, in MB; undefined until vmkernel has been told of it. */
  staticMemoryMb(vm: Vm): number | undefined {
    if (this.#told === undefined) return undefined;
    const running = this.#parts.vms.list().flatMap(({ id, monitor, files }) => {
      const memoryMb = files.kind === "readable" ? files.config.hardware.memoryMB : undefined;
      return monitor === undefined || memoryMb === undefined ? [] : [{ vm: id, sizeBytes: memoryMb * MIB }];
    });
    const bytes = this.#worst.of(this.#told, running, this.#parts.host.memoryBytes).get(vm.id);
    return bytes === undefined ? undefined : Math.floor(bytes / MIB);
  }

  /** Tells vmkernel soon, if there is something new to tell. */
  tellSoon(): void {
    if (this.#telling !== undefined) return;
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.tell().catch(this.#parts.onBug);
    }, TELL_DELAY_MS);
    this.#telling.unref();
  }

  /** A vmkernel that has just come knows nothing. */
  tellAgain(): Promise<void> {
    this.#told = undefined;
    return this.tell();
  }

  async tell(): Promise<void> {
    const { vmkernel, vms, options } = this.#parts;
    const resources = toVmkernel({
      pools: this.#pools,
      vms: vms.list(),
      poolOf: (vm) => this.poolOf(vm),
      sharedPagesPerSecond: options.get("Mem.ShareRateMax"),
      memory: {
        balloonPercentMax: options.get("Mem.CtlMaxPercent"),
        idleTaxPercent: options.get("Mem.IdleTax"),
        minFreePercent: options.get("Mem.MemMinFreePct"),
        compressedPercentMax: options.get("Mem.MemZipEnable") === 0 ? 0 : options.get("Mem.MemZipMaxPct"),
        wipesOnRelease: options.get("Mem.MemEagerZero") === 1,
      },
      coreSharing: coreSharingOf(options),
    });
    if (isDeepStrictEqual(resources, this.#told)) return;
    this.#told = resources;
    try {
      await vmkernel.request({ kind: "configureResources", resources });
    } catch (error) {
      this.#told = undefined;
      if (!(error instanceof ConnectionLost)) throw error; // the next one is told when it is there
    }
  }

  /** With the permissions on pools that are gone. */
  #store(pools: readonly Pool[], members: ReadonlyMap<string, number>): void {
    const { database, accounts } = this.#parts;
    const gone = new Set(this.#pools.filter(({ id }) => findPool({ pools }, id) === undefined).map(({ id }) => poolRef(id).value));
    accounts.change(() => {
      database.exec("DELETE FROM pool_member; PRAGMA defer_foreign_keys = ON; DELETE FROM pool;");
      const insert = database.prepare("INSERT INTO pool (id, parent, name, change_version, allocations) VALUES (?, ?, ?, ?, ?)");
      for (const { id, parent, name, changeVersion, cpu, memory } of pools)
        insert.run(id, parent === ROOT_ID ? null : parent, name, changeVersion, JSON.stringify({ cpu, memory }));
      const enter = database.prepare("INSERT INTO pool_member (vm, pool) VALUES (?, ?)");
      for (const [vm, pool] of members) if (pool !== ROOT_ID) enter.run(Number(vm), pool);
      for (const permission of accounts.permissions()) if (gone.has(permission.entity)) accounts.revoke(permission);
    });
  }
}

/** It is read for each VM, and is the same for all until something changes. */
class WorstCase {
  #key: readonly [config: ResourceConfig, running: string] | undefined;
  #found: ReadonlyMap<VmId, number> = new Map();

  of(config: ResourceConfig, running: Parameters<typeof worstCaseMemory>[1], bytes: number): ReadonlyMap<VmId, number> {
    const key = [config, running.map(({ vm, sizeBytes }) => `${vm} ${sizeBytes}`).join()] as const;
    if (this.#key?.[0] !== key[0] || this.#key[1] !== key[1]) this.#found = worstCaseMemory(config, running, bytes);
    this.#key = key;
    return this.#found;
  }
}

interface LiveTree extends PoolTree {
  readonly consumers: readonly RunningConsumer[];
}

interface PoolRow {
  readonly id: number;
  readonly parent: number | null;
  readonly name: string;
  readonly change_version: number;
  readonly allocations: string;
}

function readRow({ id, parent, name, change_version, allocations }: PoolRow): Pool {
  return {
    id,
    parent: parent ?? ROOT_ID,
    name,
    changeVersion: change_version,
    ...(JSON.parse(allocations) as Pick<Pool, "cpu" | "memory">),
  };
}

/** The nearest of a pool and its parents that is still there. */
function survivor(before: readonly Pool[], after: readonly Pool[], id: number): number {
  if (id === ROOT_ID || findPool({ pools: after }, id) !== undefined) return id;
  return survivor(before, after, findPool({ pools: before }, id)?.parent ?? ROOT_ID);
}

function capacityOf({ cpu, memoryBytes }: HostDescription): PoolTree["capacity"] {
  return { cpuMhz: cpu.mhz * cpu.cores, memoryMb: Math.floor(memoryBytes / 2 ** 20) };
}
