/**
 * Snapshots of a running machine, and taking them back: its disks go on in other files while its record says so. At every moment what
 * the guest has written is in the chain that descriptors tell.
 */
import { Fault, messageOf } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { Controls } from "../controls.ts";
import type { MachineSpec } from "../machine.ts";
import { type Commit, commitLayer, type NewTop, putOnTop } from "./chain-deeds.ts";
import { takeStock } from "./change-machine.ts";
import { type CheckedMachine, refuseMemorySnapshot } from "./check-machine.ts";
import { AgentError } from "./guest-agent.ts";
import type { Monitor } from "./monitor.ts";
import type { MemoryFile } from "./save-memory.ts";

export interface SnapshotOrder {
  /** The machine with its disks on their new tops. */
  readonly wanted: CheckedMachine;
  readonly tops: readonly NewTop[];
  /** An open file, empty, for the guest's memory; it stands still while that is written. */
  readonly memory?: MemoryFile | undefined;
  /** The guest's own agent is to bring its file systems to rest first. */
  readonly quiesce: boolean;
}

/** @throws {Fault} FilesystemQuiesceFault, GenericVmConfigFault; then the guest runs on. Its record says what it has by then */
export async function snapshotMachine(monitor: Monitor, { wanted, tops, memory, quiesce }: SnapshotOrder): Promise<void> {
  const { machine } = monitor.record;
  if (memory !== undefined) refuseMemorySnapshot(machine);
  await monitor.keepRecord({ ...monitor.record, phase: { kind: "changing", to: wanted } });
  try {
    if (memory !== undefined) await withMemory(monitor, tops, memory);
    else await monitor.whileFrozen(quiesce, async () => (await putOnTop(monitor, tops))());
  } catch (error) {
    await takeStock(monitor, wanted).catch(() => {}); // a monitor that does not answer any more is ended by who hears of it
    throw asFault(error, machine);
  }
  await monitor.keepRecord({ ...monitor.record, machine: wanted, phase: { kind: "running" } });
}

async function withMemory(monitor: Monitor, tops: readonly NewTop[], memory: MemoryFile): Promise<void> {
  let letGo: () => Promise<void> = async () => {};
  await monitor.execute("stop");
  try {
    letGo = await putOnTop(monitor, tops);
    await monitor.saveMemory(memory);
  } finally {
    await monitor.resumeGuest();
    await letGo();
  }
}

export interface CommitOrder extends Omit<Commit, "switched"> {
  /** The machine with the parent in the child's place, when the child is the top. */
  readonly wanted: MachineSpec | undefined;
  /** Makes the child's descriptor another name of the parent. */
  readonly switched: () => Promise<void>;
}

/** @throws {Fault} RequestCanceled, GenericVmConfigFault; then the chain is as it was */
export async function commitInMachine(monitor: Monitor, { wanted, ...commit }: CommitOrder, controls: Controls): Promise<void> {
  const { machine } = monitor.record;
  if (wanted !== undefined)
    await monitor.keepRecord({ ...monitor.record, phase: { kind: "committing", to: wanted, child: commit.child.descriptor } });
  try {
    await commitLayer(monitor, commit, controls);
  } catch (error) {
    if (wanted !== undefined) await takeStock(monitor, wanted).catch(() => {});
    throw asFault(error, machine);
  }
  if (wanted !== undefined) await monitor.keepRecord({ ...monitor.record, machine: wanted, phase: { kind: "running" } });
}

function asFault(error: unknown, { name }: MachineSpec): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof AgentError)
    return fault("FilesystemQuiesceFault", `The guest of ${name} could not bring its file systems to rest.`, {}, { cause: error });
  const reason = messageOf(error);
  return fault("GenericVmConfigFault", `Changing the disks of ${name}: ${reason}`, { reason }, { cause: error });
}
