/**
 * One registered VM as hostd knows it: its .vmx (what it shall be), its monitor (what is), the task that works on it.
 * Source: vim25 VirtualMachine; paper «Host Agent».
 */
import { type DatastorePath, folderOf, formatDatastorePath, type VmId } from "../base/index.ts";
import type { MonitorDescription } from "../vmkernel/index.ts";
import type { MoRef, SnapshotList, VirtualMachineConfigInfo, VirtualMachinePowerState, Vmx } from "../wire/index.ts";
import type { VmSituation } from "./admission.ts";
import { questionOf } from "./questions/question-of.ts";
import type { Task } from "./tasks.ts";
import type { VmLayout } from "./vm-layout.ts";

/** What was read from the VM's folder last. */
export type VmFiles =
  | {
      readonly kind: "readable";
      readonly vmx: Vmx;
      readonly config: VirtualMachineConfigInfo;
      readonly layout: VmLayout;
      /** What its .vmsd says. */
      readonly snapshots: SnapshotList;
      /** The configuration that each snapshot has kept, by its uid; one that can't be read is left out. */
      readonly snapshotConfigs: ReadonlyMap<number, VirtualMachineConfigInfo>;
      /** Disks are left that could be put into one another. */
      readonly consolidationNeeded: boolean;
      /** The guest's memory from a suspension that has not been resumed; the file is there and whole. */
      readonly suspendedMemory: DatastorePath | undefined;
    }
  | { readonly kind: "unreadable"; readonly because: string };

export class Vm {
  readonly id: VmId;
  readonly ref: MoRef<"VirtualMachine">;
  #vmxPath: DatastorePath;
  files: VmFiles = { kind: "unreadable", because: "not read yet" };
  monitor: MonitorDescription | undefined;
  /** With whom it will share memory, while it is being powered on; its monitor tells once it runs. */
  startingGroup: string | undefined;
  #activeTask: Task | undefined;
  readonly #changed: (vm: Vm) => void;

  constructor(id: VmId, vmxPath: DatastorePath, changed: (vm: Vm) => void) {
    this.id = id;
    this.ref = { type: "VirtualMachine", value: id };
    this.#vmxPath = vmxPath;
    this.#changed = changed;
  }

  get vmxPath(): DatastorePath {
    return this.#vmxPath;
  }

  /** Its datastore has another name. */
  followDatastore(datastore: string): void {
    this.#vmxPath = { ...this.#vmxPath, datastore };
  }

  /** Lets it be what another .vmx says, which was read. */
  moveTo(vmxPath: DatastorePath, files: VmFiles): void {
    this.#vmxPath = vmxPath;
    this.files = files;
  }

  get home(): DatastorePath {
    return folderOf(this.vmxPath);
  }

  get name(): string {
    return this.files.kind === "readable" ? this.files.config.name : formatDatastorePath(this.vmxPath);
  }

  get powerState(): VirtualMachinePowerState {
    if (this.monitor !== undefined) return "poweredOn";
    return this.files.kind === "readable" && this.files.suspendedMemory !== undefined ? "suspended" : "poweredOff";
  }

  get situation(): VmSituation {
    return {
      powerState: this.powerState,
      activeTask: this.#activeTask?.ref,
      accessible: this.files.kind === "readable",
      hasQuestion: questionOf(this) !== undefined,
    };
  }

  /** Marks the VM as being worked on until the task ends. */
  occupy(task: Task): void {
    this.#activeTask = task;
    task.onEnd(() => {
      this.#activeTask = undefined;
      this.#changed(this);
    });
  }

  /** Says that something a client can read has changed. */
  changed(): void {
    this.#changed(this);
  }
}
