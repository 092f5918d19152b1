/**
 * The host's virtual network at work: what it shall be is in the database, what is vmkernel has. A change is vmkernel's first and
 * stored when it took it; whatever ends in between, the stored one is what vmkernel is told again at the next start or connection.
 */
import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Fault, Turns } from "../../base/index.ts";
import {
  ConnectionLost,
  type Neighbour,
  type NetworkDescription,
  type PortDescription,
  type UplinkDescription,
} from "../../vmkernel/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Connection } from "../database.ts";
import { COMPUTE_RESOURCE, DATACENTER, HOST, HOST_MANAGERS, NETWORK_FOLDER, networkRef } from "../inventory-tree.ts";
import type { Vm } from "../vm.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { Adapters, asUplinks, type PhysicalAdapter } from "./adapters.ts";
import { canCutOff, type Manager, uplinksOf } from "./decide-rollback.ts";
import { findPortGroup, goneFrom, isForHost, networkNames, toVmkernel, type VirtualNetwork } from "./network-config.ts";
import type { NetworkFacts } from "./plan-network.ts";
import type { Adapter } from "./plan-switch.ts";
import { networksOfVm, usersOf } from "./port-group-users.ts";
import { type PendingRollback, Rollbacks } from "./rollbacks.ts";
import { NETWORK_SETTING, readStoredNetwork } from "./stored-network.ts";

const LOOK_DELAY_MS = 200; // what changes together is looked at once

export interface NetworksParts {
  readonly database: Connection;
  readonly vmkernel: Vmkernel;
  readonly agent: () => HostAgent;
  /** The network is another, or vmkernel has it anew. */
  readonly onSettled?: (network: VirtualNetwork) => void;
  /** A failure that stops nothing: a person is told. */
  readonly onBug: (error: unknown) => void;
}

export interface PortGroupRenaming {
  readonly from: string;
  readonly to: string;
}

/** What else is known of a change. */
export interface ChangeParts {
  /** Of a port group: its permissions follow it. */
  readonly renaming?: PortGroupRenaming | undefined;
  /** Who asked for it, by which method: when it cuts managers off, the network goes back. */
  readonly by?: Manager & { readonly methodName: string };
}

export class Networks {
  readonly #database: Connection;
  readonly #vmkernel: Vmkernel;
  readonly #agent: () => HostAgent;
  readonly #onSettled: (network: VirtualNetwork) => void;
  readonly #onBug: (error: unknown) => void;
  readonly #adapters: Adapters;
  readonly #turns = new Turns(1);
  readonly #rollbacks: Rollbacks;
  #network: VirtualNetwork;
  #description: NetworkDescription = { switches: [] };
  #look: NodeJS.Timeout | undefined;
  /** `connection` is another object each time that vmkernel has described the VM's monitor anew. */
  readonly #seen = new WeakMap<Vm, { readonly networks: ReadonlySet<string>; readonly connection: object | undefined }>();

  constructor({ database, vmkernel, agent, onSettled = () => {}, onBug }: NetworksParts) {
    this.#onSettled = onSettled;
    this.#database = database;
    this.#vmkernel = vmkernel;
    this.#agent = agent;
    this.#onBug = onBug;
    this.#adapters = new Adapters(database);
    this.#network = readStoredNetwork(database);
    this.#rollbacks = new Rollbacks({
      database,
      clock: () => this.#agent().clock,
      onDue: (pending) => this.#goBack(pending),
      onFailed: onBug,
    });
  }

  /** What it shall be. */
  get network(): VirtualNetwork {
    return this.#network;
  }

  /** What is connected, as it was looked at last. */
  get description(): NetworkDescription {
    return this.#description;
  }

  /** Of the port groups for which clients see a network: what an adapter of a VM can name. None that is for the host itself. */
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
    const taken = new Set(uplinksOf(this.#network));
    return this.#adapters.list(this.#agent().machine().nics, taken);
  }

  /** What clients call an adapter of the machine; its own name for one that is not known. */
  deviceOf(name: string): string {
    return this.adapters().find((adapter) => adapter.name === name)?.device ?? name;
  }

  /** What the switch outside tells of itself at an adapter. @param device as clients call it */
  neighbourOf(device: string): Neighbour | undefined {
    const name = this.adapters().find((adapter) => adapter.device === device)?.name;
    return this.#description.switches.flatMap(({ uplinks }) => uplinks).find((uplink) => uplink.device === name)?.neighbour;
  }

  /** At what is connected, now. */
  async look(): Promise<void> {
    await this.#describe();
  }

  /** At each look at the machine: what is new gets its name. */
  rememberAdapters(): void {
    this.#adapters.remember(this.#agent().machine().nics);
  }

  /** Tells vmkernel what is stored, at start and whenever it has come back. A host whose network cannot be made is there all the same. */
  async restore(): Promise<void> {
    try {
      await this.#turns.take(async () => {
        // A change that was never stored was not made, or is taken back now.
        if (isDeepStrictEqual(this.#rollbacks.pending?.before, this.#network)) this.#rollbacks.done();
        await this.#tell(this.#network, { mayCutOff: true });
        await this.#describe();
      });
    } catch (error) {
      this.#onBug(error);
    }
    this.#onSettled(this.#network);
    this.#rollbacks.arm();
  }

  /**
   * Changes the network, whole or not at all.
   * @param plan decides on what is there when its turn comes
   * @throws {Fault} the plan's own, or HostConfigFault when vmkernel could not make it so
   */
  async change(plan: (network: VirtualNetwork, facts: NetworkFacts) => VirtualNetwork, { renaming, by }: ChangeParts = {}): Promise<void> {
    await this.#turns.take(async () => {
      await this.#describe();
      const before = this.#network;
      const rollsBackMs = by === undefined ? 0 : this.#agent().options.get("Config.HostAgent.network.rollbackTimeout") * 1000;
      const wanted = plan(before, this.#facts({ rollsBack: rollsBackMs > 0 }));
      if (isDeepStrictEqual(wanted, before)) return;
      const guarded = by !== undefined && rollsBackMs > 0 && (await this.#canCutOff(before, wanted));
      const sinceMs = this.#agent().clock.now();
      const { methodName = "", ...changedBy } = by ?? { address: "", session: "" };
      const pending = { before, permissions: this.#permissionsOn(goneFrom(before, wanted)), sinceMs, untilMs: sinceMs + rollsBackMs };
      const cameToNothing = guarded
        ? this.#rollbacks.prepare({ ...pending, changedBy, methodName, transactionId: randomUUID() })
        : () => {};
      try {
        await this.#become(wanted, { renaming, mayCutOff: guarded });
      } catch (error) {
        cameToNothing();
        throw error;
      }
      if (guarded) this.#rollbacks.arm();
    });
  }

  /** Somebody who has a session asks for something: the host can still be managed. */
  onRequest(by: Manager): void {
    this.#rollbacks.onRequest(by);
  }

  async #goBack({ before, permissions, untilMs, sinceMs, methodName, transactionId }: PendingRollback): Promise<void> {
    await this.#turns.take(async () => {
      if (this.#rollbacks.pending?.transactionId !== transactionId) return;
      await this.#become(before, { mayCutOff: true });
      const { accounts, events } = this.#agent();
      accounts.change(() => {
        for (const permission of permissions) accounts.grant(permission);
      });
      this.#rollbacks.done();
      const message = `The network is as it was before ${methodName}: within ${(untilMs - sinceMs) / 1000} seconds nobody reached the host to manage it`;
      events.post("NetworkRollbackEvent", message, { userName: "" }, { methodName, transactionId });
    });
  }

  /** vmkernel's first, and stored when it took it. */
  async #become(wanted: VirtualNetwork, { renaming, mayCutOff }: Pick<ChangeParts, "renaming"> & CutOff): Promise<void> {
    const before = this.#network;
    await this.#tell(wanted, { mayCutOff }).catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
      throw fault("HostConfigFault", `The network could not be made so: ${error.message}`, {}, { cause: error });
    });
    try {
      this.#store(before, wanted, renaming);
    } catch (error) {
      await this.#tell(before, { mayCutOff: true });
      throw error;
    }
    this.#network = wanted;
    await this.#describe().catch(this.#onBug); // it is changed: what is connected will be looked at again
    this.#changed(before);
    this.#onSettled(wanted);
  }

  /** By what the machine's adapters are now, where some are taken: they are looked at but now and then. */
  async #canCutOff(before: VirtualNetwork, wanted: VirtualNetwork): Promise<boolean> {
    const had = new Set(uplinksOf(before));
    if (uplinksOf(wanted).some((name) => !had.has(name))) await this.#agent().refreshMachine();
    const held = this.#uplinks().filter(({ heldBecause }) => heldBecause !== undefined);
    return canCutOff(before, wanted, new Set(held.map(({ name }) => name)));
  }

  /** An advanced setting that the switches go by is another: they are told. @throws {Fault} */
  async followOptions(): Promise<void> {
    await this.#turns.take(() => this.#tell(this.#network, { mayCutOff: false }));
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
  async #tell(network: VirtualNetwork, { mayCutOff }: CutOff): Promise<void> {
    const blocks = this.#agent().options.get("Net.BlockGuestBPDU") === 1;
    const ask = () => this.#vmkernel.request({ kind: "configureNetwork", network: toVmkernel(network, blocks), mayCutOff });
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

  /** An adapter by which the machine is reached is for nobody to take, unless the network goes back when that cuts managers off. */
  #facts({ rollsBack }: { readonly rollsBack: boolean }): NetworkFacts {
    const adapters = this.#uplinks().map(({ heldBecause, ...adapter }) =>
      heldBecause === undefined || rollsBack ? adapter : { ...adapter, heldBecause },
    );
    return { adapters, inUse: usersOf(this.#agent().vms.list(), this.#description) };
  }

  #uplinks(): readonly Adapter[] {
    const { machine } = this.#agent();
    return asUplinks(this.adapters(), machine());
  }

  #permissionsOn(portGroups: readonly string[]) {
    const entities = new Set(portGroups.map((name) => networkRef(name).value));
    return this.#agent()
      .accounts.permissions()
      .filter(({ entity }) => entities.has(entity));
  }

  /** With the permissions on port groups that are gone, so that another of that name does not have them. */
  #store(before: VirtualNetwork, wanted: VirtualNetwork, renaming: PortGroupRenaming | undefined): void {
    const { accounts } = this.#agent();
    accounts.change(() => {
      this.#database
        .prepare("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .run(NETWORK_SETTING, JSON.stringify(wanted));
      for (const permission of this.#permissionsOn(goneFrom(before, wanted))) {
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

interface CutOff {
  /** Whether adapters may be taken by which the machine itself is on a network. */
  readonly mayCutOff: boolean;
}

/** What clients see of it in properties: counters they do not, and neighbours they ask for. */
function shownOf({ switches, learned, duplicates }: NetworkDescription) {
  const port = ({ id, connectee, portGroup, effectiveMac }: PortDescription) => ({ id, connectee, portGroup, effectiveMac });
  const uplink = ({ device, hasLink, mac }: UplinkDescription) => ({ device, hasLink, mac });
  return [
    learned,
    duplicates,
    switches.map(({ name, uplinks, ports }) => ({ name, uplinks: uplinks.map(uplink), ports: ports.map(port) })),
  ];
}
