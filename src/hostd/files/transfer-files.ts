/**
 * vim25 CopyDatastoreFile_Task and MoveDatastoreFile_Task: files and folders. A disk that is named by its descriptor goes with its
 * data; within a folder everything is a file. A folder that is copied lies aside until it is whole, and then has its name at once.
 */
import { randomBytes } from "node:crypto";
import { type DatastorePath, Fault, fileNameOf, folderOf, formatDatastorePath, Undo } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { copyDiskTo, moveDiskTo, watching } from "../disks/disk-deeds.ts";
import type { Progress, Task } from "../tasks.ts";
import { requireAbsent } from "../vm-deeds/create.ts";
import { removeIfThere } from "../vm-files.ts";
import { copyTree, listTree } from "./copy-tree.ts";
import { deleteTree, entriesOf } from "./delete-files.ts";
import { heldFiles } from "./held-files.ts";
import { refuseDelete, refuseReplace } from "./plan-delete.ts";
import type { FileJournal } from "./plan-settling.ts";
import { asideOf, checkPlaces, type Places } from "./plan-transfer.ts";
import { settling } from "./settling.ts";

const PLACE_NAMES = { from: "sourceName", to: "destinationName" };
const NOTHING = { kind: "none" } as const;

interface Transfer extends Places {
  /** Takes the place of a file of that name. */
  readonly force: boolean;
}

type Kind = "disk" | "file" | "folder" | "nothing";

export async function copyFiles(call: Call, places: Places, { force }: { readonly force: boolean }): Promise<Task> {
  const { agent } = call;
  const transfer = { ...places, force };
  const { datastore } = places.from;
  if (checkPlaces(places, PLACE_NAMES).same) return call.startTask(datastore, NOTHING, async () => undefined);
  const kind = await kindOfTransfer(agent, places);
  const target = await kindAt(agent, places.to);
  refuseTarget(transfer, kind, target);
  refuseReplace(places.to, heldFiles(agent));
  if (kind === "disk") {
    if (!force) await requireAbsent(agent, [places.to]);
    const journal = force ? NOTHING : ({ kind: "makeDisk", descriptor: places.to } as const);
    return call.startTask(datastore, journal, async (progress) => {
      await copyDiskTo(agent, places, { copy: {}, replace: force }, progress);
      return undefined;
    });
  }
  const aside = asideOf(places.to, newToken());
  // What takes another's place, or is added to a folder that is there, is whole file by file; there is nothing to take back.
  const journal = target === "nothing" ? ({ kind: "copyFiles", to: places.to, aside } as const) : NOTHING;
  return call.startTask(datastore, journal, async (progress) => {
    await settling(agent, journal, () => {
      if (kind !== "folder") return copyOne(agent, transfer, progress);
      return target === "folder" ? addToFolder(agent, transfer, progress) : copyFolder(agent, { ...places, aside }, progress);
    });
    return undefined;
  });
}

export async function moveFiles(call: Call, places: Places, { force }: { readonly force: boolean }): Promise<Task> {
  const { agent } = call;
  const { from, to } = places;
  if (checkPlaces(places, PLACE_NAMES).same) return call.startTask(from.datastore, NOTHING, async () => undefined);
  const held = heldFiles(agent);
  refuseDelete(from, held, "move");
  refuseReplace(to, held);
  const kind = await kindOfTransfer(agent, places);
  const target = await kindAt(agent, to);
  if (kind === "folder" && target !== "nothing") throw alreadyExists(to);
  refuseTarget({ ...places, force }, kind, target);
  if (kind === "disk") {
    if (!force) await requireAbsent(agent, [to]);
    return call.startTask(from.datastore, { kind: "moveDisk", from, to, replace: force }, async (progress) => {
      await moveDiskTo(agent, places, { replace: force }, progress);
      return undefined;
    });
  }
  const token = newToken();
  const journal = { kind: "moveFiles", from, to, copyAside: asideOf(to, token), originalAside: asideOf(from, token) } as const;
  return call.startTask(from.datastore, journal, async (progress) => {
    refuseDelete(from, heldFiles(agent), "move"); // a VM may have been registered meanwhile
    await settling(agent, journal, async () => {
      const moved = await agent.vms.vmkernel.request({ kind: "moveFile", from, to, replace: force });
      if (moved === "otherFileSystem") await moveByCopy(agent, { journal, force, kind }, progress);
    });
    return undefined;
  });
}

const newToken = (): string => randomBytes(8).toString("hex");

/** @throws {Fault} FileAlreadyExists for what is never replaced, or not without force */
function refuseTarget({ to, force }: Transfer, kind: Kind, target: Kind): void {
  if (target === "nothing" || (kind === "folder" && target === "folder")) return;
  if (kind === "folder" || target === "folder" || !force) throw alreadyExists(to);
}

function alreadyExists(path: DatastorePath): Fault {
  const file = formatDatastorePath(path);
  return fault("FileAlreadyExists", `The file ${file} already exists.`, { file });
}

/** A descriptor whose copy could not be one, or that is none, is a file. What is not there is for vmkernel to tell. */
async function kindOfTransfer(agent: HostAgent, { from, to }: Places): Promise<Kind> {
  const kind = await kindAt(agent, from);
  const isDiskName = (path: DatastorePath) => /[^/]\.vmdk$/.test(path.path) && !/-flat\.vmdk$/.test(path.path);
  if (kind !== "file" || !isDiskName(from) || !isDiskName(to)) return kind;
  try {
    await agent.vms.vmkernel.request({ kind: "describeDisk", descriptor: from });
    return "disk";
  } catch (error) {
    if (error instanceof Fault) return "file";
    throw error;
  }
}

async function kindAt({ vms }: HostAgent, path: DatastorePath): Promise<Kind> {
  const entries = await entriesOf(vms.vmkernel, folderOf(path));
  return entries.find(({ name }) => name === fileNameOf(path))?.kind ?? "nothing";
}

async function copyOne({ vms }: HostAgent, { from, to, force }: Transfer, progress: Progress): Promise<void> {
  await vms.vmkernel.request({ kind: "copyFile", from, to, replace: force }, watching(progress));
}

async function copyFolder(
  agent: HostAgent,
  { from, to, aside }: Places & { readonly aside: DatastorePath },
  progress: Progress,
): Promise<void> {
  const { vmkernel } = agent.vms;
  await using undo = new Undo();
  undo.add(() => deleteTreeIfThere(agent, aside));
  const tree = await listTree(vmkernel, from);
  await vmkernel.request({ kind: "makeFolder", folder: aside });
  await copyTree(vmkernel, { tree, from, to: aside, replace: false }, watching(progress));
  await vmkernel.request({ kind: "moveFile", from: aside, to });
  undo.release();
}

/** Files of the folder that is there may be replaced when the client says so; those that the copy adds are taken back when it fails. */
async function addToFolder(agent: HostAgent, { from, to, force }: Transfer, progress: Progress): Promise<void> {
  const { vmkernel } = agent.vms;
  const tree = await listTree(vmkernel, from);
  const there = new Map((await listTree(vmkernel, to)).map(({ path, kind }) => [formatDatastorePath(path), kind]));
  await using undo = new Undo();
  const held = heldFiles(agent);
  await copyTree(
    vmkernel,
    {
      tree,
      from,
      to,
      replace: force,
      there,
      check: (path) => refuseReplace(path, held),
      made: (path) => undo.add(() => removeIfThere(vmkernel, path)),
    },
    watching(progress),
  );
  undo.release();
}

interface MoveByCopy {
  readonly journal: Extract<FileJournal, { kind: "moveFiles" }>;
  readonly force: boolean;
  readonly kind: Kind;
}

/** From one file system to another. The original is where it was until the copy is whole, and the copy has its name before it goes. */
async function moveByCopy(agent: HostAgent, { journal, force, kind }: MoveByCopy, progress: Progress): Promise<void> {
  const { vmkernel } = agent.vms;
  const { from, to, copyAside, originalAside } = journal;
  await using undo = new Undo();
  undo.add(() => deleteTreeIfThere(agent, copyAside));
  if (kind === "folder") {
    const tree = await listTree(vmkernel, from);
    await vmkernel.request({ kind: "makeFolder", folder: copyAside });
    await copyTree(vmkernel, { tree, from, to: copyAside, replace: false }, watching(progress));
  } else await vmkernel.request({ kind: "copyFile", from, to: copyAside }, watching(progress));
  await vmkernel.request({ kind: "moveFile", from, to: originalAside });
  undo.add(async () => void (await vmkernel.request({ kind: "moveFile", from: originalAside, to: from })));
  await vmkernel.request({ kind: "moveFile", from: copyAside, to, replace: force && kind !== "folder" });
  undo.release();
  await deleteTree(agent, originalAside);
}

async function deleteTreeIfThere(agent: HostAgent, path: DatastorePath): Promise<void> {
  if ((await kindAt(agent, path)) !== "nothing") await deleteTree(agent, path);
}
