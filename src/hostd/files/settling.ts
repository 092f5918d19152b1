/** Settles deeds on files and disks of which nobody knows how they ended: at the start of hostd, and when vmkernel dies over one. */
import { type DatastorePath, Fault, fileNameOf, folderOf, formatDatastorePath } from "../../base/index.ts";
import { ConnectionLost } from "../../vmkernel/index.ts";
import { fault } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { removeDiskIfThere } from "../vm-files.ts";
import { entriesOf, finishDeleting } from "./delete-files.ts";
import { type FileJournal, placesOf, planSettling } from "./plan-settling.ts";

/** @throws {Fault} SystemError when the deed was not done; what it had begun is taken back */
export async function settleFiles(agent: HostAgent, journal: FileJournal): Promise<void> {
  const { vmkernel } = agent.vms;
  const present = new Set<string>();
  for (const place of placesOf(journal)) if (await isThere(agent, place)) present.add(formatDatastorePath(place));
  const { failure, removeDisks = [], removeTrees = [], moveBack, moveAgain, trimDisk } = planSettling(journal, present);
  if (moveAgain !== undefined) return finishMove(agent, moveAgain);
  if (moveBack !== undefined) await vmkernel.request({ kind: "moveFile", ...moveBack });
  for (const disk of removeDisks) await removeDiskIfThere(vmkernel, disk);
  for (const tree of removeTrees) await finishDeleting(agent, tree);
  if (trimDisk !== undefined) await trim(agent, trimDisk);
  if (failure !== undefined) throw fault("SystemError", failure, { reason: failure });
}

/** @throws {Fault} SystemError when there are two disks: the one may be a copy of the other, or another's, which only a person can tell */
async function finishMove({ vms }: HostAgent, { from, to, replace = false }: Extract<FileJournal, { kind: "moveDisk" }>): Promise<void> {
  const reason = "The host was restarted in part before the task was done; there is a disk at both places.";
  try {
    if ((await vms.vmkernel.request({ kind: "moveDisk", from, to, replace })) === "moved") return;
  } catch (error) {
    if (!(error instanceof Fault && error.fault === "FileAlreadyExists")) throw error;
  }
  throw fault("SystemError", reason, { reason });
}

/** A disk that somebody has open by now, or that has become another, has nothing left of it. */
async function trim({ vms }: HostAgent, descriptor: DatastorePath): Promise<void> {
  try {
    await vms.vmkernel.request({ kind: "changeDisk", descriptor, change: { kind: "trim" } });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}

/** Carries out a deed of vmkernel's. When vmkernel dies over it, what is there by then tells whether it was done. */
export async function settling(
  agent: HostAgent,
  journal: FileJournal | { readonly kind: "none" },
  deed: () => Promise<unknown>,
): Promise<void> {
  try {
    await deed();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    if (journal.kind !== "none") return settleFiles(agent, journal);
    const reason = "vmkernel was restarted before the task was done.";
    throw fault("SystemError", reason, { reason }, { cause: error });
  }
}

async function isThere({ vms }: HostAgent, path: DatastorePath): Promise<boolean> {
  return (await entriesOf(vms.vmkernel, folderOf(path))).some(({ name }) => name === fileNameOf(path));
}
