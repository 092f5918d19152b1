/** The serial ports of running VMs that lead out of their monitors: who has which pipe, what the firewall knows, and the carriers of bytes. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, type VmId } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import type { HostFirewall } from "./firewall/index.ts";
import type { DeviceSpec, MachineSpec } from "./machine.ts";
import { SerialCarrier } from "./serial/index.ts";
import { isListener, type Monitor } from "./vmm/index.ts";

export interface SerialPortsParts {
  /** The host's folder of pipes. */
  readonly pipes: string;
  readonly firewall: HostFirewall;
  readonly log: (line: string) => void;
}

export class SerialPorts {
  readonly #parts: SerialPortsParts;
  /** Pipes that VMs serve, by name. */
  readonly #served = new Map<string, VmId>();
  readonly #carriers = new Map<VmId, readonly SerialCarrier[]>();

  constructor(parts: SerialPortsParts) {
    this.#parts = parts;
  }

  /**
   * Keeps the pipes that a VM is to serve for it, and has its TCP ports filtered before they listen.
   * @throws {Fault} ResourceInUse; whatever it throws, the VM then has none of them
   */
  async claim(machine: MachineSpec): Promise<void> {
    for (const name of servedPipes(machine)) {
      if (this.#served.has(name)) {
        this.#free(machine.vm);
        throw fault("ResourceInUse", `A serial port cannot serve the pipe ${name}: another one does.`, { name });
      }
      this.#served.set(name, machine.vm);
    }
    try {
      await this.#parts.firewall.filterSerialPorts(machine.vm, listeningPorts(machine));
    } catch (error) {
      this.#free(machine.vm);
      throw error;
    }
  }

  /** Begins to carry for a VM that runs, started or adopted. */
  carry(monitor: Monitor): void {
    const { machine } = monitor.record;
    for (const name of servedPipes(machine)) this.#served.set(name, machine.vm);
    this.#filter(machine.vm, listeningPorts(machine));
    const { name, biosUuid, instanceUuid = biosUuid } = machine;
    const carriers = machine.devices.flatMap((device) => {
      if (device.kind !== "serial" || device.wire === undefined || device.wire.kind === "listen" || isListener(device.wire)) return [];
      const vm = { name, biosUuid, vcUuid: instanceUuid };
      const { pipes, firewall, log } = this.#parts;
      const mayConnect = (address: string, port: number) => firewall.mayConnect(address, port);
      return [new SerialCarrier({ pipes, log, mayConnect, monitor: monitor.serialSocket(device.key), wire: device.wire, vm })];
    });
    this.#carriers.set(machine.vm, carriers);
  }

  /** A VM has ended, or was not started after all. */
  release(vm: VmId): void {
    this.#stopCarrying(vm);
    this.#filter(vm, []);
    for (const name of this.#free(vm)) rmSync(join(this.#parts.pipes, name), { force: true });
  }

  /** Lets go of all of them; the VMs run on. */
  close(): void {
    for (const vm of this.#carriers.keys()) this.#stopCarrying(vm);
  }

  #stopCarrying(vm: VmId): void {
    for (const carrier of this.#carriers.get(vm) ?? []) carrier.close();
    this.#carriers.delete(vm);
  }

  /** What is filtered stays so where this fails: a port too many, and none too few. */
  #filter(vm: VmId, ports: readonly number[]): void {
    const { firewall, log } = this.#parts;
    firewall
      .filterSerialPorts(vm, ports)
      .catch((error: unknown) => log(`VM ${vm}: the firewall and its serial ports: ${messageOf(error)}`));
  }

  #free(vm: VmId): readonly string[] {
    const names = [...this.#served].flatMap(([name, holder]) => (holder === vm ? [name] : []));
    for (const name of names) this.#served.delete(name);
    return names;
  }
}

function listeningPorts({ devices }: MachineSpec): readonly number[] {
  return devices.flatMap((device: DeviceSpec) => (device.kind === "serial" && device.wire?.kind === "listen" ? [device.wire.port] : []));
}

function servedPipes({ devices }: MachineSpec): readonly string[] {
  return devices.flatMap((device: DeviceSpec) =>
    device.kind === "serial" && device.wire?.kind === "pipe" && device.wire.endpoint === "server" ? [device.wire.name] : [],
  );
}
