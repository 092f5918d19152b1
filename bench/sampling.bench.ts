/**
 * What it costs to measure everything: the processor time of one sample of all counters, of vmkernel, of the monitors that it asks, and
 * of hostd, for 200 VMs: while their guests leave their disks alone, and while each uses its disk between any two samples. Real monitors,
 * each with a disk and a network card, and a sample every 20 seconds as hostd takes them: so caches are as cold, and guests' memory is
 * looked at as seldom. Three quarters of them run, for what all could need would not fit on a machine of 24 GiB and its disk; hostd's
 * part is measured with all. `npm run bench -- sampling`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { hostPaths, Turns, type VmId } from "../src/base/index.ts";
import { Performance } from "../src/hostd/performance/performance.ts";
import type { Vm } from "../src/hostd/vm.ts";
import type { HostDescription, LoadSample, MonitorLoad, VmkernelClient } from "../src/vmkernel/index.ts";
import { installGuestImage, sleep, startHost, type TestHost } from "../test/harness.ts";
import { bootableSpec, createVm, succeeded } from "../test/vm.ts";
import { print } from "./figures.ts";

const VMS = 200;
const REAL_VMS = 150;
const INTERVAL_MS = 20_000;
const MEMORY_MB = 64; // none but the first 4 are touched
/** Six minutes: with so many guests, touches of their memory are counted for some two. */
const SAMPLES = 18;
const HOSTD_SAMPLES = 40;
/** Of the time from one sample to the next, that in which it is taken: two looks of the scheduler, of which it waits for one. What the
 * processes use in the rest, they use without samples. */
const SAMPLING_MS = 2000;
const AT_ONCE = 8;
const BOOT_MS = 20_000; // in which firmware starts them

test("figures of sampling", { timeout: 3_600_000 }, async () => {
  const image = diskOf(STILL);
  const host = await startHost();
  const client = await host.login();
  const vmkernel = await host.vmkernel();
  try {
    const turns = new Turns(AT_ONCE);
    const vms = await Promise.all(
      Array.from({ length: REAL_VMS }, (_, index) =>
        turns.take(async () => {
          const spec = bootableSpec(`vm${index}`, await installGuestImage(host, `vm${index}-boot`, image));
          const vm = await createVm(client, { ...spec, memoryMB: MEMORY_MB });
          await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
          return vm;
        }),
      ),
    );
    await sleep(BOOT_MS);
    const still = await measure(host, vmkernel);
    expect(still.moved).toBe(0);
    const images = join(hostPaths(host.root).volumes, "datastore1", "images");
    for (const index of vms.keys()) writeFileSync(join(images, `vm${index}-boot-flat.vmdk`), bootSector(READING), { flag: "r+" });
    await using again = await host.login(); // what was connected before hostd stood still may be connected no more
    for (const vm of vms) await succeeded(again, await again.call(vm, "ResetVM_Task", {}));
    await sleep(BOOT_MS);
    const reading = await measure(host, vmkernel);
    expect(reading.moved).toBe(REAL_VMS * SAMPLES);
    const ofHostdMs = await hostdMs(reading.sample.monitors[0] as MonitorLoad, reading.sample);
    print(`one sample of ${VMS} VMs: hostd`, `${ofHostdMs.toFixed(1)} ms of a core`);
    show("whose disks are left alone", still, ofHostdMs);
    show("each of which uses its disk", reading, ofHostdMs);
    await using ending = await host.login();
    for (const vm of vms) await ending.call(vm, "TerminateVM", {});
  } finally {
    client.close();
    vmkernel.close();
    await host.stop();
    rmSync(dirname(image), { recursive: true });
  }
});

interface Measured {
  /** Of one sample of all VMs. */
  readonly ofVmkernelMs: number;
  readonly ofMonitorsMs: number;
  /** Times that a disk was found to have been read between two samples. */
  readonly moved: number;
  /** The last one. */
  readonly sample: LoadSample;
}

async function measure(host: TestHost, vmkernel: VmkernelClient): Promise<Measured> {
  const { vmkernel: pid, hostd } = await host.pids();
  const pids = [pid, ...(await vmkernel.request({ kind: "listMonitors" })).map((monitor) => monitor.pid)];
  const during = async (deed: () => Promise<unknown>) => {
    const [before, began] = [pids.map(runMs), performance.now()];
    await deed();
    const [ofVmkernelMs = 0, ...ofMonitorsMs] = pids.map((one, index) => runMs(one) - (before[index] ?? 0));
    return { ofVmkernelMs, ofMonitorsMs: ofMonitorsMs.reduce((sum, ms) => sum + ms, 0), tookMs: performance.now() - began };
  };
  const used = { ofVmkernelMs: 0, ofMonitorsMs: 0, moved: 0 };
  let sample = await vmkernel.request({ kind: "sampleLoad" });
  process.kill(hostd, "SIGSTOP"); // it would take samples of its own
  for (let count = 0; count < SAMPLES; count += 1) {
    const before = sample;
    const idle = await during(() => sleep(INTERVAL_MS - SAMPLING_MS));
    const spent = await during(async () => {
      const beganMs = performance.now();
      sample = await vmkernel.request({ kind: "sampleLoad" });
      await sleep(SAMPLING_MS - (performance.now() - beganMs));
    });
    for (const of of ["ofVmkernelMs", "ofMonitorsMs"] as const) used[of] += spent[of] - (idle[of] * spent.tookMs) / idle.tookMs;
    used.moved += movedBetween(before, sample);
  }
  process.kill(hostd, "SIGCONT");
  const ofOneMs = (ms: number): number => ((Math.max(0, ms) / SAMPLES) * VMS) / REAL_VMS;
  return { ofVmkernelMs: ofOneMs(used.ofVmkernelMs), ofMonitorsMs: ofOneMs(used.ofMonitorsMs), moved: used.moved, sample };
}

function movedBetween(before: LoadSample, after: LoadSample): number {
  const readsOf = ({ monitors }: LoadSample) => new Map(monitors.map(({ vm, disks }) => [vm, disks[0]?.reads]));
  const reads = readsOf(before);
  return [...readsOf(after)].filter(([vm, count]) => count !== reads.get(vm)).length;
}

function show(which: string, { ofVmkernelMs, ofMonitorsMs }: Measured, ofHostdMs: number): void {
  const part = (ofVmkernelMs + ofMonitorsMs + ofHostdMs) / INTERVAL_MS;
  const ms = `${ofVmkernelMs.toFixed(1)} + ${ofMonitorsMs.toFixed(1)} ms of a core`;
  print(`one sample of ${VMS} VMs, ${which}: vmkernel + monitors, of ${REAL_VMS}`, ms);
  print(`all counters of ${VMS} VMs, ${which}, every ${INTERVAL_MS / 1000} s (at most 1 %)`, `${(100 * part).toFixed(2)} % of a core`);
}

/** What all threads of a process have run, to the nanosecond: its ticks of 10 ms are too coarse. */
function runMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6,
    0,
  );
}

/** cli, hlt, and again: it does nothing at all, ever. What its monitor does is for others. */
const STILL = "faf4ebfd";
/** Reads its first sector every eight seconds, and sleeps between the two ticks a second of its real-time clock. */
const READING = [
  ...["31c0", "8ed8", "8ec0", "8ed0", "bc007c"], // ax, ds, es and ss are 0, and the stack is beneath this
  ...["b0fb", "e621", "b0fe", "e6a1"], // of all interrupts, the clock's alone
  ...["b00a", "e670", "e471", "0c0f", "88c4", "b00a", "e670", "88e0", "e671"], // its register A: twice a second
  ...["b00b", "e670", "e471", "0c40", "88c4", "b00b", "e670", "88e0", "e671"], // its register B: by an interrupt
  ...["be1000", "fb", "f4", "4e", "75fb"], // si = 16; sti, hlt, dec si, and again while it is not 0
  ...["b80102", "b90100", "ba8000", "bb0080", "cd13"], // BIOS: read 1 sector, the first, of the first disk, to 0x8000
  "ebe8", // from si = 16 on
].join("");

function bootSector(code: string): Buffer {
  const sector = Buffer.alloc(512);
  sector.write(code, "hex");
  sector.writeUInt16BE(0x55aa, 510);
  return sector;
}

/** A disk from which a guest starts. */
function diskOf(code: string): string {
  const image = join(mkdtempSync(join(tmpdir(), "bulkhead-bench-")), "guest.img");
  writeFileSync(image, bootSector(code));
  truncateSync(image, 2 ** 20);
  return image;
}

/** Of one sample, with an hour of others kept already. */
async function hostdMs(one: MonitorLoad, sample: LoadSample): Promise<number> {
  const ids = Array.from({ length: VMS }, (_, index) => String(index + 1) as VmId);
  const vms = ids.map((id) => ({ id, ref: { type: "VirtualMachine", value: id }, files: { kind: "unreadable" } }) as unknown as Vm);
  let nowMs = 0;
  const measured = new Performance({
    clock: { now: () => nowMs } as never,
    host: { cpu: { mhz: 2000, cores: 2 }, bootedAtMs: 0 } as HostDescription,
    vms: { list: () => vms },
    sampleLoad: async () => ({ ...sample, takenAtMs: nowMs, monitors: ids.map((vm) => ({ ...one, vm, processorMs: nowMs / 10 })) }),
    onSample: () => {},
  });
  const take = async () => {
    nowMs += INTERVAL_MS;
    await measured.takeSample();
  };
  for (let kept = 0; kept < 180; kept += 1) await take();
  const before = process.cpuUsage();
  for (let times = 0; times < HOSTD_SAMPLES; times += 1) await take();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / HOSTD_SAMPLES;
}
