/**
 * Cgroups by name, whichever version the machine has: "bulkhead-1a2b3c4d/vm-7" is a folder of that name in each tree.
 * They hold processes past the death of whoever made them, so they are also where a host finds its monitors again.
 */
import { accessSync, constants, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import {
  type CgroupLimits,
  type Controller,
  type CpuPortion,
  findHierarchies,
  type Hierarchy,
  planCpuPortion,
  planSettings,
} from "./hierarchies.ts";
import { checkName, writeSettings } from "./settings.ts";

/** The trees of this machine that we can write. A mount can come at any time, so they are read anew. */
export function cgroupHierarchies(): Hierarchy[] {
  const found = findHierarchies(readFileSync("/proc/mounts", "utf8"), (root) => {
    try {
      return readFileSync(join(root, "cgroup.controllers"), "utf8");
    } catch {
      return ""; // hidden beneath another mount: a tree that can't be used
    }
  });
  return found.filter(({ root }) => isWritable(root));
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false; // mounted read-only, as in most containers
  }
}

/** The controllers that a cgroup made now would have. */
export function cgroupControllers(): readonly Controller[] {
  return cgroupHierarchies().flatMap(({ controllers }) => controllers);
}

/**
 * Makes the cgroup in every tree, or takes one that is there, and sets its limits.
 * @throws {SystemError} when a tree can't be written or a limit is refused; then none of it is left
 */
export async function createCgroup(name: string, limits: CgroupLimits): Promise<void> {
  await createIn(cgroupHierarchies(), name, limits);
}

/** Tries to make a cgroup with a limit of this controller. @returns undefined when it worked, else why it did not */
export async function tryCgroup(name: string, controller: Controller): Promise<string | undefined> {
  const hierarchies = cgroupHierarchies().filter(({ controllers }) => controllers.includes(controller));
  if (hierarchies.length === 0) return `no ${controller} controller is mounted writable`;
  try {
    await createIn(hierarchies, name, { memoryBytes: 64 * 1024 * 1024, pids: 8 });
    await destroyCgroup(name);
    return undefined;
  } catch (error) {
    return `${errnoCode(error) ?? messageOf(error)} in ${hierarchies[0]?.root}`;
  }
}

async function createIn(hierarchies: readonly Hierarchy[], name: string, limits: CgroupLimits): Promise<void> {
  checkName(name);
  try {
    for (const hierarchy of hierarchies) {
      await makeIn(hierarchy, name);
      await writeSettings(join(hierarchy.root, name), planSettings(hierarchy, limits));
    }
  } catch (cause) {
    await destroyCgroup(name).catch(() => {}); // the first failure is what the caller must hear of
    throw new SystemError(`making the cgroup ${name}`, { cause });
  }
}

const MAKE_TRIES = 100; // each time it was another cgroup's end that came between: there are not that many at once

/** The end of the last one in a folder takes the folder away, also from under one that is being made in it: then all begins again. */
async function makeIn(hierarchy: Hierarchy, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await makeFolders(hierarchy, name);
      return;
    } catch (error) {
      const code = errnoCode(error);
      if ((code !== "ENOENT" && code !== "ENODEV") || tries >= MAKE_TRIES) throw error;
    }
  }
}

async function makeFolders({ kind, root, controllers }: Hierarchy, name: string): Promise<void> {
  let folder = root;
  for (const part of name.split("/")) {
    // In a v2 tree a folder has the controllers that its parent hands down.
    if (kind === "v2") await writeFile(join(folder, "cgroup.subtree_control"), controllers.map((controller) => `+${controller}`).join(" "));
    folder = join(folder, part);
    await mkdir(folder).catch((error) => {
      if (errnoCode(error) !== "EEXIST") throw error;
    });
  }
}

/** Gives the processes of a cgroup more than they had. @throws {SystemError} naming the file that does not take it */
export async function raiseCgroupLimits(name: string, limits: CgroupLimits): Promise<void> {
  checkName(name);
  for (const hierarchy of cgroupHierarchies()) {
    // What is set last when limits are made narrow is set first when they are made wide.
    await writeSettings(join(hierarchy.root, name), planSettings(withoutDevices(hierarchy), limits).reverse());
  }
}

/** Gives the processes of a cgroup their part of the processors. @throws {SystemError} naming the file that does not take it */
export async function setCpuPortion(name: string, portion: CpuPortion): Promise<void> {
  checkName(name);
  for (const hierarchy of cgroupHierarchies()) await writeSettings(join(hierarchy.root, name), planCpuPortion(hierarchy, portion));
}

function withoutDevices(hierarchy: Hierarchy): Hierarchy {
  return { ...hierarchy, controllers: hierarchy.controllers.filter((controller) => controller !== "devices") };
}

/** Moves a process into the cgroup, in every tree. Its children are born there. */
export async function addToCgroup(name: string, pid: number): Promise<void> {
  checkName(name);
  for (const { root } of cgroupHierarchies()) {
    const file = join(root, name, "cgroup.procs");
    try {
      await writeFile(file, String(pid), { flag: "r+" });
    } catch (cause) {
      throw new SystemError(`moving process ${pid} into ${file}`, { cause });
    }
  }
}

/** Every process in the cgroup and in those beneath it, in ascending order; none when it is not there. */
export async function processesOfCgroup(name: string): Promise<number[]> {
  checkName(name);
  const pids = new Set<number>();
  for (const { root } of cgroupHierarchies()) {
    for (const folder of await foldersUnder(join(root, name))) {
      const text = await readFile(join(folder, "cgroup.procs"), "utf8").catch(absent);
      for (const line of text?.split("\n") ?? []) if (line !== "") pids.add(Number(line));
    }
  }
  return [...pids].sort((a, b) => a - b);
}

/** The names directly beneath `parent`: "bulkhead-1a2b3c4d" → ["bulkhead-1a2b3c4d/vm-7", …]. */
export async function listCgroups(parent: string): Promise<string[]> {
  checkName(parent);
  const names = new Set<string>();
  for (const { root } of cgroupHierarchies()) {
    for (const entry of (await readdir(join(root, parent), { withFileTypes: true }).catch(absent)) ?? []) {
      if (entry.isDirectory()) names.add(`${parent}/${entry.name}`);
    }
  }
  return [...names].sort();
}

/** How long the kernel may need to let go of a cgroup whose last process has ended. */
const RELEASE_TIMEOUT_MS = 2000;
const RELEASE_RETRY_MS = 20;

/**
 * Removes the cgroup and those beneath it; its parent too, when that is empty then. Ends nothing.
 * @throws {SystemError} when there are processes in it still
 */
export async function destroyCgroup(name: string): Promise<void> {
  checkName(name);
  for (const { root } of cgroupHierarchies()) {
    for (const folder of (await foldersUnder(join(root, name))).reverse()) await removeFolder(folder);
    if (name.includes("/")) await rmdir(join(root, dirname(name))).catch(() => {}); // siblings are still in it
  }
}

async function removeFolder(folder: string): Promise<void> {
  const deadline = Date.now() + RELEASE_TIMEOUT_MS;
  for (;;) {
    try {
      return await rmdir(folder);
    } catch (cause) {
      if (errnoCode(cause) === "ENOENT") return;
      if (errnoCode(cause) !== "EBUSY" || Date.now() >= deadline) throw new SystemError(`removing the cgroup ${folder}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, RELEASE_RETRY_MS));
    }
  }
}

/** `folder` and every folder beneath it, parents first; none when it is not there. */
async function foldersUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(absent);
  if (entries === undefined) return [];
  const beneath = entries.filter((entry) => entry.isDirectory()).map((entry) => foldersUnder(join(folder, entry.name)));
  return [folder, ...(await Promise.all(beneath)).flat()];
}

/** ENODEV: the cgroup was removed while its file was open. */
function absent(error: unknown): undefined {
  if (["ENOENT", "ENODEV"].includes(errnoCode(error) ?? "")) return undefined;
  throw error;
}
