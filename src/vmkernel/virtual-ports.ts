/**
 * The virtual ports of running VMs: one for each NIC, from before its monitor starts until after it has ended. One that names no
 * network has a port that is on no switch: so it can be connected later without another adapter for its guest.
 * Paper «Virtual Ports»: what a port knows, it knows from the VM's configuration and from the adapter, never from frames.
 */
import { isDeepStrictEqual } from "node:util";
import { messageOf, Undo, type VmId } from "../base/index.ts";
import type { HostNetwork } from "./host-network.ts";
import type { AdapterState, MachineSpec } from "./machine.ts";
import { encodeAppendix, readAppendix } from "./memory-appendix.ts";
import type { NicPort } from "./network/config.ts";
import { encodeConnections, parseConnections } from "./network/index.ts";
import type { Monitor, Nic, NicPorts, Tap } from "./vmm/index.ts";

export interface VirtualPortsParts {
  readonly network: HostNetwork;
  readonly log: (line: string) => void;
}

/** The taps of a machine's NICs, by their keys. */
export interface Taps extends Disposable {
  readonly taps: ReadonlyMap<number, Tap>;
}

export class VirtualPorts {
  readonly #parts: VirtualPortsParts;
  /** What guests' drivers have set at their adapters, by the key of the NIC. */
  readonly #adapters = new Map<VmId, ReadonlyMap<number, AdapterState>>();

  constructor(parts: VirtualPortsParts) {
    this.#parts = parts;
  }

  /** As the monitor of a VM reaches them. */
  of(vm: VmId): NicPorts {
    const { network } = this.#parts;
    return {
      plugIn: (nic) => network.plugIn(this.#portOf(vm, nic), isConnected(nic)),
      change: async (nic) => {
        // A monitor that was started where the machine withheld its network has no tap: its NIC leads nowhere until the next power-on.
        if (this.#pluggedOf(vm).some(({ key }) => key === nic.key)) await network.change(this.#portOf(vm, nic), isConnected(nic));
      },
      unplug: (key) => network.unplug(vm, key),
    };
  }

  /** Before the monitor starts. @throws {Fault} and then none is plugged in */
  async plugInAll(machine: MachineSpec): Promise<Taps> {
    await using undo = new Undo();
    const ports = this.of(machine.vm);
    const taps = new Map<number, Tap>();
    for (const nic of nicsOf(machine)) {
      const tap = await ports.plugIn(nic);
      if (tap === undefined) continue;
      taps.set(nic.key, tap);
      undo.add(() => tap[Symbol.dispose]());
      undo.add(() => ports.unplug(nic.key));
    }
    undo.release();
    return {
      taps,
      [Symbol.dispose]() {
        for (const tap of taps.values()) tap[Symbol.dispose]();
      },
    };
  }

  /**
   * Makes the ports of a VM those of its machine: after its monitor was found again, and after a change that came to nothing.
   * A NIC that had none gets none, for its monitor has no tap.
   */
  async settle({ vm, adapters, record: { machine } }: Monitor): Promise<void> {
    this.#adapters.set(vm, adapters);
    const nics = new Map(nicsOf(machine).map((nic) => [nic.key, nic]));
    const ports = this.of(vm);
    for (const { key } of this.#pluggedOf(vm)) {
      const nic = nics.get(key);
      await this.#quietly(vm, () => (nic === undefined ? ports.unplug(key) : ports.change(nic)));
    }
  }

  /** Drivers in the guest have set their adapters. @returns whether one of them differs from what its port knew */
  async learn({ vm, adapters, record: { machine } }: Monitor): Promise<boolean> {
    const known = this.#adapters.get(vm);
    this.#adapters.set(vm, adapters);
    const changed = nicsOf(machine).filter(
      ({ key, mac, network }) => network !== undefined && !isDeepStrictEqual(known?.get(key) ?? { mac }, adapters.get(key) ?? { mac }),
    );
    const ports = this.of(vm);
    for (const nic of changed) await this.#quietly(vm, () => ports.change(nic));
    return changed.length > 0;
  }

  /** What ports of a guest that stands still know, for its memory's file. */
  carryOut({ vm, record: { machine } }: Pick<Monitor, "vm" | "record">): Buffer {
    const known = nicsOf(machine).map(({ key }) => [key, encodeConnections(this.#parts.network.connectionsOf(vm, key))] as const);
    return encodeAppendix(new Map(known), Date.now());
  }

  /** Before the guest goes on. What cannot be read of it is judged by the firewall's rules again. @param fd of its memory's file */
  async carryIn({ vm, devices }: MachineSpec, fd: number): Promise<void> {
    await this.#quietly(vm, async () => {
      const { carried = new Map<number, Buffer>(), savedAtMs = 0 } = readAppendix(fd) ?? {};
      for (const { key } of nicsOf({ devices })) {
        const bytes = carried.get(key);
        if (bytes !== undefined) await this.#parts.network.carryIn(vm, key, parseConnections(bytes, Date.now() - savedAtMs));
      }
    });
  }

  /** The monitor has ended, or was not started after all. */
  async release(vm: VmId): Promise<void> {
    this.#adapters.delete(vm);
    await Promise.all(this.#pluggedOf(vm).map(({ key }) => this.#quietly(vm, () => this.#parts.network.unplug(vm, key))));
  }

  /** What a vmkernel that was killed has left of VMs that run no more. */
  async releaseOthers(running: ReadonlySet<VmId>): Promise<void> {
    const gone = new Set(this.#parts.network.plugged().flatMap(({ vm }) => (running.has(vm) ? [] : [vm])));
    for (const vm of gone) await this.release(vm);
  }

  #pluggedOf(wanted: VmId): readonly { readonly key: number }[] {
    return this.#parts.network.plugged().filter(({ vm }) => vm === wanted);
  }

  #portOf(vm: VmId, nic: Nic): NicPort {
    const { key, mac, network = "", firewall } = nic;
    const { mac: effectiveMac = mac, groups } = this.#adapters.get(vm)?.get(key) ?? {};
    return { vm, key, portGroup: network, initialMac: mac, effectiveMac, ...(groups && { groups }), ...(firewall && { firewall }) };
  }

  /** For what nobody waits for: the port goes on as it was, and the log says why. */
  async #quietly(vm: VmId, deed: () => Promise<void>): Promise<void> {
    try {
      await deed();
    } catch (error) {
      this.#parts.log(`VM ${vm}: its virtual ports: ${messageOf(error)}`);
    }
  }
}

function nicsOf({ devices }: Pick<MachineSpec, "devices">): readonly Nic[] {
  return devices.filter((device) => device.kind === "nic");
}

function isConnected({ connected }: Nic): boolean {
  return connected === true;
}
