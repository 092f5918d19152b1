/**
 * The host as a command reaches it: by the methods and properties that every client has, in the name of who gave the command, through
 * invoke(). So a command can do nothing that its user could not do without it, and each step of it is authorized and recorded.
 */
import { Fault } from "../../base/index.ts";
import type { Connection, HostNeighbour, PageRun, SharingDescription } from "../../vmkernel/index.ts";
import { type AnyValue, fault, type ManagedObjects, type MoRef } from "../../wire/index.ts";
import { type Call, sessionOf } from "../agent.ts";
import { invoke } from "../invoke.ts";
import type { MethodsOf, PropertiesOf, TypeName } from "../managed-object.ts";
import type { VirtualNetwork } from "../network/network-config.ts";
import { setInboundShaping, setTrunkVlans } from "../network/network-deeds.ts";
import type { InboundChange, InboundPlace } from "../network/plan-trunks.ts";
import { sourceFor } from "../property-source.ts";
import type { Vm } from "../vm.ts";

type ArgsOf<Method> = Method extends { args: infer Args } ? Args : never;
type ResultOf<Method> = Method extends { result: infer Result } ? Result : never;
type TaskOf<T extends TypeName> = Extract<keyof MethodsOf<T>, `${string}_Task`> & string;

/** A monitor that runs: what the kernel of the host knows a VM as. */
export interface World {
  readonly vm: MoRef<"VirtualMachine">;
  readonly id: number;
}

/** A port of a virtual switch that something of a VM is plugged into. */
export interface VmPort {
  readonly vm: MoRef<"VirtualMachine">;
  readonly id: number;
  readonly vswitch: string;
  readonly portGroup: string | undefined;
  readonly mac: string;
  /** That its frames leave by now, with their ports' ids. */
  readonly uplinks: readonly { readonly device: string; readonly port: number }[];
}

export interface Host {
  /** A property that the schema requires, or undefined when it is unset. @throws {Fault} */
  read<T extends TypeName, P extends keyof PropertiesOf<T> & string>(ref: MoRef<T>, property: P): Promise<PropertiesOf<T>[P]>;
  /** @throws {Fault} */
  call<T extends TypeName, M extends keyof MethodsOf<T> & string>(
    ref: MoRef<T>,
    method: M,
    args: ArgsOf<MethodsOf<T>[M]>,
  ): Promise<ResultOf<MethodsOf<T>[M]>>;
  /** Calls and waits until the task has ended. @throws {Fault} the task's */
  perform<T extends TypeName, M extends TaskOf<T>>(ref: MoRef<T>, method: M, args: ArgsOf<MethodsOf<T>[M]>): Promise<void>;
  /** As {@link read}, by names that a client gives. @throws {Fault} InvalidProperty, ManagedObjectNotFound */
  fetch(ref: MoRef, property: string): Promise<AnyValue | undefined>;
  /** Of the VMs that the caller may read. */
  worlds(): readonly World[];
  ports(): readonly VmPort[];
  /** The machine's network adapters: whether each is switched on, which vim25 does not tell. */
  adapters(): readonly { readonly device: string; readonly isUp: boolean }[];
  /** Of the machine. The API has no words for them: it is the privilege of the command that guards them. */
  connections(): Promise<readonly Connection[]>;
  /** On the networks of the host's own interfaces. */
  neighbours(): Promise<readonly HostNeighbour[]>;
  /** Page sharing, of VMs those that the caller may read. */
  sharing(): Promise<SharingDescription>;
  /** Of this host's network what vim25 has no words for either. */
  network(): VirtualNetwork;
  /** @throws {Fault} NotFound, InvalidArgument, HostConfigFault */
  setTrunk(portGroup: string, ranges: string | undefined): Promise<void>;
  /** @throws {Fault} NotFound, InvalidArgument, HostConfigFault */
  setInbound(place: InboundPlace, change: InboundChange): Promise<void>;
  /** Of a VM that runs and that the caller may read: machine pages behind its memory. Guarded as {@link connections}. @throws {Fault} */
  pages(vm: string, part: { readonly fromByte: number; readonly runsMax: number }): Promise<readonly PageRun[]>;
}

/** An object by its type and id. */
export function objectRef<T extends keyof ManagedObjects>(type: T, value: string): MoRef<T> {
  return { type, value };
}

/** @param call of the method that executes the command */
export function hostOf(call: Call): Host {
  const { agent } = call;
  const session = sessionOf(call);
  const ask = async (target: MoRef, method: string, args: object): Promise<unknown> => {
    const { client, version, signal } = call;
    const request = {
      sessionSecret: session.secret,
      client,
      version,
      target,
      method,
      args: args as Readonly<Record<string, unknown>>,
      signal,
    };
    return (await invoke(agent, request)).value;
  };
  const source = sourceFor(agent, session);
  const running = (): readonly Vm[] => agent.vms.list().filter((vm) => vm.monitor !== undefined && source.refusal(vm.ref) === undefined);
  return {
    read: async (ref, property) => ((await ask(ref, "Fetch", { prop: property })) as AnyValue | undefined)?.value as never,
    fetch: async (ref, property) => (await ask(ref, "Fetch", { prop: property })) as AnyValue | undefined,
    call: async (ref, method, args) => (await ask(ref, method, args as object)) as never,
    async perform(ref, method, args) {
      await ended(call, (await ask(ref, method, args as object)) as MoRef);
    },
    worlds: () => running().map((vm) => ({ vm: vm.ref, id: vm.monitor?.pid ?? 0 })),
    network: () => agent.networks.network,
    setTrunk: (name, ranges) => setTrunkVlans(call, { name, ranges }),
    setInbound: (place, change) => setInboundShaping(call, place, change),
    neighbours: () => agent.vms.vmkernel.request({ kind: "listHostNeighbours" }),
    connections: () => agent.vms.vmkernel.request({ kind: "listConnections" }),
    async sharing() {
      const { ofMachine, vms } = await agent.vms.vmkernel.request({ kind: "describeSharing" });
      const readable = new Set(running().map(({ id }) => id));
      return { ofMachine, vms: vms.filter(({ vm }) => readable.has(vm)) };
    },
    async pages(id, part) {
      const vm = running().find(({ ref }) => ref.value === id);
      if (vm === undefined) throw fault("NotFound", `No virtual machine ${id} runs.`, {});
      return agent.vms.vmkernel.request({ kind: "mapPages", vm: vm.id, ...part });
    },
    // One that a switch has taken is switched on by it.
    adapters: () => {
      const seen = new Set(agent.machine().nics.map(({ name }) => name));
      return agent.networks.adapters().map(({ device, name, isUp }) => ({ device, isUp: isUp || !seen.has(name) }));
    },
    ports: () => {
      const vms = new Map(running().map((vm) => [vm.id, vm.ref]));
      return agent.networks.description.switches.flatMap(({ name: vswitch, ports }) =>
        ports.flatMap(({ id, connectee, portGroup, effectiveMac: mac, leavesBy = [] }) => {
          const vm = connectee.kind === "virtualMachine" ? vms.get(connectee.vm) : undefined;
          const uplinks = leavesBy.map((name) => {
            const port = ports.find((one) => one.connectee.kind === "uplink" && one.connectee.device === name)?.id ?? 0;
            return { device: agent.networks.deviceOf(name), port };
          });
          return vm === undefined ? [] : [{ vm, id, vswitch, portGroup, mac, uplinks }];
        }),
      );
    },
  };
}

async function ended({ agent }: Call, ref: MoRef): Promise<void> {
  const task = agent.tasks.find(ref.value);
  if (task === undefined) throw fault("ManagedObjectNotFound", "The task is not there any more.", { obj: ref });
  if (!task.ended) await new Promise<void>((resolve) => task.onEnd(() => resolve()));
  const { error } = task.info;
  if (error === undefined) return;
  const { $type = "SystemError", ...fields } = error.fault;
  throw new Fault($type, error.localizedMessage ?? $type, fields);
}
