/**
 * The host's firewall in the kernel: a table of the packet filter, which stands while nothing of ours runs. What it was made from is
 * written down beside it, so that the next vmkernel takes it up. One change at a time; each is whole or has not been.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { messageOf, parseIpNetwork, Turns, type VmId } from "../../base/index.ts";
import { deleteTable, loadRules } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { mayConnect } from "./admits.ts";
import type { FirewallScope, HostFilter, HostFirewallConfig } from "./config.ts";
import { planRules } from "./plan-rules.ts";

export interface HostFirewallParts {
  readonly table: string;
  readonly scope: FirewallScope;
  /** TCP port of the host's API. */
  readonly apiPort: number;
  /** The file that tells the next vmkernel. Gone at a reboot, as the table is. */
  readonly record: string;
  /** Of the network that is filtered: the file of a namespace. The one that we are in where it is left out. */
  readonly namespace?: string;
}

/** What there is, for whoever wants to make it again and compare. */
export interface HostFirewallState {
  readonly table: string;
  readonly scope: FirewallScope;
  /** Undefined as long as nobody has said what it shall be. */
  readonly filter: HostFilter | undefined;
  /** Why there is no firewall on this machine; undefined where there is one. */
  readonly withheld?: string;
}

/** As requests and monitors reach it. */
export interface HostFirewall {
  /** @throws {Fault} HostConfigFault; then all is as it was */
  configure(config: HostFirewallConfig): Promise<void>;
  state(): HostFirewallState;
  /** Before the ports of a VM listen: from then on they are filtered. None of them any more when the list is empty. */
  filterSerialPorts(vm: VmId, ports: readonly number[]): Promise<void>;
  /** Monitors have been adopted: the ports of all others are nobody's. */
  keepSerialPortsOf(vms: ReadonlySet<VmId>): Promise<void>;
  /** Whether this host itself may connect to an address. */
  mayConnect(address: string, port: number): boolean;
  /** The host stops: nothing of it is left. */
  remove(): Promise<void>;
}

export class KernelFirewall implements HostFirewall {
  readonly #parts: HostFirewallParts;
  readonly #turns = new Turns(1);
  readonly #serialPorts = new Map<VmId, readonly number[]>();
  #config: HostFirewallConfig | undefined;

  private constructor(parts: HostFirewallParts) {
    this.#parts = parts;
  }

  /** Takes up what an earlier vmkernel has left, and makes it whole again. Before monitors are looked for. */
  static async open(parts: HostFirewallParts): Promise<KernelFirewall> {
    const firewall = new KernelFirewall(parts);
    const record = await readRecord(parts.record);
    firewall.#config = record?.config;
    for (const [vm, ports] of record?.serialPorts ?? []) firewall.#serialPorts.set(vm, ports);
    await firewall.#load();
    return firewall;
  }

  configure(config: HostFirewallConfig): Promise<void> {
    return this.#turns.take(async () => {
      const before = this.#config;
      this.#config = config;
      try {
        await this.#load();
        await this.#writeRecord();
      } catch (cause) {
        this.#config = before;
        await this.#load().catch(() => {}); // what could not be loaded has changed nothing; what could not be written down is taken back
        throw fault("HostConfigFault", `The firewall could not be made so: ${messageOf(cause)}`, {}, { cause });
      }
    });
  }

  state(): HostFirewallState {
    const { table, scope } = this.#parts;
    return { table, scope, filter: this.#filter() };
  }

  filterSerialPorts(vm: VmId, ports: readonly number[]): Promise<void> {
    return this.#turns.take(async () => {
      const before = this.#serialPorts.get(vm) ?? [];
      if (before.join() === ports.join()) return;
      if (ports.length > 0) this.#serialPorts.set(vm, ports);
      else this.#serialPorts.delete(vm);
      await this.#load();
      await this.#writeRecord();
    });
  }

  async keepSerialPortsOf(vms: ReadonlySet<VmId>): Promise<void> {
    for (const vm of [...this.#serialPorts.keys()]) if (!vms.has(vm)) await this.filterSerialPorts(vm, []);
  }

  mayConnect(address: string, port: number): boolean {
    const filter = this.#filter();
    const network = parseIpNetwork(address.replace(/%.*$/, "")); // of a link, its zone is for this machine to know
    return filter !== undefined && network !== undefined && mayConnect(filter, network, port);
  }

  remove(): Promise<void> {
    return this.#turns.take(async () => {
      this.#config = undefined;
      await deleteTable(this.#parts.table, this.#parts);
      await rm(this.#parts.record, { force: true });
    });
  }

  #filter(): HostFilter | undefined {
    const { scope, apiPort } = this.#parts;
    if (this.#config === undefined) return undefined;
    return { scope, apiPort, serialPorts: [...this.#serialPorts.values()].flat(), config: this.#config };
  }

  async #load(): Promise<void> {
    const filter = this.#filter();
    if (filter !== undefined) await loadRules(planRules(this.#parts.table, filter), this.#parts);
  }

  /** In one step: a reader finds the old one or the new one. */
  async #writeRecord(): Promise<void> {
    const { record } = this.#parts;
    if (this.#config === undefined) return; // nothing is filtered yet, or any more
    await writeFile(`${record}.new`, JSON.stringify({ config: this.#config, serialPorts: [...this.#serialPorts] }), { mode: 0o600 });
    await rename(`${record}.new`, record);
  }
}

interface FirewallRecord {
  readonly config?: HostFirewallConfig;
  readonly serialPorts: readonly (readonly [VmId, readonly number[]])[];
}

async function readRecord(path: string): Promise<FirewallRecord | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as FirewallRecord);
}

/** Where the machine withholds the packet filter (--degraded): nothing is filtered, and nothing can be asked of it. */
export class NoFirewall implements HostFirewall {
  readonly #state: HostFirewallState;

  constructor(table: string) {
    this.#state = {
      table,
      scope: "ownPorts",
      filter: undefined,
      withheld: "This machine withholds nftables, so this host has no firewall.",
    };
  }

  async configure(): Promise<never> {
    throw fault("HostConfigFault", this.#state.withheld ?? "", {});
  }

  state(): HostFirewallState {
    return this.#state;
  }

  mayConnect(): boolean {
    return true;
  }

  async filterSerialPorts(): Promise<void> {}
  async keepSerialPortsOf(): Promise<void> {}
  async remove(): Promise<void> {}
}
