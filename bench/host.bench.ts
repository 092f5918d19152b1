/**
 * Measures the host against its peers, side by side in one run, and prints the ratios: `npm run bench`. Nothing is asserted: a
 * figure is one of this machine on this day.
 * Everything that is compared is measured in turns, so that what else the machine does meets both alike.
 */
import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { datastoreText, installGuestImage, sleep, startHost, type TestHost, waitFor } from "../test/harness.ts";
import { bootableSpec, createVm, lastTick, succeeded } from "../test/vm.ts";
import { type CommandLine, commandLineOf, pssKiB, startBare } from "./bare-qemu.ts";
import { median, print } from "./figures.ts";

const ROUNDS = 9;
const NAME = "bench";
const POLL_MS = 1;

test("figures of a host", { timeout: 1_200_000 }, async () => {
  await benchStart();
  const host = await startHost();
  try {
    const client = await host.login();
    const vm = await createVm(client, bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`)));
    await benchIdle(host);
    const line = await learnCommandLine(host, client, vm);
    await benchPowerOn(host, client, vm, line);
    await benchMemory(host, client, vm, line);
    client.close();
  } finally {
    await host.stop();
  }
});

const serialLog = (host: TestHost): string => join(hostPaths(host.root).volumes, "datastore1", NAME, "console.log");

/** From the order to start to an answering API, with everything already on the disk and in its cache. */
async function benchStart(): Promise<void> {
  const first = await startHost();
  await first.stop(true);
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    const host = await startHost({ root: first.root });
    times.push(host.startedInMs);
    await host.stop(round < 2);
  }
  const [cold, warm] = [first.startedInMs, median(times)];
  print("start of the host, warm (limit 2000 ms)", `${warm.toFixed(0)} ms  (the very first: ${cold.toFixed(0)} ms)`);
}

async function benchIdle(host: TestHost): Promise<void> {
  await sleep(5000);
  const { hostd, vmkernel } = await host.pids();
  const [own, agent] = [pssKiB(vmkernel) / 1024, pssKiB(hostd) / 1024];
  print("idle memory of vmkernel and hostd (limit 150 MB)", `${(own + agent).toFixed(0)} MiB (${own.toFixed(0)} + ${agent.toFixed(0)})`);
}

async function learnCommandLine(host: TestHost, client: VimClient, vm: MoRef): Promise<CommandLine> {
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  const disk = join(hostPaths(host.root).volumes, "datastore1/images", `${NAME}-boot-flat.vmdk`);
  const line = commandLineOf(await monitorPid(host), { serialLog: serialLog(host), disk });
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  return line;
}

/** To the guest's first byte on its serial port. */
async function benchPowerOn(host: TestHost, client: VimClient, vm: MoRef, line: CommandLine): Promise<void> {
  const [api, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    truncateSync(serialLog(host), 0);
    let started = performance.now();
    const task = await client.call(vm, "PowerOnVM_Task", {});
    api.push((await firstByte(host)) - started);
    await succeeded(client, task);
    await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));

    truncateSync(serialLog(host), 0);
    started = performance.now();
    const { stop } = startBare(line);
    bare.push((await firstByte(host)) - started);
    await stop();
  }
  const [a, b] = [median(api), median(bare)];
  print(
    "power-on to first serial byte, API : bare QEMU (limit 1.10)",
    `${(a / b).toFixed(3)}  (${a.toFixed(0)} : ${b.toFixed(0)} ms, median of ${ROUNDS})`,
  );
}

async function firstByte(host: TestHost): Promise<number> {
  await waitFor(() => statSync(serialLog(host)).size > 0, 60_000, POLL_MS);
  return performance.now();
}

/** Of everything that runs for the VM, after the guest has booted. */
async function benchMemory(host: TestHost, client: VimClient, vm: MoRef, line: CommandLine): Promise<void> {
  const [confined, bare]: [number[], number[]] = [[], []];
  const booted = () => waitFor(async () => lastTick(await datastoreText(host, `${NAME}/console.log`)) >= 3, 120_000);
  for (let round = 0; round < 3; round++) {
    truncateSync(serialLog(host), 0);
    await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
    await booted();
    confined.push((await monitorPids(host)).reduce((sum, pid) => sum + pssKiB(pid), 0));
    await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));

    truncateSync(serialLog(host), 0);
    const { child, stop } = startBare(line);
    await booted();
    bare.push(pssKiB(child.pid ?? 0));
    await stop();
  }
  const [a, b] = [median(confined), median(bare)];
  print(
    "memory of a VM's monitor, confined : bare QEMU (limit 1.02)",
    `${(a / b).toFixed(3)}  (${(a / 1024).toFixed(0)} : ${(b / 1024).toFixed(0)} MiB PSS, sandbox processes included)`,
  );
}

async function monitorPids(host: TestHost): Promise<readonly number[]> {
  const client = await host.vmkernel();
  try {
    const [monitor] = await client.request({ kind: "listMonitors" });
    return monitor === undefined ? [] : (await client.request({ kind: "inspectMonitor", vm: monitor.vm })).pids;
  } finally {
    client.close();
  }
}

async function monitorPid(host: TestHost): Promise<number> {
  return (await monitorPids(host)).at(-1) ?? 0;
}
