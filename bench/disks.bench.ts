/**
 * What a guest's disk costs, side by side in one run: a flat VMDK beside a raw file that the same QEMU has by hand; eight snapshots one
 * after another beside one. Two guests run at a time and work in turns: each repeats its work as often as
 * takes a second and more, who begins changes from round to round, and what counts is the ratio within a round. `npm run bench -- disks`;
 * nothing is asserted. Copies are in `disks-copies.bench.ts`, what is read from a package in `packages.bench.ts`.
 */
import { execFileSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { afterAll, beforeAll, test } from "vitest";
import { buildGuest } from "../guest/build.mjs";
import type { VmId } from "../src/base/index.ts";
import type { DeviceSpec } from "../src/vmkernel/index.ts";
import { inDatastore, TestKernel, until } from "../test/monitor.fixture.ts";
import { type BareGuest, startBareGuest } from "./bare-guest.ts";
import { describeRatios, inTurns, print } from "./figures.ts";

const MIB = 1024 * 1024;
const CLUSTER = 64 * 1024;
const vm = "1" as VmId;
const LOGIN = { user: "root", password: "Guest-Root-1" };
const GUEST_MS = 300_000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 11);
/** Shorter than this, the guest's clock (hundredths of a second) and a single disturbance would be the figure. */
const ROUND_S = 1.5;
/** Told from one another in the guest by their sizes. */
const DATA_MIB = 96;
const DEEP_MIB = 65;
const SHALLOW_MIB = 66;
let kernel: TestKernel;
let bare: BareGuest;

const disk = (key: number, unit: number, name: string): DeviceSpec => ({
  ...{ kind: "disk", key, controllerKey: 1000, unit, descriptor: inDatastore(`1/${name}.vmdk`), mode: "persistent" },
});
const consoles = { host: () => kernel.console("1"), bare: () => textOf(kernel.hostPath("1/bare.log")) };
const textOf = (path: string) => (existsSync(path) ? readFileSync(path, "latin1") : "");

beforeAll(async () => {
  kernel = new TestKernel();
  await kernel.start();
  const devices = [
    disk(2001, 1, "data"),
    disk(2002, 2, "deep-8"),
    disk(2003, 3, "shallow-1"),
    { kind: "toolsChannel", key: 12000 } as const,
  ];
  const machine = await kernel.makeGuest("1", {}, devices);
  await makeDisk("data", DATA_MIB);
  await makeChain("deep", DEEP_MIB, 8);
  await makeChain("shallow", SHALLOW_MIB, 1);
  await kernel.client.request({ kind: "powerOn", machine });
  const [boot, raw] = ["bare-boot.img", "bare-data.img"].map((name) => kernel.hostPath(`1/${name}`)) as [string, string];
  copyFileSync(buildGuest().image, boot);
  copyFileSync(kernel.hostPath("1/data-flat.vmdk"), raw);
  const disks = new Map([
    [2000, boot],
    [2001, raw],
  ]);
  for (const [key, sizeMib] of [
    [2002, DEEP_MIB],
    [2003, SHALLOW_MIB],
  ] as const) {
    const path = kernel.hostPath(`1/bare-${key}.img`);
    closeSync(openSync(path, "w"));
    truncateSync(path, sizeMib * MIB);
    disks.set(key, path);
  }
  const { pids } = await kernel.client.request({ kind: "inspectMonitor", vm });
  bare = await startBareGuest(pids.at(-1) ?? 0, { folder: kernel.hostPath("1"), serialLog: kernel.hostPath("1/bare.log"), disks });
  await until("the guest's agent answers", async () => (await tools()) === "running", GUEST_MS);
  await bare.run("true");
}, 2 * GUEST_MS);
afterAll(async () => {
  await bare?.stop();
  await kernel?.[Symbol.asyncDispose]();
});

const tools = async () => (await kernel.client.request({ kind: "listMonitors" })).find((monitor) => monitor.vm === vm)?.guest.tools;

async function makeDisk(name: string, sizeMib: number): Promise<void> {
  const uuid = `6000c29${Buffer.from(name).toString("hex").padStart(25, "0")}`;
  const spec = { capacityBytes: sizeMib * MIB, provisioning: "thin", adapterType: "lsilogic", uuid } as const;
  await kernel.client.request({ kind: "createDisk", descriptor: inDatastore(`1/${name}.vmdk`), disk: spec });
  const file = openSync(kernel.hostPath(`1/${name}-flat.vmdk`), "r+");
  for (let at = 0; at < sizeMib; at++) writeSync(file, Buffer.alloc(MIB, at + 1), 0, MIB, at * MIB);
  closeSync(file);
}

/** Each of the disks of the chain has its share of the clusters, in turns. */
async function makeChain(name: string, sizeMib: number, depth: number): Promise<void> {
  await makeDisk(name, sizeMib);
  for (let level = 1; level <= depth; level++) {
    const [parent, child] = [level === 1 ? name : `${name}-${level - 1}`, `${name}-${level}`];
    await kernel.client.request({
      kind: "createChildDisk",
      descriptor: inDatastore(`1/${child}.vmdk`),
      parent: inDatastore(`1/${parent}.vmdk`),
    });
    const clusters = Array.from({ length: (sizeMib * MIB) / CLUSTER }, (_, index) => index).filter(
      (index) => index % (depth + 1) === level,
    );
    const input = clusters.map((index) => `write -q -P ${level} ${index * CLUSTER} ${CLUSTER}\n`).join("");
    execFileSync("qemu-io", ["-f", "qcow2", kernel.hostPath(`1/${child}-delta.vmdk`)], { input, stdio: ["pipe", "ignore", "inherit"] });
  }
}

type Who = "host" | "bare";
let measured = 0;

interface Work {
  readonly what: string;
  /** Of the guest's shell; $disk is its disk. */
  readonly script: string;
}

/** @returns seconds, by the guest's own clock */
async function measure(who: Who, sizeMib: number, { script }: Work, times: number): Promise<number> {
  const tag = `BENCH-${++measured}`;
  const clock = "$(cut -d' ' -f1 /proc/uptime)";
  const find = `disk=/dev/$(grep -lx ${(sizeMib * MIB) / 512} /sys/block/sd*/size | cut -d/ -f4)`;
  const work = `n=0; while [ $n -lt ${times} ]; do ${script}; n=$((n + 1)); done`;
  const whole = `${find}; echo 3 > /proc/sys/vm/drop_caches; a=${clock}; ${work}; echo "${tag} $a ${clock}" > /dev/ttyS0`;
  if (who === "bare") await bare.run(whole);
  else {
    const startScript = `(\n${whole}\n) > /dev/null 2>&1 3>&- &\necho "pid $! 0" >&3`;
    await kernel.client.request({ kind: "startInGuest", vm, login: LOGIN, script: startScript, commandLine: tag });
  }
  const line = new RegExp(`${tag} ([\\d.]+) ([\\d.]+)`);
  await until(tag, async () => line.test(consoles[who]()), GUEST_MS);
  const [, begin, end] = line.exec(consoles[who]()) ?? [];
  return Number(end) - Number(begin);
}

/** All of them past the guest's cache (O_DIRECT). */
const SEQUENTIAL_READ: Work = { what: "sequential reading", script: "dd if=$disk of=/dev/null bs=1M iflag=direct" };
const SEQUENTIAL_WRITE: Work = {
  what: "sequential writing",
  script: `dd if=/dev/zero of=$disk bs=1M count=${DATA_MIB} oflag=direct conv=notrunc,fsync`,
};
/** Steps that are prime to the number of blocks: each is another one, and none is near the one before. */
const random = (direction: string, blocks: number) =>
  `i=0; while [ $i -lt 400 ]; do ${direction.replace("AT", `$((i * 7919 % ${blocks}))`)}; i=$((i + 1)); done`;
const BLOCKS = (DEEP_MIB * MIB) / 4096;
const RANDOM_READ: Work = {
  what: "random reading, 4 KiB",
  script: random("dd if=$disk of=/dev/null bs=4k count=1 skip=AT iflag=direct", BLOCKS),
};
const RANDOM_WRITE: Work = {
  what: "random writing, 4 KiB",
  script: random("dd if=/dev/zero of=$disk bs=4k count=1 seek=AT oflag=direct conv=notrunc", BLOCKS),
};

type Side = (work: Work, times: number) => Promise<number>;

/** @returns how much the first does in the time of the second: more is better */
async function beside(one: Side, other: Side, work: Work): Promise<string> {
  const once = Math.min(await one(work, 1), await other(work, 1));
  const times = Math.max(1, Math.ceil(ROUND_S / Math.max(once, 0.01)));
  const pairs = await inTurns(
    ROUNDS,
    () => one(work, times),
    () => other(work, times),
  );
  return describeRatios(pairs.theirs, pairs.ours);
}

const on =
  (who: Who, sizeMib: number): Side =>
  (work, times) =>
    measure(who, sizeMib, work, times);

test("a flat VMDK beside a raw file", { timeout: 4 * GUEST_MS }, async () => {
  for (const work of [SEQUENTIAL_READ, SEQUENTIAL_WRITE, RANDOM_READ, RANDOM_WRITE])
    print(`${work.what}, raw file by hand : flat VMDK (limit 0.98)`, await beside(on("host", DATA_MIB), on("bare", DATA_MIB), work));
});

test("eight snapshots beside one", { timeout: 4 * GUEST_MS }, async () => {
  for (const work of [SEQUENTIAL_READ, RANDOM_READ])
    print(`${work.what}, one snapshot : eight (limit 0.8)`, await beside(on("host", DEEP_MIB), on("host", SHALLOW_MIB), work));
});
