/**
 * `kill -9` in deeds on disks: each deed is done once to its end, which shows what comes of it and how long it takes, and then again
 * and again with a kill at a random moment. Whatever the moment, there is what was there before or what the deed makes, and nothing else.
 */
import { join } from "node:path";
import { hostPaths, messageOf } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, TaskInfo } from "../src/wire/index.ts";
import type { DiskDeed } from "./disk-deeds.fixture.ts";
import { Stage } from "./disk-stage.fixture.ts";
import { loginAgain, removeFrozen, sleep, type TestHost, waitFor } from "./harness.ts";
import { read } from "./vm.ts";

const BACK_MS = 120_000;
const TARGETS = ["hostd", "vmkernel", "both"] as const;

export interface Kills {
  readonly host: TestHost;
  readonly deeds: readonly DiskDeed[];
  readonly rounds: number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly report?: (line: string) => void;
}

/** What a deed makes of what, and in which time. */
interface Reference {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly ms: number;
}

export interface Outcomes {
  /** How often there was, afterwards, what was there before; and what the deed makes. */
  readonly old: number;
  readonly new: number;
  /** Of the other rounds: what there was. */
  readonly broken: readonly string[];
}

export async function killAmidDeeds({ host, deeds, rounds, random, report = () => {} }: Kills): Promise<Outcomes> {
  const references = new Map<DiskDeed, Reference>();
  const found = { old: 0, new: 0 };
  const broken: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const deed = deeds[round % deeds.length] as DiskDeed;
    const reference = references.get(deed) ?? (await performWhole(host, deed, `r${round}x`));
    references.set(deed, reference);
    const target = TARGETS[Math.floor(random() * TARGETS.length)] ?? "both";
    const atMs = Math.round(random() * reference.ms);
    const about = `round ${round}: ${target} killed ${atMs} ms into ${deed.name}, which takes ${Math.round(reference.ms)} ms`;
    try {
      const outcome = await performCut({ host, deed, name: `k${round}x`, target, atMs, reference, about });
      found[outcome] += 1;
      report(`${about}: ${outcome}`);
    } catch (error) {
      broken.push(messageOf(error));
      report(broken.at(-1) ?? "");
    }
  }
  return { ...found, broken };
}

function stageAt(host: TestHost, client: VimClient, name: string): Stage {
  return new Stage({ client, name, port: host.port, datastore: join(hostPaths(host.root).volumes, "datastore1") });
}

async function performWhole(host: TestHost, deed: DiskDeed, name: string): Promise<Reference> {
  await using client = await host.login();
  const stage = stageAt(host, client, name);
  await deed.prepare(stage);
  const before = await lookAt(stage, deed);
  const startedAt = performance.now();
  await deed.perform(stage);
  const ms = performance.now() - startedAt;
  const after = await lookAt(stage, deed);
  await clear(stage);
  return { before, after, ms };
}

interface Cut {
  readonly host: TestHost;
  readonly deed: DiskDeed;
  readonly name: string;
  readonly target: (typeof TARGETS)[number];
  readonly atMs: number;
  readonly reference: Reference;
  readonly about: string;
}

async function performCut({ host, deed, name, target, atMs, reference, about }: Cut): Promise<"old" | "new"> {
  const { before, after } = reference;
  const { hostd, vmkernel } = await host.pids();
  {
    await using client = await host.login();
    const stage = stageAt(host, client, name);
    await deed.prepare(stage);
    const performed = deed.perform(stage).catch(() => {}); // what it says does not count: what is there does
    await sleep(atMs);
    for (const pid of target === "both" ? [hostd, vmkernel] : [target === "hostd" ? hostd : vmkernel]) process.kill(pid, "SIGKILL");
    await performed;
  }
  await waitFor(() => isBack(host, { hostd, vmkernel }, target), BACK_MS);
  await using client = await loginAgain(host, BACK_MS);
  await allEnded(client, about);
  const stage = stageAt(host, client, name);
  const there = await lookAt(stage, deed);
  const outcome = isSame(there, after) ? "new" : "old";
  try {
    if (outcome === "old") {
      requireSame(there, before, "afterwards");
      await deed.perform(stage);
      requireSame(await lookAt(stage, deed), after, "done again");
    }
    await clear(stage);
  } catch (error) {
    removeFrozen(stage.at("")); // what is broken is told of once, not in every round that follows
    throw new Error(`${about}: ${messageOf(error)}`, { cause: error });
  }
  return outcome;
}

function requireSame(there: readonly string[], wanted: readonly string[], about: string): void {
  const [more, less] = [there.filter((line) => !wanted.includes(line)), wanted.filter((line) => !there.includes(line))];
  if (more.length + less.length > 0) throw new Error(`${about}: there is ${JSON.stringify(more)} and there is no ${JSON.stringify(less)}`);
}

async function lookAt(stage: Stage, { mayStop }: DiskDeed): Promise<readonly string[]> {
  const there = await stage.look();
  return mayStop === true ? there.map((line) => line.replace(/ is (suspended|powered(Off|On)),/, ",")) : there;
}

const isSame = (one: readonly string[], other: readonly string[]): boolean => one.join("\n") === other.join("\n");

async function isBack(host: TestHost, old: { readonly hostd: number; readonly vmkernel: number }, target: Cut["target"]): Promise<boolean> {
  const pids = await host.pids().catch(() => undefined);
  if (pids === undefined) return false;
  return (target === "vmkernel" || pids.hostd !== old.hostd) && (target === "hostd" || pids.vmkernel !== old.vmkernel);
}

/** No task stays open: those that were cut short are settled. */
async function allEnded(client: VimClient, about: string): Promise<void> {
  const states = async () => {
    const tasks = (await read(client, moRef("TaskManager", "ha-taskmgr"), "recentTask")) as readonly MoRef[];
    const infos = await Promise.all(tasks.map((task) => read(client, task, "info").catch(() => undefined)));
    return (infos as readonly (TaskInfo | undefined)[]).filter((info) => info?.state === "running" || info?.state === "queued");
  };
  await waitFor(async () => (await states()).length === 0, BACK_MS).catch(async () => {
    throw new Error(`${about}: still open: ${JSON.stringify(await states())}`);
  });
}

async function clear(stage: Stage): Promise<void> {
  await stage.clear();
  requireSame(await stage.look(), [], "when all of it was removed");
}
