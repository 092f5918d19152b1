/**
 * The host's virtual network at work: what it shall be is in the database, what is vmkernel has. A change is vmkernel's first and
 * stored when it took it; whatever ends in between, the stored one is what vmkernel is told again at the next start or connection.
 */
import { isDeepStrictEqual } from "node:util";
import { Fault, Turns } from "../../base/index.ts";
import { ConnectionLost, type NetworkDescription, type PortDescription } from "../../vmkernel/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Connection } from "../database.ts";
import { COMPUTE_RESOURCE, DATACENTER, HOST, HOST_MANAGERS, NETWORK_FOLDER, networkRef } from "../inventory-tree.ts";
import type { Vm } from "../vm.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { Adapters, asUplinks, type PhysicalAdapter } from "./adapters.ts";
import { FIRST_NETWORK, findPortGroup, isForHost, portGroupsOf, toVmkernel, type VirtualNetwork } from "./network-config.ts";
import type { NetworkFacts } from "./plan-network.ts";
import { networksOfVm, usersOf } from "./port-group-users.ts";

const SETTING = "network";
const LOOK_DELAY_MS = 200; // what changes together is looked at once

export interface NetworksParts {
  readonly database: Connection;
  readonly vmkernel: Vmkernel;
  readonly agent: () => HostAgent;
  /** A failure that stops nothing: a person is told. */
  readonly onBug: (error: unknown) => void;
}

export interface PortGroupRenaming {
  readonly from: string;
  readonly to: string;
}

export class Networks {
  readonly #database: Connection;
  readonly #vmkernel: Vmkernel;
  readonly #agent: () => HostAgent;
  readonly #onBug: (error: unknown) => void;
  readonly #adapters: Adapters;
  readonly #turns = new Turns(1);
  #network: VirtualNetwork;
  #description: NetworkDescription = { switches: [] };
  #look: NodeJS.Timeout | undefined;
  /** `connection` is another object each time that vmkernel has described the VM's monitor anew. */
  readonly #seen = new WeakMap<Vm, { readonly networks: ReadonlySet<string>; readonly connection: object | undefined }>();

  constructor({ database, vmkernel, agent, onBug }: NetworksParts) {
    this.#database = database;
    this.#vmkernel = vmkernel;
    this.#agent = agent;
    this.#onBug = onBug;
    this.#adapters = new Adapters(database);
    const row = database.prepare("SELECT value FROM setting WHERE key = ?").get(SETTING) as { value: string } | undefined;
    this.#network = row === undefined ? FIRST_NETWORK : readStored(row.value);
  }

  /** What it shall be. */
  get network(): VirtualNetwork {
    return this.#network;
  }

  /** What is connected, as it was looked at last. */
  get description(): NetworkDescription {
    return this.#description;
  }

  /** Of all port groups: what an adapter of a VM can name. */
  portGroupNames(): readonly string[] {
    return portGroupsOf(this.#network).map(({ portGroup }) => portGroup.name);
  }

  /** Of the port groups for which clients see a network. */
  names(): readonly string[] {
    return networkNames(this.#network);
  }

  refs(): readonly MoRef<"Network">[] {
    return this.names().map(networkRef);
  }

  /** Whether clients see a network of that name. */
  has(name: string): boolean {
    const found = findPortGroup(this.#network, name);
    return found !== undefined && !isForHost(this.#network, found.portGroup);
  }

  /** The machine's adapters, those that switches have taken among them. */
  adapters(): readonly PhysicalAdapter[] {
    const taken = new Set(this.#network.switches.flatMap(({ uplinks }) => uplinks));
    return this.#adapters.list(this.#agent().machine().nics, taken);
  }

  /** What clients call an adapter of the machine; its own name for one that is not known. */
  deviceOf(name: string): string {
    return this.adapters().find((adapter) => adapter.name === name)?.device ?? name;
  }

  /** At each look at the machine: what is new gets its name. */
  rememberAdapters(): void {
    this.#adapters.remember(this.#agent().machine().nics);
  }

  /** Tells vmkernel what is stored, at start and whenever it has come back. A host whose network cannot be made is there all the same. */
  async restore(): Promise<void> {
    try {
      await this.#turns.take(async () => {
        await this.#tell(this.#network);
        await this.#describe();
      });
    } catch (error) {
      this.#onBug(error);
    }
  }

  /**
   * Changes the network, whole or not at all.
   * @param plan decides on what is there when its turn comes
   * @param renaming of a port group: its permissions follow it
   * @throws {Fault} the plan's own, or HostConfigFault when vmkernel could not make it so
   */
  async change(plan: (network: VirtualNetwork, facts: NetworkFacts) => VirtualNetwork, renaming?: PortGroupRenaming): Promise<void> {
    await this.#turns.take(async () => {
      await this.#describe();
      const before = this.#network;
      const wanted = plan(before, this.#facts());
      if (isDeepStrictEqual(wanted, before)) return;
      await this.#tell(wanted).catch((error: unknown) => {
        if (!(error instanceof Fault)) throw error;
        throw fault("HostConfigFault", `The network could not be made so: ${error.message}`, {}, { cause: error });
      });
      try {
        this.#store(before, wanted, renaming);
      } catch (error) {
        await this.#tell(before);
        throw error;
      }
      this.#network = wanted;
      await this.#describe().catch(this.#onBug); // it is changed: what is connected will be looked at again
      this.#changed(before);
    });
  }

  /** Looks at what is connected soon: something has been, or is no more. */
  lookSoon(): void {
    if (this.#look !== undefined) return;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      this.#describe().catch(() => {}); // vmkernel away: the next one is asked when it is there
    }, LOOK_DELAY_MS);
    this.#look.unref();
  }

  /** Whenever something of a VM has changed: the networks that it names, or what is connected, may have. */
  onVmChanged(vm: Vm): void {
    const before = this.#seen.get(vm);
    const now = { networks: networksOfVm(vm), connection: vm.monitor?.disconnected };
    this.#seen.set(vm, now);
    const came = [...now.networks].filter((name) => before?.networks.has(name) !== true);
    const went = [...(before?.networks ?? [])].filter((name) => !now.networks.has(name));
    this.#agent().changes.changed(...[...came, ...went].filter((name) => this.has(name)).map(networkRef));
    if (before?.connection !== now.connection) this.lookSoon();
  }

  /** A vmkernel that dies over it is told again: what it made of it, the next one finds. */
  async #tell(network: VirtualNetwork): Promise<void> {
    const ask = () => this.#vmkernel.request({ kind: "configureNetwork", network: toVmkernel(network) });
    await ask().catch((error: unknown) => {
      if (error instanceof ConnectionLost) return ask();
      throw error;
    });
  }

  async #describe(): Promise<void> {
    const before = this.#description;
    this.#description = await this.#vmkernel.request({ kind: "describeNetwork" });
    if (isDeepStrictEqual(shownOf(before), shownOf(this.#description))) return;
    this.#agent().changes.changed(HOST, HOST_MANAGERS.networkSystem);
  }

  #facts(): NetworkFacts {
    const { vms, machine, identity } = this.#agent();
    return { adapters: asUplinks(this.adapters(), machine(), identity), inUse: usersOf(vms.list(), this.#description) };
  }

  /** With the permissions on port groups that are gone, so that another of that name does not have them. */
  #store(before: VirtualNetwork, wanted: VirtualNetwork, renaming: PortGroupRenaming | undefined): void {
    const { accounts } = this.#agent();
    const gone = portGroupsOf(before).filter(({ portGroup }) => findPortGroup(wanted, portGroup.name) === undefined);
    const entities = new Set(gone.map(({ portGroup }) => networkRef(portGroup.name).value));
    accounts.change(() => {
      this.#database
        .prepare("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .run(SETTING, JSON.stringify(wanted));
      for (const permission of accounts.permissions().filter(({ entity }) => entities.has(entity))) {
        accounts.revoke(permission);
        if (renaming !== undefined && permission.entity === networkRef(renaming.from).value)
          accounts.grant({ ...permission, entity: networkRef(renaming.to).value });
      }
    });
  }

  #changed(before: VirtualNetwork): void {
    const { changes, vms } = this.#agent();
    const namesBefore = networkNames(before);
    const cameOrWent = [...namesBefore.filter((name) => !this.has(name)), ...this.names().filter((name) => !namesBefore.includes(name))];
    changes.changed(HOST, HOST_MANAGERS.networkSystem, HOST_MANAGERS.virtualNicManager, ...cameOrWent.map(networkRef));
    if (cameOrWent.length === 0) return;
    changes.changed(NETWORK_FOLDER, DATACENTER, COMPUTE_RESOURCE);
    for (const vm of vms.list()) if (cameOrWent.some((name) => networksOfVm(vm).has(name))) vm.changed();
  }
}

/** One that was stored before hosts had interfaces of their own has none. */
function readStored(text: string): VirtualNetwork {
  const { switches, hostNics = [] } = JSON.parse(text) as Omit<VirtualNetwork, "hostNics"> & Partial<VirtualNetwork>;
  return { switches, hostNics };
}

function networkNames(network: VirtualNetwork): readonly string[] {
  return portGroupsOf(network).flatMap(({ portGroup }) => (isForHost(network, portGroup) ? [] : [portGroup.name]));
}

/** What clients see of it: counters they do not. */
function shownOf({ switches }: NetworkDescription) {
  const port = ({ id, connectee, portGroup, effectiveMac }: PortDescription) => ({ id, connectee, portGroup, effectiveMac });
  return switches.map(({ name, uplinks, ports }) => ({ name, uplinks, ports: ports.map(port) }));
}
