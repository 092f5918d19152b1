/**
 * What the product's placing of VMs does to real processes on cores of two threads each; a program, to be run on the machine in
 * question: `node core-deeds.mjs FOLDER`. Prints one line of JSON. FOLDER is that of the built product. All happens on the last core: the
 * others are for this program, and whatever else the machine does.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const product = process.argv[2];
const system = await import(join(product, "system/index.js"));
const { Placing } = await import(join(product, "vmkernel/resources/placing.js"));
const { NO_POOLS } = await import(join(product, "vmkernel/resources/config.js"));

/** A processor was taken from one for so long: shorter is an interrupt. */
const GAP_US = 1500;
/** Runs until it is told, and tells from when to when it was let: so it is seen from inside which two ran at one time. In µs, of one clock. */
const SPIN = `spin() {
  local from=\${EPOCHREALTIME/./} last now over=0
  trap over=1 TERM
  for ((last = from; !over; last = now)); do
    now=\${EPOCHREALTIME/./}
    ((now - last > ${GAP_US})) && { echo $from $last; from=$now; }
  done
  echo $from $last
}`;
const WINDOW_MS = 5000;
const START_MS_MAX = 120_000; // every processor is an emulated one, and may have to wait for a real one

const cores = system.coreReader();
const hasCoreScheduling = system.hasCoreScheduling();
const folder = mkdtempSync(join(tmpdir(), "cores-"));

/** Starts a process for each VM as the product does, and has it spin on the processors that are named for it. */
async function run({ on, htSharing, coreSharing, withGroups = hasCoreScheduling }) {
  const running = [];
  const placing = new Placing({
    mhz: 1000,
    cores,
    hasCoreScheduling: withGroups,
    running: () => running,
    log: (line) => console.error(line),
  });
  const vms = on.map((_, index) => ({ vm: String(index + 1), vcpus: 2, ...(htSharing && { htSharing }) }));
  const config = { ...NO_POOLS, vms, ...(coreSharing && { coreSharing }) };
  const children = on.map((processors, index) => {
    const each = processors.map((one) => `{ taskset -cp ${one} $BASHPID > /dev/null; spin > '${fileOf(index, one)}'; } &`).join("\n");
    const child = spawn("bash", ["-c", `${SPIN}\nread -r\n${each}\nwait`], { stdio: ["pipe", "ignore", "inherit"] });
    const place = placing.reserve(config, vms[index]);
    place.bind(child.pid);
    running.push({ vm: vms[index].vm, pid: child.pid, vcpus: 2 });
    place[Symbol.dispose]();
    return { pid: child.pid, go: () => child.stdin.end("\n"), ended: new Promise((resolve) => child.once("exit", resolve)) };
  });
  placing.apply(config);
  const groupOf = (pid) => (hasCoreScheduling ? String(system.coreGroupOf(pid)) : "none");
  const answer = { groups: children.map(({ pid }) => groupOf(pid)), allowed: children.map(({ pid }) => system.affinityOf(pid)) };
  for (const { go } of children) go();
  const spinners = await Promise.all(children.map(({ pid }, index) => startedBy(pid, on[index])));
  const heirs = spinners.map((pids) => [...new Set(pids.map(groupOf))]);
  const [before, from] = [spinners.flat().map(ranMs), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, spinners.flat().length === 0 ? 0 : WINDOW_MS));
  const [after, to] = [spinners.flat().map(ranMs), performance.now()];
  for (const pid of spinners.flat()) process.kill(pid, "SIGTERM");
  for (const { ended } of children) await ended;
  const seen = on.flatMap((processors, index) => processors.map((one) => intervalsOf(fileOf(index, one))));
  return {
    ...answer,
    heirs,
    ran: after.map((ms, index) => (ms - before[index]) / (to - from)),
    ...(seen.length === 2 && { both: bothOf(...seen) }),
  };
}

/** What a VM's process has started, once each is on the processor that it is to spin on. */
async function startedBy(pid, processors) {
  const until = performance.now() + START_MS_MAX;
  for (; performance.now() < until; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const pids = processors.length === 0 ? [] : childrenOf(pid);
    const places = pids.map((one) => system.affinityOf(one).join());
    if (pids.length === processors.length && processors.every((one) => places.includes(String(one)))) return pids;
  }
  throw new Error(`not all that ${pid} was to start is there`);
}

/** By the kernel's count; for how long a virtual processor itself had to wait is in it. */
const ranMs = (pid) => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
const fileOf = (index, processor) => join(folder, `${index}-${processor}`);
const childrenOf = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

function intervalsOf(file) {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => line.split(" ").map(Number));
}

/** In what part of the time in which two spun both ran at once, as they saw it. */
function bothOf(one, other) {
  const from = Math.max(one[0][0], other[0][0]);
  const to = Math.min(one.at(-1)[1], other.at(-1)[1]);
  const overlap = ([a, b], [c, d]) => Math.max(0, Math.min(b, d) - Math.max(a, c));
  return one.reduce((sum, interval) => sum + other.reduce((total, next) => total + overlap(interval, next), 0), 0) / (to - from);
}

const [first, second] = cores().at(-1);
const answer = {
  cores: cores(),
  hasCoreScheduling,
  anyVm: await run({ on: [[first], [second]] }),
  apart: await run({ on: [[first], [second]], htSharing: "internal" }),
  within: await run({ on: [[first, second]], htSharing: "internal" }),
  apartForAll: await run({ on: [[], []], coreSharing: "oneVm" }),
  alone: await run({ on: [[]], htSharing: "none" }),
  wholeCores: await run({ on: [[], []], htSharing: "internal", withGroups: false }),
  oneThread: await run({ on: [[], []], coreSharing: "oneThread" }),
};
rmSync(folder, { recursive: true });
console.log(JSON.stringify(answer));
