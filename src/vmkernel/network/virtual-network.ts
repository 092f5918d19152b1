/**
 * The host's virtual network: switches built to order of programs in the kernel, and what is plugged into them.
 * All ports are in one network namespace that nothing else is in and where nothing has an address: what moves frames there are the
 * programs alone. They are pinned, so they go on without this process, and the next one takes them over.
 * Paper «Virtual Networking Layer».
 */
import { closeSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { assert, messageWithCauses, Turns, Undo, type VmId } from "../../base/index.ts";
import {
  createTap,
  deleteLink,
  disableIpv6,
  inNamespace,
  isNamespace,
  LinkWatch,
  linkIndex,
  listLinks,
  makeNamespace,
  mountBpffs,
  removeNamespace,
  sendFrame,
  unmountBpffs,
} from "../../system/index.ts";
import { announcements, uplinksOfPorts } from "./announce.ts";
import type { CarriedConnection } from "./carried-connections.ts";
import { checkConfig, checkNic } from "./check-config.ts";
import type { HostAddress, Learned, NetworkConfig, NicPort } from "./config.ts";
import { describeNetwork } from "./describe-network.ts";
import type { NetworkDescription } from "./description.ts";
import { HostNics } from "./host-nics.ts";
import { type KernelFeatures, kernelFeatures } from "./kernel-features.ts";
import { KernelNetwork, type Links } from "./kernel-network.ts";
import {
  type NetworkPlan,
  type NetworkState,
  type PluggedPort,
  planNetwork,
  type Surroundings,
  settle,
  teamsInUse,
} from "./plan-network.ts";
import { portId } from "./port-id.ts";
import { bringUpAll, deviceOf } from "./port-links.ts";
import type { PortPins } from "./port-pins.ts";
import { Promotions } from "./promotions.ts";
import { type NetworkRecord, readRecord, writeRecord } from "./record.ts";
import { TakenAdapters } from "./taken-adapters.ts";
import { type Trying, tryingWith } from "./trying.ts";

/** Where a VM's NIC is plugged in, for the monitor that has the NIC. */
export interface PortAttachment {
  /** Of the port's tap, whose frames have a virtio header each; the attachment's. */
  readonly fd: number;
  /** As {@link NetworkDescription} has it. */
  readonly portId: number;
  /** Lets go of the descriptor: the port stays as long as somebody has another of it. */
  [Symbol.dispose](): void;
}

export interface VirtualNetworkParts {
  /** Where namespace, pins and record are; made with the first port. */
  readonly folder: string;
  readonly log: (line: string) => void;
  /** A link came or went, or a team uses another one. */
  readonly changed?: () => void;
  /** Before each port whose programs move to where they cost least. */
  readonly promotionGapMs?: number;
  /** Do without what the kernel has beyond these; all that it has where absent. */
  readonly features?: KernelFeatures;
  /** Whether an uplink with a link leads nowhere: see {@link Beacons}. */
  readonly isLost?: (device: string) => boolean;
  /** Whether what the guest at a port sends takes the express road where it can; all does where absent: see {@link ExpressPorts}. */
  readonly handsOver?: (device: string) => boolean;
  /** After each change, what all of it is made from now. */
  readonly settled?: (state: NetworkState) => void;
}

export interface ConfigureOptions {
  /** Whether it may take adapters by which the machine itself is on a network. */
  readonly mayCutOff?: boolean;
}

/** The file that keeps the namespace of a network, beneath its folder. */
export function networkNamespace(folder: string): string {
  return join(folder, "namespace");
}

const NOTHING: NetworkState = { config: { switches: [] }, ports: [], switchNumbers: {} };

export class VirtualNetwork {
  readonly #parts: VirtualNetworkParts;
  readonly #files: { readonly namespace: string; readonly pins: string; readonly record: string };
  /** One change after another. */
  readonly #turn = new Turns(1);
  #state = NOTHING;
  #kernel: KernelNetwork | undefined;
  readonly #hostNics: HostNics;
  #watch: LinkWatch | undefined;
  /** Of each team: see the plan. */
  #inUse: ReadonlyMap<string, readonly string[]> = new Map();
  readonly #adapters: TakenAdapters;
  readonly #trying: Trying;
  readonly #promotions: Promotions;
  /** By which uplink the switches outside know each port. */
  #announced: ReadonlyMap<string, string> = new Map();

  constructor(parts: VirtualNetworkParts) {
    this.#parts = parts;
    const { folder } = parts;
    this.#files = { namespace: networkNamespace(folder), pins: join(folder, "bpf"), record: join(folder, "network.json") };
    this.#hostNics = new HostNics({ folder, namespace: this.#files.namespace, log: parts.log });
    this.#adapters = new TakenAdapters({ namespace: this.#files.namespace, log: parts.log });
    this.#trying = tryingWith(parts.log);
    const promoteNext = () => this.#turn.take(async () => this.#promoteNext());
    this.#promotions = new Promotions({ promoteNext, gapMs: parts.promotionGapMs });
  }

  get #features(): KernelFeatures {
    return this.#parts.features ?? kernelFeatures();
  }

  get config(): NetworkConfig {
    return this.#state.config;
  }

  /** What all of it is made from. */
  get state(): NetworkState {
    return this.#state;
  }

  /** Takes over what a vmkernel before this one left in the kernel. Where there is nothing it makes nothing. */
  adopt(): Promise<void> {
    return this.#turn.take(async () => {
      if (!isNamespace(this.#files.namespace)) return;
      const record = await this.#readRecord();
      if (record === undefined) return;
      this.#adapters.adopt(record.taken);
      this.#make();
      const links = this.#links();
      // A tap goes with the last monitor that has it. The host's own interfaces are made again where they are gone.
      const ports = record.ports.filter(({ device }) => links.has(device));
      await this.#become({ ...record, ports });
    });
  }

  async #readRecord(): Promise<NetworkRecord | undefined> {
    try {
      return await readRecord(this.#files.record);
    } catch (error) {
      // Whatever is plugged in is not known then, and passes nothing from the next change on.
      this.#parts.log(`network: reading its record: ${messageWithCauses(error)}`);
      return undefined;
    }
  }

  /**
   * Whole or not at all; ports that are plugged in go on without losing a frame.
   * @throws {Fault} what of it cannot be; ResourceInUse for an adapter that holds the machine on a network, unless that may be cut off
   */
  configure(config: NetworkConfig, { mayCutOff = false }: ConfigureOptions = {}): Promise<void> {
    return this.#turn.take(async () => {
      checkConfig(config);
      if (!mayCutOff) this.#adapters.refuseHeld(uplinksOf({ ...this.#state, config }));
      await this.#become({ ...this.#state, config });
    });
  }

  /** Uplinks lead elsewhere than before, or guests send something else. */
  followTraffic(): Promise<void> {
    return this.#linksChanged();
  }

  /** What one of the host's own interfaces was told on its network: nothing where it asks no more. */
  learn(device: string, told: Learned): Promise<void> {
    return this.#turn.take(async () => {
      const learned = { ...this.#state.learned, [device]: { ...this.#state.learned?.[device], ...told } };
      if (isDeepStrictEqual(settle({ ...this.#state, learned }), this.#state)) return;
      await this.#become({ ...this.#state, learned });
      this.#parts.changed?.();
    });
  }

  /** The addresses that the host's interfaces have by what routers told, to {@link learn}. */
  autoconfigured(): ReadonlyMap<string, readonly HostAddress[]> {
    return this.#hostNics.autoconfigured();
  }

  /** See {@link HostNics.duplicates}. */
  duplicates(): NetworkDescription["duplicates"] & object {
    return this.#hostNics.duplicates();
  }

  /** See {@link HostNics.listen}. */
  listen(device: string, port: number): Promise<number> {
    return this.#turn.take(async () => this.#hostNics.listen(device, port));
  }

  /** Its port is programmed before anyone can send by it. */
  plugIn(nic: NicPort, connected: boolean): Promise<PortAttachment> {
    return this.#turn.take(async () => {
      const device = deviceOf(nic.vm, nic.key);
      assert(!this.#state.ports.some((port) => port.device === device), `NIC ${nic.key} of VM ${nic.vm} is plugged in once`);
      this.#make();
      checkNic(nic);
      await using undo = new Undo();
      const fd = this.#there(() => createTap(device, { vnetHeader: true }));
      undo.add(() => closeSync(fd));
      this.#there(() => disableIpv6(device));
      const connectee = { kind: "virtualMachine", vm: nic.vm, key: nic.key } as const;
      const port: PluggedPort = { connectee, nic, connected, device, switchNumber: 0, number: 0 };
      await this.#become({ ...this.#state, ports: [...this.#state.ports, port] });
      undo.release();
      return { fd, portId: this.#portId(device), [Symbol.dispose]: () => closeSync(fd) };
    });
  }

  /** Another port group, MAC or firewall, or the cable, while frames flow. */
  change(nic: NicPort, connected: boolean): Promise<void> {
    return this.#turn.take(async () => {
      const device = deviceOf(nic.vm, nic.key);
      assert(
        this.#state.ports.some((port) => port.device === device),
        `NIC ${nic.key} of VM ${nic.vm} is plugged in`,
      );
      const changed = (port: PluggedPort): PluggedPort => (port.device === device ? { ...port, nic: checkNic(nic), connected } : port);
      await this.#become({ ...this.#state, ports: this.#state.ports.map(changed) });
    });
  }

  /** Where it is not plugged in this does nothing. */
  unplug(vm: VmId, key: number): Promise<void> {
    return this.#turn.take(async () => {
      const device = deviceOf(vm, key);
      const ports = this.#state.ports.filter((port) => port.device !== device);
      if (ports.length === this.#state.ports.length) return;
      await this.#become({ ...this.#state, ports });
      this.#there(() => {
        if (linkIndex(device) !== undefined) deleteLink(device);
      });
    });
  }

  /** What the firewall of a VM's NIC let through and is not over. */
  connectionsOf(vm: VmId, key: number): readonly CarriedConnection[] {
    return this.#atPort(vm, key, (pins) => pins.connections(monotonicNs())) ?? [];
  }

  /** Into the firewall of a VM's NIC, where it has one. */
  async carryIn(vm: VmId, key: number, connections: readonly CarriedConnection[]): Promise<void> {
    await this.#turn.take(async () => {
      this.#atPort(vm, key, (pins) => pins.addConnections(connections, monotonicNs()));
    });
  }

  #atPort<T>(vm: VmId, key: number, deed: (pins: PortPins) => T): T | undefined {
    const [kernel, link] = [this.#kernel, this.#links().get(deviceOf(vm, key))];
    return kernel === undefined || link === undefined ? undefined : this.#there(() => deed(kernel.pinsOf(link)));
  }

  describe(): NetworkDescription {
    const links = this.#links();
    const plan = planNetwork(this.#state, this.#surroundings(links));
    const { learned } = this.#state;
    const duplicates = this.duplicates();
    const also = { ...(learned && { learned }), ...(Object.keys(duplicates).length > 0 && { duplicates }) };
    const describe = (): NetworkDescription => ({ ...describeNetwork(plan, links, this.#kernel), ...also });
    return this.#kernel === undefined ? describe() : this.#there(describe);
  }

  /** Until every port's programs are where they cost frames least: some time after it was plugged in. */
  promoted(): Promise<void> {
    return this.#promotions.done();
  }

  /** Lets go of descriptors; what is in the kernel goes on. */
  close(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#kernel?.close();
    this.#kernel = undefined;
  }

  /** Nothing of it is left; uplinks are the machine's again. */
  remove(): Promise<void> {
    return this.#turn.take(async () => {
      this.close();
      if (isNamespace(this.#files.namespace)) this.#adapters.giveBackAll();
      this.#hostNics.remove();
      unmountBpffs(this.#files.pins);
      removeNamespace(this.#files.namespace);
      rmSync(this.#parts.folder, { recursive: true, force: true });
      this.#state = NOTHING;
      this.#inUse = new Map();
    });
  }

  /** The road of every change. */
  async #become(wanted: NetworkState): Promise<void> {
    const state = settle(wanted);
    if (state.ports.length > 0 || uplinksOf(state).some((device) => linkIndex(device) !== undefined)) this.#make();
    if (this.#kernel !== undefined) {
      await using undo = new Undo();
      const taken = this.#adapters.learn(uplinksOf(state));
      if (taken.length > 0) await writeRecord(this.#files.record, { ...this.#state, taken: this.#adapters.before });
      this.#adapters.take(taken, undo);
      this.#hostNics.apply({ config: state.config, learned: state.learned ?? {} }, undo);
      const finish = this.#program(state, undo);
      await writeRecord(this.#files.record, { ...state, taken: this.#adapters.before });
      undo.release();
      finish();
    }
    this.#state = state;
    if (this.#kernel !== undefined) await this.#afterChange();
    this.#parts.settled?.(state);
  }

  /** @returns what is left to do once nothing is to be taken back */
  #program(state: NetworkState, undo: Pick<Undo, "add">): () => void {
    const kernel = this.#kernel;
    assert(kernel !== undefined, "the network is made");
    const links = this.#links();
    const surroundings = this.#surroundings(links);
    const plan = planNetwork(state, surroundings);
    const thereUndo = { add: (step: () => void) => undo.add(() => this.#there(step)) };
    const finish = this.#there(() => kernel.apply(plan, links, thereUndo));
    return () => {
      this.#there(finish);
      this.#inUse = teamsInUse(state.config, surroundings);
      this.#announce(plan);
    };
  }

  /** What cannot be taken back any more, and what comes of it. */
  async #afterChange(): Promise<void> {
    this.#adapters.giveBackAllBut(new Set(uplinksOf(this.#state)));
    this.#hostNics.removeOthers(this.#state.config.hostNics ?? []);
    const links = this.#links();
    this.#there(() => bringUpAll(links.values(), this.#state, this.#trying));
    // Links that came up just now.
    await this.#followLinks();
    this.#promotions.begin();
  }

  #promoteNext(): boolean {
    const kernel = this.#kernel;
    let isMore = false;
    this.#trying("promoting programs", () => {
      isMore = kernel !== undefined && this.#there(() => kernel.promoteNext());
    });
    if (!isMore) this.#promotions.end();
    return isMore;
  }

  /** The same network with other links. */
  async #followLinks(): Promise<void> {
    await using undo = new Undo();
    const finish = this.#program(this.#state, undo);
    undo.release();
    finish();
  }

  /** The namespace, and where pins are. They are made with the first port: a host without a network mounts nothing. */
  #make(): void {
    if (this.#kernel !== undefined) return;
    const { namespace, pins } = this.#files;
    mkdirSync(this.#parts.folder, { recursive: true, mode: 0o700 });
    makeNamespace(namespace);
    mountBpffs(pins);
    this.#kernel = new KernelNetwork(pins, this.#features, this.#parts.log);
    this.#watch = new LinkWatch({
      namespace,
      changed: () => void this.#linksChanged(),
      failed: (error) => this.#parts.log(`network: ${messageWithCauses(error)}`),
    });
  }

  async #linksChanged(): Promise<void> {
    try {
      await this.#turn.take(async () => {
        if (this.#kernel !== undefined) await this.#followLinks();
      });
      this.#parts.changed?.();
    } catch (error) {
      this.#parts.log(`network: following its links: ${messageWithCauses(error)}`);
    }
  }

  #there<T>(deed: () => T): T {
    return inNamespace(this.#files.namespace, deed);
  }

  #links(): Links {
    const links = this.#kernel === undefined ? [] : this.#there(listLinks);
    return new Map(links.map((link) => [link.name, link]));
  }

  #surroundings(links: Links): Surroundings {
    const { isLost, handsOver } = this.#parts;
    const hasLink = (device: string) => links.get(device)?.hasCarrier === true;
    const { hasOpenLoops, hasExpress } = this.#features;
    return { hasOpenLoops, hasExpress, hasLink, inUse: this.#inUse, ...(isLost && { isLost }), ...(handsOver && { handsOver }) };
  }

  #announce(plan: NetworkPlan): void {
    for (const { device, uplink, frame } of announcements(plan, this.#announced)) {
      this.#trying(`announcing ${device}`, () => this.#there(() => sendFrame(uplink, frame)));
    }
    this.#announced = uplinksOfPorts(plan);
  }

  #portId(device: string): number {
    const port = this.#state.ports.find((one) => one.device === device);
    assert(port !== undefined, `${device} is plugged in`);
    return portId({ switchNumber: port.switchNumber, number: port.number, isUplink: false });
  }
}

/** As programs read it. */
function monotonicNs(): bigint {
  return process.hrtime.bigint();
}

function uplinksOf({ config }: NetworkState): readonly string[] {
  return config.switches.flatMap(({ uplinks }) => uplinks);
}
