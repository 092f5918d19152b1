/**
 * What the product's own cgroups do to real processes; a program, to be run on the machine in question: `node cgroup-deeds.mjs FOLDER`.
 * Prints one line of JSON. FOLDER is that of the built product.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const { addToCgroup, cgroupHierarchies, createCgroup, destroyCgroup, listCgroups, processesOfCgroup, raiseCgroupLimits, setCpuPortion } =
  await import(join(process.argv[2], "system/index.js"));
const HOST = "bulkhead-deeds";
const MIB = 2 ** 20;
const SPIN = "while :; do :; done";
const MEASURE_MS_MAX = 30_000;
const trees = cgroupHierarchies();
const fileOf = (vm, file) => readFileSync(join(trees[0].root, `${HOST}/${vm}`, file), "utf8").trim();

/** Runs a script in a cgroup of its own. @returns a promise of how it ended */
async function startIn(vm, limits, script) {
  await createCgroup(`${HOST}/${vm}`, limits);
  const child = spawn("bash", ["-c", `read -r; ${script}`], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)));
  await addToCgroup(`${HOST}/${vm}`, child.pid);
  child.stdin.end("\n"); // from now on all that it starts is born there
  return { ended, kill: () => process.kill(-child.pid, "SIGKILL") };
}

/** One takes more memory than it may; a process beside it in its cgroup, and a neighbour, do nothing. */
async function takeMemory() {
  const neighbour = await startIn("vm-2", { memoryBytes: 64 * MIB, pids: 8 }, "exec sleep 100");
  const greedy = await startIn("vm-1", { memoryBytes: 32 * MIB, pids: 8 }, "sleep 100 & head -c 100M /dev/zero | tail | wc; sleep 100");
  const howItEnded = await Promise.race([greedy.ended, sleep(30_000, "it did not end")]);
  await sleep(200);
  const answer = {
    howItEnded,
    leftOfIt: (await processesOfCgroup(`${HOST}/vm-1`)).length,
    kills: Number(/^oom_group_kill (\d+)/m.exec(fileOf("vm-1", "memory.events"))?.[1]),
    neighbours: (await processesOfCgroup(`${HOST}/vm-2`)).length,
    swapMax: fileOf("vm-1", "memory.swap.max"),
  };
  neighbour.kill();
  await neighbour.ended;
  return answer;
}

/** One starts processes without end; then it may have more. */
async function takeProcesses() {
  const counts = [];
  const bomb = await startIn("vm-3", { memoryBytes: 64 * MIB, pids: 8 }, "while :; do sleep 50 & sleep 0.02; done");
  for (const pids of [8, 12]) {
    await raiseCgroupLimits(`${HOST}/vm-3`, { memoryBytes: 64 * MIB, pids });
    const count = async () => (await processesOfCgroup(`${HOST}/vm-3`)).length;
    for (const deadline = performance.now() + MEASURE_MS_MAX; performance.now() < deadline && (await count()) < pids; ) await sleep(200);
    await sleep(500); // in which it goes on trying
    counts.push(await count());
  }
  bomb.kill();
  await bomb.ended;
  return counts;
}

/**
 * Some that want one processor, until each has had of it what is expected, within `near` of that, or for {@link MEASURE_MS_MAX}: a virtual
 * processor that itself had to wait is counted as if it had run, which only a longer time makes up for.
 * @returns of each the part that it got, of one, by the kernel's own count
 */
async function spin({ processor, portions, expected, near }) {
  const vms = portions.map((_, index) => `vm-${processor}${index}`);
  const runners = [];
  for (const vm of vms) runners.push(await startIn(vm, { memoryBytes: 64 * MIB, pids: 8 }, `taskset -cp ${processor} $$; ${SPIN}`));
  for (const [index, vm] of vms.entries()) await setCpuPortion(`${HOST}/${vm}`, portions[index]);
  await sleep(300);
  const used = () => vms.map((vm) => Number(/^usage_usec (\d+)/m.exec(fileOf(vm, "cpu.stat"))?.[1]));
  const [before, startedAt] = [used(), performance.now()];
  let parts = [];
  do {
    await sleep(2000);
    const [after, elapsedMs] = [used(), performance.now() - startedAt];
    parts = after.map((usec, index) => (usec - before[index]) / 1000 / elapsedMs);
  } while (performance.now() - startedAt < MEASURE_MS_MAX && !parts.every((part, index) => Math.abs(part / expected[index] - 1) < near));
  for (const { kill, ended } of runners) {
    kill();
    await ended;
  }
  return parts;
}

const [memory, processes] = await Promise.all([takeMemory(), takeProcesses()]);
const [shares, limited] = await Promise.all([
  spin({ processor: 0, portions: [{ shares: 600 }, { shares: 1200 }, { shares: 2400 }], expected: [1 / 7, 2 / 7, 4 / 7], near: 0.05 }),
  spin({ processor: 1, portions: [{ shares: 1000, processorsMax: 0.2 }, { shares: 1000 }], expected: [0.2, 0.8], near: 0.2 }),
]);
const answer = { trees, memory, processes, shares, limited };
for (const name of await listCgroups(HOST)) await destroyCgroup(name);
console.log(JSON.stringify({ ...answer, left: await listCgroups(HOST) }));
process.exit(0);
