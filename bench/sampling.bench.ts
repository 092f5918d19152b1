/**
 * What it costs to measure everything: the processor time of one sample of all counters, of vmkernel, of the monitors that it asks, and
 * of hostd, for 200 VMs. Real monitors, a tenth as many; hostd's part is measured with all 200. `npm run bench -- sampling`.
 */
import { test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { Performance } from "../src/hostd/performance/performance.ts";
import type { Vm } from "../src/hostd/vm.ts";
import { readProcessLoad } from "../src/system/index.ts";
import type { HostDescription, LoadSample, MonitorLoad } from "../src/vmkernel/index.ts";
import { startHost } from "../test/harness.ts";
import { createVm, succeeded } from "../test/vm.ts";
import { print } from "./figures.ts";

const VMS = 200;
const REAL_VMS = 20;
const SAMPLES = 40;
const INTERVAL_S = 20;

test("figures of sampling", { timeout: 900_000 }, async () => {
  const host = await startHost();
  const client = await host.login();
  const vmkernel = await host.vmkernel();
  try {
    const vms = await Promise.all(
      Array.from({ length: REAL_VMS }, async (_, index) => {
        const vm = await createVm(client, { name: `vm${index}`, memoryMB: 32, files: { vmPathName: "[datastore1]" } });
        await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
        return vm;
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 20_000)); // firmware finds nothing to boot, and is still
    const { monitors } = await vmkernel.request({ kind: "sampleLoad" });
    const { vmkernel: pid } = await host.pids();
    const pids = [pid, ...(await vmkernel.request({ kind: "listMonitors" })).map((monitor) => monitor.pid)];
    const usedMs = (of: readonly number[]) => of.reduce((sum, one) => sum + (readProcessLoad(one)?.processorMs ?? 0), 0);
    const during = async (deed: () => Promise<unknown>) => {
      const [before, vmkernelBefore, began] = [usedMs(pids), usedMs([pid]), performance.now()];
      await deed();
      return { usedMs: usedMs(pids) - before, ofVmkernelMs: usedMs([pid]) - vmkernelBefore, tookMs: performance.now() - began };
    };
    const sampling = await during(async () => {
      for (let sample = 0; sample < SAMPLES; sample += 1) await vmkernel.request({ kind: "sampleLoad" });
    });
    const idle = await during(() => new Promise((resolve) => setTimeout(resolve, sampling.tookMs)));
    const scaled = (ms: number): number => ((Math.max(0, ms) / SAMPLES) * VMS) / REAL_VMS;
    print("of that, vmkernel itself", `${scaled(sampling.ofVmkernelMs - idle.ofVmkernelMs).toFixed(1)} ms of a core`);
    const ofVmkernelMs = scaled(sampling.usedMs - idle.usedMs);
    const ofHostdMs = await hostdMs(monitors[0] as MonitorLoad, await vmkernel.request({ kind: "sampleLoad" }));
    const part = (ofVmkernelMs + ofHostdMs) / (INTERVAL_S * 1000);
    print(`one sample of ${VMS} VMs: vmkernel and monitors, of ${REAL_VMS} measured`, `${ofVmkernelMs.toFixed(1)} ms of a core`);
    print(`one sample of ${VMS} VMs: hostd`, `${ofHostdMs.toFixed(1)} ms of a core`);
    print(`all counters of ${VMS} VMs every ${INTERVAL_S} s (at most 1 %)`, `${(100 * part).toFixed(2)} % of a core`);
    for (const vm of vms) await client.call(vm, "TerminateVM", {});
  } finally {
    client.close();
    vmkernel.close();
    await host.stop();
  }
});

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
  for (let times = 0; times < SAMPLES; times += 1) await take();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / SAMPLES;
}
