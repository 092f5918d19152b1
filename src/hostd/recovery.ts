/**
 * What becomes of a task that a crash interrupted. The decision is pure; recover.ts carries it out at start.
 * A journal is written before the first step and names everything that the task would leave behind.
 */
import type { DatastorePath, VmId } from "../base/index.ts";
import type { MachineSpec } from "../vmkernel/index.ts";
import type { FileJournal } from "./files/plan-settling.ts";
import type { SnapshotsJournal } from "./snapshots/settle-snapshots.ts";

export type Journal =
  /** Nothing outlives the process: the task failed. */
  | { readonly kind: "none" }
  /** What the monitor is now decides: the kernel holds what is. */
  | { readonly kind: "power"; readonly vm: VmId; readonly wanted: "poweredOn" | "poweredOff" | "suspended" }
  /** The files did not exist before; all of them go unless the VM got registered. */
  | { readonly kind: "createVm"; readonly vmx: DatastorePath; readonly created: CreatedFiles }
  /** As createVm; until the task has ended, the VM that is registered is one that is being filled, and goes too. */
  | { readonly kind: "importVm"; readonly vmx: DatastorePath; readonly doomed: DoomedFiles }
  /** The files were there before and stay. */
  | { readonly kind: "registerVm"; readonly vmx: DatastorePath }
  /**
   * The files did not exist before; those that the .vmx does not name go. `becomes` is the version of the new configuration, and
   * `before` the machine that ran when it was a running one's: that is what its monitor is to be again, unless the .vmx is new.
   */
  | {
      readonly kind: "reconfigure";
      readonly vm: VmId;
      readonly created: CreatedFiles;
      readonly becomes: string;
      readonly before?: MachineSpec;
    }
  /** Once begun, a destruction is finished. */
  | { readonly kind: "destroyVm"; readonly vm: VmId; readonly doomed: DoomedFiles }
  /** Once begun, a deletion is finished. */
  | { readonly kind: "deleteFiles"; readonly path: DatastorePath }
  /** Settled by what is there. */
  | SnapshotsJournal
  | FileJournal;

/** What a task makes, in the order in which it makes it. */
export interface CreatedFiles {
  readonly folder?: DatastorePath;
  /** Descriptors. */
  readonly disks: readonly DatastorePath[];
}

/** What a destruction removes: disks first, the .vmx after them, the folder last and only when it is empty. */
export interface DoomedFiles {
  readonly disks: readonly DatastorePath[];
  readonly files: readonly DatastorePath[];
  readonly folder: DatastorePath;
}

export interface Facts {
  /** The registered VM that the journal speaks of, if there is one. */
  readonly registered: boolean;
  readonly powerState: "poweredOn" | "poweredOff" | "suspended";
  /** Descriptors that the VM's .vmx names now. */
  readonly disksInUse: readonly DatastorePath[];
  /** The version of its configuration. */
  readonly changeVersion?: string;
}

export type Recovery =
  | { readonly kind: "succeeded" }
  | {
      readonly kind: "failed";
      readonly remove: { readonly disks: readonly DatastorePath[]; readonly folder?: DatastorePath; readonly vmx?: DatastorePath };
      /** What the VM's monitor is to be again. */
      readonly machine?: MachineSpec;
    }
  | { readonly kind: "finish"; readonly doomed: DoomedFiles }
  /** The VM goes with its files, and the task has failed. */
  | { readonly kind: "takeBack"; readonly doomed: DoomedFiles }
  | { readonly kind: "deleteRest"; readonly path: DatastorePath }
  | { readonly kind: "settleSnapshots"; readonly journal: SnapshotsJournal }
  /** What there is on the datastores decides. */
  | { readonly kind: "settleFiles"; readonly journal: FileJournal };

const nothing = { disks: [] } as const;

/** Decides how an interrupted task ends, so that nothing is lost and nothing is half-done. Pure. */
export function decideRecovery(journal: Journal, facts: Facts): Recovery {
  switch (journal.kind) {
    case "none":
      return { kind: "failed", remove: nothing };
    case "power":
      return facts.powerState === journal.wanted ? { kind: "succeeded" } : { kind: "failed", remove: nothing };
    case "createVm": {
      if (facts.registered) return { kind: "succeeded" };
      const { folder, disks } = journal.created;
      return { kind: "failed", remove: { disks, vmx: journal.vmx, ...(folder === undefined ? {} : { folder }) } };
    }
    case "importVm":
      return { kind: "takeBack", doomed: journal.doomed };
    case "registerVm":
      return facts.registered ? { kind: "succeeded" } : { kind: "failed", remove: nothing };
    case "reconfigure": {
      // The .vmx is replaced in one step: when it is the new one, the change has been made.
      const inUse = new Set(facts.disksInUse.map((disk) => `${disk.datastore}/${disk.path}`));
      const unused = journal.created.disks.filter((disk) => !inUse.has(`${disk.datastore}/${disk.path}`));
      if (journal.becomes === facts.changeVersion) return { kind: "succeeded" };
      return { kind: "failed", remove: { disks: unused }, ...(journal.before && { machine: journal.before }) };
    }
    case "destroyVm":
      return facts.registered ? { kind: "finish", doomed: journal.doomed } : { kind: "succeeded" };
    case "deleteFiles":
      return { kind: "deleteRest", path: journal.path };
    case "createSnapshot":
    case "revertSnapshot":
    case "removeSnapshots":
    case "consolidate":
      return facts.registered ? { kind: "settleSnapshots", journal } : { kind: "failed", remove: nothing };
    case "makeDisk":
    case "moveDisk":
    case "deleteDisk":
    case "changeDisk":
    case "copyFiles":
    case "moveFiles":
      return { kind: "settleFiles", journal };
  }
}
