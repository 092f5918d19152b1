/**
 * What is done to the disks of a running guest: a new file on top of each, in one step for all of them; and what one file has put into
 * the one below it, while the guest goes on writing. Every file comes as an open descriptor; a file below the top is held open to
 * read alone, but for the time in which something is put into it.
 * Source: QEMU 7.2 qapi/{block-core,transaction,job}.json, docs/interop/live-block-operations.
 */
import { setTimeout as delay } from "node:timers/promises";
import { assert, Undo } from "../../base/index.ts";
import type { LayerAttachment } from "../attachments.ts";
import { type Controls, throwIfCanceled } from "../controls.ts";
import { freeSet } from "./add-options.ts";
import { dropNodes, setsOf } from "./block-nodes.ts";
import { listOf, objectOf } from "./live-machine.ts";
import { layerNode, planLayer } from "./plan-drives.ts";
import { qmpArguments } from "./qmp-arguments.ts";
import type { Talk } from "./talk.ts";

/** A disk that goes on in another file. */
export interface NewTop {
  /** vim25 device key. */
  readonly key: number;
  /** What the guest writes now, and its file, open to read. */
  readonly below: LayerAttachment;
  /** Empty, open to write. */
  readonly top: LayerAttachment;
}

const OPAQUE = "hot";
const JOB_POLL_MS = 50;
const JOB_PREFIX = "commit";

/**
 * All disks at one moment, or none.
 * @returns takes from QEMU what it could write the files below by; it lets them go only while the guest runs
 * @throws {QmpError}
 */
export async function putOnTop(talk: Talk, tops: readonly NewTop[]): Promise<() => Promise<void>> {
  await using undo = new Undo();
  const kept: { readonly set: number; readonly fd: number }[] = [];
  for (const { key, below, top } of tops) {
    const number = await freeSet(talk);
    await talk.executeWith(top.fd, "add-fd", { "fdset-id": number, opaque: OPAQUE });
    undo.add(async () => void (await talk.execute("remove-fd", { "fdset-id": number })));
    const [, , , node = ""] = planLayer(key, top, { number, isParent: false, parent: undefined });
    await talk.execute("blockdev-add", qmpArguments(node));
    undo.add(async () => void (await talk.execute("blockdev-del", { "node-name": layerNode(key, top.descriptor) })));
    const set = await setOf(talk, layerNode(key, below.descriptor));
    const fd = await lend(talk, set, below.fd);
    undo.add(async () => void (await talk.execute("remove-fd", { "fdset-id": set, fd })));
    kept.push({ set, fd });
  }
  const actions = tops.map(({ key, below, top }) => ({
    type: "blockdev-snapshot",
    data: { node: layerNode(key, below.descriptor), overlay: layerNode(key, top.descriptor) },
  }));
  await talk.execute("transaction", { actions });
  undo.release();
  return async () => {
    // QEMU has opened what is below anew, to read.
    for (const { set, fd } of kept) await keepOnly(talk, set, fd);
  };
}

export interface Commit {
  readonly key: number;
  /** What the guest writes. */
  readonly top: LayerNames;
  /** Its file is to be put into that of `parent`. */
  readonly child: LayerNames;
  readonly parent: BothWays;
  /** What lies on the child, unless that is the top or the child itself is: QEMU writes down that its parent is another from now. */
  readonly overlay?: BothWays | undefined;
  /** Before the guest goes on with the parent, when the child is the top: all of the child is there, and the guest stands still. */
  readonly switched: () => Promise<void>;
}

type LayerNames = Pick<LayerAttachment, "descriptor">;

/** One file, opened twice: once to write and once to read. */
export interface BothWays extends LayerNames {
  readonly write: LayerAttachment;
  readonly read: LayerAttachment;
}

/**
 * @throws {QmpError} what QEMU says against it: then the chain is as it was
 * @throws {Fault} RequestCanceled
 */
export async function commitLayer(talk: Talk, commit: Commit, controls: Controls): Promise<void> {
  const { key, top, child, parent, overlay } = commit;
  await endCommits(talk);
  const [topNode, childNode, parentNode] = [top, child, parent].map(({ descriptor }) => layerNode(key, descriptor)) as [
    string,
    string,
    string,
  ];
  const isTop = childNode === topNode;
  const lies = await nodesBeneath(talk, topNode);
  // One that was cut short after QEMU was through.
  if (!lies.includes(childNode)) return dropNodes(talk, (node) => node === childNode);
  await using undo = new Undo();
  const below = await lendBothWays(talk, key, parent);
  undo.add(below.takeWrite);
  if (overlay !== undefined) undo.add((await lendBothWays(talk, key, overlay)).takeWrite);
  const id = `${JOB_PREFIX}-${key}`;
  const place = isTop ? {} : { "top-node": childNode, "backing-file": "" };
  await talk.execute("block-commit", { "job-id": id, device: topNode, "base-node": parentNode, ...place, "auto-dismiss": false });
  await followJob(talk, id, isTop ? "ready" : "concluded", controls);
  if (isTop) {
    await standingStill(talk, async () => {
      await talk.execute("job-complete", { id });
      await endOfJob(talk, id);
      await commit.switched();
    });
    undo.release();
    await below.takeRead();
  } else await endOfJob(talk, id);
  await dropNodes(talk, (node) => node === childNode);
}

/** Ends what a vmkernel that is gone has left under way: the chain is then as it was, or as it was to be. */
export async function endCommits(talk: Talk): Promise<void> {
  for (const { id } of await jobsOf(talk)) {
    await talk.execute("job-cancel", { id }).catch(() => {}); // it may be through by now
    await endOfJob(talk, String(id)).catch(() => {});
  }
}

/** The names of the nodes that a node is made of, itself first. */
export async function nodesBeneath(talk: Talk, top: string): Promise<readonly string[]> {
  const { nodes, edges } = objectOf(await talk.execute("x-debug-query-block-graph"));
  const names = new Map(listOf(nodes).map(({ id, name }) => [id, String(name)]));
  const backing = new Map(
    listOf(edges)
      .filter(({ name }) => name === "backing")
      .map(({ parent, child }) => [names.get(parent), names.get(child)]),
  );
  const found: string[] = [];
  for (let at: string | undefined = top; at !== undefined && !found.includes(at); at = backing.get(at)) found.push(at);
  return found;
}

/** The guest does nothing meanwhile; one that stood still already stands still afterwards. */
async function standingStill(talk: Talk, deed: () => Promise<void>): Promise<void> {
  const { running } = objectOf(await talk.execute("query-status"));
  if (running === true) await talk.execute("stop");
  try {
    await deed();
  } finally {
    if (running === true) await talk.execute("cont");
  }
}

async function followJob(talk: Talk, id: string, until: "ready" | "concluded", controls: Controls): Promise<void> {
  for (;;) {
    const job = (await jobsOf(talk)).find((one) => one.id === id);
    if (job === undefined || job.status === until) return;
    if (job.status === "concluded") return endOfJob(talk, id);
    controls.report(Math.min(99, (100 * Number(job["current-progress"])) / Math.max(1, Number(job["total-progress"]))));
    if (controls.signal.aborted) {
      await talk.execute("job-cancel", { id });
      await endOfJob(talk, id).catch(() => {});
      throwIfCanceled(controls);
    }
    await delay(JOB_POLL_MS);
  }
}

/** @throws what ended it, unless it did what it was to do */
async function endOfJob(talk: Talk, id: string): Promise<void> {
  for (;;) {
    const job = (await jobsOf(talk)).find((one) => one.id === id);
    if (job === undefined) return;
    if (job.status === "concluded") {
      await talk.execute("job-dismiss", { id });
      if (job.error !== undefined) throw new Error(`putting a disk into its parent: ${String(job.error)}`);
      return;
    }
    await delay(JOB_POLL_MS / 10);
  }
}

async function jobsOf(talk: Talk) {
  return listOf(await talk.execute("query-jobs")).filter(({ id }) => String(id).startsWith(`${JOB_PREFIX}-`));
}

/** The name that QEMU gave to the node of the file beneath a node. */
export async function fileNodeOf(talk: Talk, name: string): Promise<string> {
  const { nodes, edges } = objectOf(await talk.execute("x-debug-query-block-graph"));
  const named = listOf(nodes).find((node) => node.name === name);
  const edge = listOf(edges).find(({ parent, name: role }) => parent === named?.id && role === "file");
  const file = listOf(nodes).find(({ id }) => id === edge?.child)?.name;
  assert(typeof file === "string", `the node ${name} lies on a file`);
  return file;
}

/** The set of descriptors that a node opened its file by: what lies beneath it has sets of its own. */
export async function setOf(talk: Talk, name: string): Promise<number> {
  const file = await fileNodeOf(talk, name);
  const found = listOf(await talk.execute("query-named-block-nodes", { flat: true })).find((one) => one["node-name"] === file);
  const [set] = found === undefined ? [] : setsOf([found]);
  assert(set !== undefined, `the node ${name} was opened by a descriptor`);
  return set;
}

/**
 * QEMU changes between reading and writing a file by opening it anew, and is in its own way while an older descriptor still holds its
 * locks: the one by which it reads now is its alone from here on, and goes when it does not read by it any more.
 */
async function lendBothWays(talk: Talk, key: number, { descriptor, write, read }: BothWays) {
  const set = await setOf(talk, layerNode(key, descriptor));
  const before = await descriptorsIn(talk, set);
  const writeFd = await lend(talk, set, write.fd);
  const readFd = await lend(talk, set, read.fd);
  for (const fd of before) await talk.execute("remove-fd", { "fdset-id": set, fd });
  const take = (fd: number) => async () => void (await talk.execute("remove-fd", { "fdset-id": set, fd }));
  return { takeWrite: take(writeFd), takeRead: take(readFd) };
}

async function lend(talk: Talk, set: number, fd: number): Promise<number> {
  const answer = objectOf(await talk.executeWith(fd, "add-fd", { "fdset-id": set, opaque: OPAQUE }));
  return Number(answer.fd);
}

async function keepOnly(talk: Talk, set: number, fd: number): Promise<void> {
  for (const other of await descriptorsIn(talk, set)) if (other !== fd) await talk.execute("remove-fd", { "fdset-id": set, fd: other });
}

export async function descriptorsIn(talk: Talk, set: number): Promise<readonly number[]> {
  const found = listOf(await talk.execute("query-fdsets")).find((one) => Number(one["fdset-id"]) === set);
  return listOf(found?.fds).map(({ fd }) => Number(fd));
}
