/**
 * The registered VMs: which there are, what vmkernel says of each, and bringing both together at start and after a lost connection.
 * What a client asks of a VM is done by the deeds in vm-deeds/.
 */
import { type DatastorePath, formatDatastorePath, parseDatastorePath, parseVmId, type VmId } from "../base/index.ts";
import type { MonitorDescription, VmkernelEvent } from "../vmkernel/index.ts";
import { fault, type MoRef } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import type { Connection } from "./database.ts";
import { AUTO_START_MANAGER, HOST, networkRef, VM_FOLDER } from "./inventory-tree.ts";
import { networksOfVm } from "./network/port-group-users.ts";
import { postQuestion, withHalt } from "./questions/question-of.ts";
import { poolRef, ROOT_ID } from "./resources/pool-tree.ts";
import { Vm } from "./vm.ts";
import { readVmFiles } from "./vm-files.ts";
import type { Vmkernel } from "./vmkernel.ts";

const VMS_MAX = 1024; // vSphere's configuration maximum for a host

export class Vms {
  readonly vmkernel: Vmkernel;
  readonly #database: Connection;
  readonly #vms = new Map<string, Vm>();
  /** .vmx paths that a create or register is working on: a second one for the same file is refused. */
  readonly #claimed = new Set<string>();
  #agent: HostAgent | undefined;

  constructor(database: Connection, vmkernel: Vmkernel) {
    this.#database = database;
    this.vmkernel = vmkernel;
  }

  /** The agent needs its VMs and they need it: this ties the two. */
  attach(agent: HostAgent): void {
    this.#agent = agent;
  }

  get agent(): HostAgent {
    if (this.#agent === undefined) throw new Error("the VMs have not been attached to their agent");
    return this.#agent;
  }

  /** Reads the VMs of the database from their datastores and takes over what runs. */
  async load(): Promise<void> {
    const rows = this.#database.prepare("SELECT id, vmx FROM vm ORDER BY id").all() as { id: number; vmx: string }[];
    for (const row of rows) {
      const id = parseVmId(String(row.id));
      const vmx = parseDatastorePath(row.vmx);
      if (id === undefined || vmx === undefined) throw new Error(`the database has a VM ${row.id} at ${row.vmx}`);
      const vm = this.#add(id, vmx);
      vm.files = await readVmFiles(this.vmkernel, vm);
    }
    await this.synchronize();
  }

  /** Asks vmkernel which monitors there are; what it says is true. */
  async synchronize(): Promise<void> {
    const monitors = await this.vmkernel.request({ kind: "listMonitors" });
    const running = new Map<string, MonitorDescription>(monitors.map((monitor) => [monitor.vm, monitor]));
    for (const vm of this.#vms.values()) {
      const monitor = running.get(vm.id);
      const changed = monitor?.pid !== vm.monitor?.pid || monitor?.halt?.sinceMs !== vm.monitor?.halt?.sinceMs;
      vm.monitor = monitor;
      if (changed) vm.changed();
    }
  }

  find(moid: string): Vm | undefined {
    return this.#vms.get(moid);
  }

  list(): readonly Vm[] {
    return [...this.#vms.values()];
  }

  refs(): readonly MoRef<"VirtualMachine">[] {
    return this.list().map((vm) => vm.ref);
  }

  refsOn(datastore: string): readonly MoRef<"VirtualMachine">[] {
    return this.list()
      .filter((vm) => vm.vmxPath.datastore === datastore)
      .map((vm) => vm.ref);
  }

  /** Refuses a name that another VM has: vim25 DuplicateName. */
  requireFreeName(name: string, except?: Vm): void {
    const other = this.list().find((vm) => vm !== except && vm.name === name);
    if (other !== undefined) throw fault("DuplicateName", `The name '${name}' already exists.`, { name, object: other.ref });
  }

  /** Keeps a .vmx path for one create or register at a time; AlreadyExists when it is registered or being worked on. */
  claim(vmx: DatastorePath): Disposable {
    const text = formatDatastorePath(vmx);
    if (this.#claimed.has(text) || this.list().some((vm) => formatDatastorePath(vm.vmxPath) === text)) {
      throw fault("AlreadyExists", `The virtual machine ${text} is registered already.`, { name: text });
    }
    this.#claimed.add(text);
    return { [Symbol.dispose]: () => void this.#claimed.delete(text) };
  }

  isClaimed(vmx: DatastorePath): boolean {
    return this.#claimed.has(formatDatastorePath(vmx));
  }

  /** Enters a VM whose files are there into the inventory, for good. */
  async enter(vmx: DatastorePath, pool: number): Promise<Vm> {
    if (this.#vms.size >= VMS_MAX) throw fault("InsufficientResourcesFault", `The host has ${VMS_MAX} virtual machines already.`, {});
    const text = formatDatastorePath(vmx);
    const { lastInsertRowid } = this.#database.prepare("INSERT INTO vm (vmx) VALUES (?)").run(text);
    const vm = this.#add(String(lastInsertRowid) as VmId, vmx);
    if (pool !== ROOT_ID) this.agent.pools.move({ ids: [], vms: [vm], to: pool });
    vm.files = await readVmFiles(this.vmkernel, vm);
    this.#inventoryChanged(vm);
    return vm;
  }

  /** Takes a VM out of the inventory; its files are the caller's business. */
  leave(vm: Vm): void {
    this.#database.transaction(() => {
      this.#database.prepare("DELETE FROM vm WHERE id = ?").run(Number(vm.id));
      this.#database.prepare("DELETE FROM permission WHERE entity = ?").run(vm.id);
    })();
    this.#vms.delete(vm.id);
    this.agent.pools.forget(vm);
    this.#inventoryChanged(vm);
  }

  /** Lets a registered VM be what another .vmx says, for good; the caller has claimed it. */
  async moveTo(vm: Vm, vmx: DatastorePath): Promise<void> {
    const files = await readVmFiles(this.vmkernel, { vmxPath: vmx });
    this.#database.prepare("UPDATE vm SET vmx = ? WHERE id = ?").run(formatDatastorePath(vmx), Number(vm.id));
    this.#inventoryChanged(vm); // where it was, and its networks
    vm.moveTo(vmx, files);
    this.#inventoryChanged(vm);
    vm.changed();
  }

  /** Reads the VM's folder again after its files changed. */
  async refresh(vm: Vm): Promise<void> {
    vm.files = await readVmFiles(this.vmkernel, vm);
    vm.changed();
  }

  /** Datastores have other names. @param renames old name to new; the database has the new ones already */
  async onDatastoresRenamed(renames: ReadonlyMap<string, string>): Promise<void> {
    if (renames.size === 0) return;
    for (const vm of this.#vms.values()) {
      const datastore = renames.get(vm.vmxPath.datastore);
      if (datastore !== undefined) vm.followDatastore(datastore);
    }
    for (const vm of this.list()) await this.refresh(vm); // also those that only have a file there
  }

  /** What vmkernel says unasked: a guest ended, restarted, or its agent reported. */
  onVmkernelEvent(event: Exclude<VmkernelEvent, { kind: "networkChanged" }>): void {
    const vm = this.find(event.vm);
    if (vm === undefined) return; // unregistered while its monitor was ending
    const context = { userName: "", vm: { ref: vm.ref, name: vm.name } };
    switch (event.kind) {
      case "guestChanged":
        if (vm.monitor !== undefined) vm.monitor = { ...vm.monitor, guest: event.guest };
        break;
      case "guestReset":
        this.agent.events.post("VmGuestRebootEvent", `Guest OS reboot for ${vm.name}`, context, { template: false });
        break;
      case "guestHalted":
        if (vm.monitor !== undefined) vm.monitor = withHalt(vm.monitor, event.halt);
        if (event.halt !== undefined) postQuestion(this.agent, vm, context);
        break;
      case "monitorEnded":
        vm.monitor = undefined;
        // A power-off or suspension that a client asked for is its task's to report.
        if (event.because === "guestShutdown" || event.because === "crashed") {
          const text =
            event.because === "crashed" ? `${vm.name} was powered off: its monitor ended (${event.detail})` : `${vm.name} is powered off`;
          this.agent.events.post("VmPoweredOffEvent", text, context, { template: false });
        }
        break;
    }
    vm.changed();
  }

  #add(id: VmId, vmx: DatastorePath): Vm {
    const vm = new Vm(id, vmx, (changed) => {
      this.agent.networks.onVmChanged(changed);
      this.agent.pools.tellSoon();
      this.agent.changes.changed(changed.ref);
    });
    this.#vms.set(id, vm);
    return vm;
  }

  #inventoryChanged(vm: Vm): void {
    const datastore = this.agent.inventory.datastoreNamed(vm.vmxPath.datastore);
    const networks = [...networksOfVm(vm)].map(networkRef);
    const owners = [VM_FOLDER, HOST, AUTO_START_MANAGER, poolRef(this.agent.pools.poolOf(vm)), ...networks];
    this.agent.pools.tellSoon();
    this.agent.changes.changed(vm.ref, ...owners, ...(datastore === undefined ? [] : [datastore]));
  }
}
