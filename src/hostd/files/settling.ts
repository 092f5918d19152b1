/** Settles deeds on files and disks of which nobody knows how they ended: at the start of hostd, and when vmkernel dies over one. */
import { type DatastorePath, fileNameOf, folderOf, formatDatastorePath } from "../../base/index.ts";
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
  const { failure, removeDisks = [], removeTrees = [], moveBack } = planSettling(journal, present);
  if (moveBack !== undefined) await vmkernel.request({ kind: "moveFile", ...moveBack });
  for (const disk of removeDisks) await removeDiskIfThere(vmkernel, disk);
  for (const tree of removeTrees) await finishDeleting(agent, tree);
  if (failure !== undefined) throw fault("SystemError", failure, { reason: failure });
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
