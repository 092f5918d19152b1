/** The inventory: every managed object that a session can name, where it hangs in the tree, and what lies beneath it. */
import { randomUUID } from "node:crypto";
import type { DatastoreDescription } from "../vmkernel/index.ts";
import type { MoRef } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import { escapeEntityName } from "./entity-name.ts";
import {
  DATASTORE_FOLDER,
  DYNAMIC_TYPE_MANAGER,
  ENVIRONMENT_BROWSER,
  fixedTree,
  HOST_BROWSER,
  HOST_MANAGERS,
  METHOD_EXECUTER,
  NETWORK_FOLDER,
  networkRef,
  portGroupOf,
  ROOT_FOLDER,
  type TreeNode,
  UNPERFORMED_MANAGERS,
  VM_FOLDER,
} from "./inventory-tree.ts";
import { type BoundObject, bind } from "./managed-object.ts";
import { GUEST_AUTH_MANAGER, GUEST_FILE_MANAGER, GUEST_PROCESS_MANAGER } from "./managed-objects/guest-operations.ts";
import { bindEntity, managedObjectTypes } from "./managed-objects/index.ts";
import { managers } from "./managed-objects/service-instance.ts";
import { PropertyCollectorState } from "./property-collector/collector.ts";
import { sourceFor } from "./property-source.ts";
import { childrenOf, poolIdOf, poolRef } from "./resources/pool-tree.ts";
import type { Session } from "./sessions.ts";
import { parseSnapshotMoid } from "./snapshots/snapshot-tree.ts";
import type { Vm } from "./vm.ts";

type Bound = BoundObject;

export class Inventory {
  readonly #agent: HostAgent;
  readonly #fixed = new Map<string, Bound>();
  readonly #boundVms = new WeakMap<Vm, Bound>();
  readonly #parents = new Map<string, MoRef>();
  readonly #children = new Map<string, MoRef[]>();

  constructor(agent: HostAgent) {
    this.#agent = agent;
    for (const node of fixedTree(agent.identity.hostName)) this.#addNode(node);
    const types = managedObjectTypes;
    for (const [type, moid] of [
      [types.ServiceInstance, "ServiceInstance"],
      [types.OptionManager, managers.setting.value],
      [types.SessionManager, managers.sessionManager.value],
      [types.AuthorizationManager, managers.authorizationManager.value],
      [types.EventManager, managers.eventManager.value],
      [types.TaskManager, managers.taskManager.value],
      [types.FileManager, managers.fileManager.value],
      [types.VirtualDiskManager, managers.virtualDiskManager.value],
      [types.PerformanceManager, managers.perfManager.value],
      [types.DiagnosticManager, managers.diagnosticManager.value],
      [types.LicenseManager, managers.licenseManager.value],
      [types.GuestOperationsManager, managers.guestOperationsManager.value],
      [types.GuestAuthManager, GUEST_AUTH_MANAGER.value],
      [types.GuestFileManager, GUEST_FILE_MANAGER.value],
      [types.GuestProcessManager, GUEST_PROCESS_MANAGER.value],
      [types.SearchIndex, managers.searchIndex.value],
      [types.OvfManager, managers.ovfManager.value],
      [types.ViewManager, managers.viewManager.value],
      [types.EnvironmentBrowser, ENVIRONMENT_BROWSER.value],
      [types.ReflectManagedMethodExecuter, METHOD_EXECUTER.value],
      [types.InternalDynamicTypeManager, DYNAMIC_TYPE_MANAGER.value],
    ] as const) {
      this.#fixed.set(moid, bind(type as never, moid, agent));
    }
    for (const { type, value } of Object.values({ ...HOST_MANAGERS, ...UNPERFORMED_MANAGERS }))
      this.#fixed.set(value, bind(types[type] as never, value, agent));
    const browser = { agent, ref: HOST_BROWSER, name: "", parent: undefined };
    this.#fixed.set(HOST_BROWSER.value, bind(types.HostDatastoreBrowser, HOST_BROWSER.value, browser));
  }

  /** The object of that id, of the host's or of the session's own. */
  find(moid: string, session?: Session): Bound | undefined {
    const fixed = session?.findObject(moid)?.instance ?? this.#fixed.get(moid);
    if (fixed !== undefined) return fixed;
    if (moid === managers.propertyCollector.value) return this.#collectorOf(session);
    const vm = this.#agent.vms.find(moid);
    if (vm !== undefined) return this.#bindVm(vm);
    const snapshot = this.#snapshotAt(moid);
    if (snapshot !== undefined) return bind(managedObjectTypes.VirtualMachineSnapshot, moid, { agent: this.#agent, ...snapshot });
    const task = this.#agent.tasks.find(moid);
    if (task !== undefined) return bind(managedObjectTypes.Task, moid, task);
    const portGroup = portGroupOf(moid);
    if (portGroup !== undefined) return this.#bindNetwork(portGroup);
    const pool = this.#agent.pools.find(moid);
    if (pool !== undefined) {
      const entity = { agent: this.#agent, ref: poolRef(pool.id), name: pool.name, parent: poolRef(pool.parent), pool: pool.id };
      return bind(managedObjectTypes.ResourcePool, moid, entity);
    }
    const description = this.#agent.datastores().find(({ uuid }) => uuid === moid);
    if (description === undefined) return undefined;
    const entity = { agent: this.#agent, ref: datastoreRef(description), name: description.name, parent: DATASTORE_FOLDER, description };
    return bind(managedObjectTypes.Datastore, moid, entity);
  }

  /** A snapshot is there as long as its VM's list has it. */
  #snapshotAt(moid: string): { readonly vm: Vm; readonly uid: number } | undefined {
    const named = parseSnapshotMoid(moid);
    const vm = named && this.#agent.vms.find(named.vm);
    if (vm === undefined || named === undefined || vm.files.kind !== "readable") return undefined;
    return vm.files.snapshots.snapshots.some(({ uid }) => uid === named.uid) ? { vm, uid: named.uid } : undefined;
  }

  /** The VM that an object is a part of: itself, or that of a snapshot. */
  vmOf(ref: MoRef): Vm | undefined {
    if (ref.type === "VirtualMachine") return this.#agent.vms.find(ref.value);
    return ref.type === "VirtualMachineSnapshot" ? this.#snapshotAt(ref.value)?.vm : undefined;
  }

  #bindNetwork(portGroup: string): Bound | undefined {
    if (!this.#agent.networks.has(portGroup)) return undefined;
    const ref = networkRef(portGroup);
    const entity = { agent: this.#agent, ref, name: escapeEntityName(portGroup), parent: NETWORK_FOLDER, portGroup };
    return bind(managedObjectTypes.Network, ref.value, entity);
  }

  /** One for all who look: filters hold what they watch, and many may watch all VMs. */
  #bindVm(vm: Vm): Bound {
    const known = this.#boundVms.get(vm);
    if (known !== undefined) return known;
    const bound = bind(managedObjectTypes.VirtualMachine, vm.id, { agent: this.#agent, vm });
    this.#boundVms.set(vm, bound);
    return bound;
  }

  /** The default collector has the filters and versions of one session; before login it can only answer at once. */
  #collectorOf(session: Session | undefined): Bound {
    const ref = managers.propertyCollector;
    const state = new PropertyCollectorState(ref, sourceFor(this.#agent, session), () => session?.newMoid() ?? randomUUID());
    const instance = bind(managedObjectTypes.PropertyCollector, ref.value, state);
    session?.addObject({ instance, dispose: () => state.dispose() });
    return instance;
  }

  /**
   * An object's id and those of its ancestors, up to the root folder: the way along which permissions reach it. A task counts as
   * its entity; what is not in the tree hangs at the root folder.
   */
  pathOf(moid: string, session?: Session): readonly string[] {
    const entity = this.#agent.tasks.find(moid)?.info.entity;
    if (entity !== undefined) return this.pathOf(entity.value, session);
    const path = [moid];
    for (let parent = this.parentOf(moid); parent !== undefined; parent = this.parentOf(parent.value)) path.push(parent.value);
    return path.at(-1) === ROOT_FOLDER.value ? path : [...path, ROOT_FOLDER.value];
  }

  parentOf(moid: string): MoRef | undefined {
    if (this.#agent.vms.find(moid) !== undefined) return VM_FOLDER;
    const snapshot = this.#snapshotAt(moid);
    if (snapshot !== undefined) return snapshot.vm.ref;
    if (this.#agent.datastores().some(({ uuid }) => uuid === moid)) return DATASTORE_FOLDER;
    const portGroup = portGroupOf(moid);
    if (portGroup !== undefined && this.#agent.networks.has(portGroup)) return NETWORK_FOLDER;
    const pool = this.#agent.pools.find(moid);
    if (pool !== undefined) return poolRef(pool.parent);
    return this.#parents.get(moid);
  }

  /** What lies directly beneath a folder, the datacenter or the compute resource; empty for everything else. */
  childrenOf({ value }: MoRef): readonly MoRef[] {
    if (value === VM_FOLDER.value) return this.#agent.vms.refs();
    if (value === DATASTORE_FOLDER.value) return this.datastoreRefs();
    if (value === NETWORK_FOLDER.value) return this.#agent.networks.refs();
    const pool = poolIdOf(value);
    if (pool !== undefined) return childrenOf(this.#agent.pools, pool).map(({ id }) => poolRef(id));
    return this.#children.get(value) ?? [];
  }

  /** An entity and everything below it: whom its permissions reach. */
  withAllBeneath(entity: MoRef): readonly MoRef[] {
    const found = [entity];
    for (const ref of found) found.push(...this.childrenOf(ref));
    return found;
  }

  datastoreRefs(): readonly MoRef<"Datastore">[] {
    return this.#agent.datastores().map(datastoreRef);
  }

  datastoreNamed(name: string): MoRef<"Datastore"> | undefined {
    const found = this.#agent.datastores().find((datastore) => datastore.name === name);
    return found === undefined ? undefined : datastoreRef(found);
  }

  #addNode({ ref, name, parent }: TreeNode): void {
    this.#fixed.set(ref.value, bindEntity({ agent: this.#agent, ref, name, parent }));
    if (parent === undefined) return;
    this.#parents.set(ref.value, parent);
    this.#children.set(parent.value, [...(this.#children.get(parent.value) ?? []), ref]);
  }
}

const datastoreRef = ({ uuid }: DatastoreDescription): MoRef<"Datastore"> => ({ type: "Datastore", value: uuid });
