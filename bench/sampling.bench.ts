/**
 * What it costs to measure everything: the processor time of one sample of all counters, of vmkernel, of the monitors that it asks, and
 * of hostd, for 200 VMs. Real monitors, each with a disk and a network card, a tenth as many; hostd's part is measured with all 200.
 * `npm run bench -- sampling`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { Performance } from "../src/hostd/performance/performance.ts";
import type { Vm } from "../src/hostd/vm.ts";
import type { HostDescription, LoadSample, MonitorLoad } from "../src/vmkernel/index.ts";
import { installGuestImage, sleep, startHost } from "../test/harness.ts";
import { bootableSpec, createVm, succeeded } from "../test/vm.ts";
import { print } from "./figures.ts";

const VMS = 200;
const REAL_VMS = 20;
const INTERVAL_S = 20;
/** In the first sample of a minute each guest's memory is looked at. They follow each other, for what else goes on is none of it. */
const [MINUTES, SAMPLES_A_MINUTE] = [3, 3];
const SAMPLES = MINUTES * SAMPLES_A_MINUTE;
const HOSTD_SAMPLES = 40;
const MINUTE_MS = 60_000;
const IDLE_MS = 5000;

test("figures of sampling", { timeout: 900_000 }, async () => {
  const image = stillDisk();
  const host = await startHost();
  const client = await host.login();
  const vmkernel = await host.vmkernel();
  try {
    const vms = await Promise.all(
      Array.from({ length: REAL_VMS }, async (_, index) => {
        const spec = bootableSpec(`vm${index}`, await installGuestImage(host, `vm${index}-boot`, image));
        const vm = await createVm(client, { ...spec, memoryMB: 32 });
        await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
        return vm;
      }),
    );
    await sleep(20_000); // in which firmware starts them
    const { monitors } = await vmkernel.request({ kind: "sampleLoad" });
    const { vmkernel: pid, hostd } = await host.pids();
    const pids = [pid, ...(await vmkernel.request({ kind: "listMonitors" })).map((monitor) => monitor.pid)];
    const during = async (deed: () => Promise<unknown>) => {
      const [before, began] = [pids.map(runMs), performance.now()];
      await deed();
      const [ofVmkernelMs = 0, ...ofMonitorsMs] = pids.map((one, index) => runMs(one) - (before[index] ?? 0));
      return { ofVmkernelMs, usedMs: ofMonitorsMs.reduce((sum, ms) => sum + ms, ofVmkernelMs), tookMs: performance.now() - began };
    };
    const sampling = { ofVmkernelMs: 0, usedMs: 0 };
    process.kill(hostd, "SIGSTOP"); // it would take samples of its own, and those of here would find each guest's memory looked at
    for (let minute = 0; minute < MINUTES; minute += 1) {
      await sleep(MINUTE_MS);
      const spent = await during(async () => {
        for (let sample = 0; sample < SAMPLES_A_MINUTE; sample += 1) await vmkernel.request({ kind: "sampleLoad" });
      });
      const idle = await during(() => sleep(IDLE_MS));
      const beside = (of: "ofVmkernelMs" | "usedMs") => spent[of] - (idle[of] * spent.tookMs) / idle.tookMs;
      sampling.ofVmkernelMs += beside("ofVmkernelMs");
      sampling.usedMs += beside("usedMs");
    }
    process.kill(hostd, "SIGCONT");
    const scaled = (ms: number): number => ((Math.max(0, ms) / SAMPLES) * VMS) / REAL_VMS;
    print("of that, vmkernel itself", `${scaled(sampling.ofVmkernelMs).toFixed(1)} ms of a core`);
    const ofVmkernelMs = scaled(sampling.usedMs);
    const ofHostdMs = await hostdMs(monitors[0] as MonitorLoad, await vmkernel.request({ kind: "sampleLoad" }));
    const part = (ofVmkernelMs + ofHostdMs) / (INTERVAL_S * 1000);
    print(`one sample of ${VMS} VMs: vmkernel and monitors, of ${REAL_VMS} measured`, `${ofVmkernelMs.toFixed(1)} ms of a core`);
    print(`one sample of ${VMS} VMs: hostd`, `${ofHostdMs.toFixed(1)} ms of a core`);
    print(`all counters of ${VMS} VMs every ${INTERVAL_S} s (at most 1 %)`, `${(100 * part).toFixed(2)} % of a core`);
    await using ending = await host.login(); // what was connected before hostd stood still may be connected no more
    for (const vm of vms) await ending.call(vm, "TerminateVM", {});
  } finally {
    client.close();
    vmkernel.close();
    await host.stop();
    rmSync(dirname(image), { recursive: true });
  }
});

/** What all threads of a process have run, to the nanosecond: its ticks of 10 ms are too coarse. */
function runMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6,
    0,
  );
}

/** A disk from which a guest starts that does nothing at all, ever: what its monitor does is for others. */
function stillDisk(): string {
  const [image, sector] = [join(mkdtempSync(join(tmpdir(), "bulkhead-bench-")), "still.img"), Buffer.alloc(512)];
  sector.writeUInt32BE(0xfaf4ebfd); // cli, hlt, and again
  sector.writeUInt16BE(0x55aa, 510);
  writeFileSync(image, sector);
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
    nowMs += INTERVAL_S * 1000;
    await measured.takeSample();
  };
  for (let kept = 0; kept < 180; kept += 1) await take();
  const before = process.cpuUsage();
  for (let times = 0; times < HOSTD_SAMPLES; times += 1) await take();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / HOSTD_SAMPLES;
}
