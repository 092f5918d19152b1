/**
 * Measures the API of a host with a thousand VMs: `npm run bench`. Nothing is asserted: a figure is one of this machine on this day.
 * Where there is a Go, govmomi's simulator answers the same bytes in the same run, in turns. It is no hypervisor: it holds its
 * inventory in memory, asks nobody who may read it, and starts nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { test } from "vitest";
import type { MoRef, PropertyFilterSpec, SelectionSpec } from "../src/wire/index.ts";
import { installFromGo } from "../test/go.ts";
import { freePort, PASSWORD, sleep, startHost, type TestHost, waitFor } from "../test/harness.ts";
import { ended, ROOT_POOL, read, succeeded, VM_FOLDER } from "../test/vm.ts";
import { pssKiB } from "./bare-qemu.ts";
import { median, print } from "./figures.ts";
import { RawClient } from "./raw-client.ts";

const VMS = 1000;
const SESSIONS = 50;
const ROUNDS = 30;
const EVENTS = 15;
const POWER_ONS = 50;
const SIDE_BY_SIDE = 8;
const PEER_START_MS = 300_000; // it makes its VMs before it answers
const COLLECTOR = { type: "PropertyCollector", value: "ha-property-collector" } as const;

test("figures of an API with a thousand VMs", { timeout: 2_400_000 }, async () => {
  const host = await startHost();
  print("load of this machine (processes, over a minute)", `${(loadavg()[0] ?? 0).toFixed(1)} on ${availableParallelism()} processors`);
  try {
    const vms = await makeVms(host);
    await benchRetrieve(host);
    await benchMemory(host);
    await benchLatency(host, vms[0] ?? VM_FOLDER);
    await benchPowerOns(host, vms.slice(0, POWER_ONS));
  } finally {
    await host.stop();
  }
});

/** VMs without a disk: none of them has to boot. */
async function makeVms(host: TestHost): Promise<readonly MoRef<"VirtualMachine">[]> {
  await using client = await host.login();
  const started = performance.now();
  const vms: MoRef<"VirtualMachine">[] = [];
  const worker = async (): Promise<void> => {
    for (let n = vms.push({ type: "VirtualMachine", value: "" }); n <= VMS; n = vms.push({ type: "VirtualMachine", value: "" })) {
      const config = { name: `vm-${n}`, guestId: "otherLinux64Guest", memoryMB: 32, files: { vmPathName: "[datastore1]" } };
      const task = await client.call(VM_FOLDER, "CreateVM_Task", { config, pool: ROOT_POOL });
      vms[n - 1] = (await succeeded(client, task)) as MoRef<"VirtualMachine">;
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  print(`${VMS} VMs made by CreateVM_Task, ${SIDE_BY_SIDE} at a time`, `${((performance.now() - started) / VMS).toFixed(1)} ms each`);
  return vms.slice(0, VMS);
}

const allVms = (...pathSet: readonly string[]): PropertyFilterSpec => ({
  propSet: [{ type: "VirtualMachine", pathSet }],
  objectSet: [
    { obj: VM_FOLDER, skip: true, selectSet: [{ $type: "TraversalSpec", type: "Folder", path: "childEntity" } as SelectionSpec] },
  ],
});

async function benchRetrieve(host: TestHost): Promise<void> {
  const specSet = [allVms("name", "runtime.powerState")];
  const request = { method: "RetrievePropertiesEx", thisRef: COLLECTOR, args: { specSet, options: {} } };
  const peer = await startPeer();
  const [ours, theirs]: [number[], number[]] = [[], []];
  using client = await RawClient.login(host.port, PASSWORD);
  const other = peer === undefined ? undefined : await RawClient.login(peer.port, PASSWORD);
  const time = async (by: RawClient): Promise<number> => {
    const started = performance.now();
    const body = await by.call(request);
    const tookMs = performance.now() - started;
    const objects = body.toString().split("<objects>").length - 1;
    if (objects !== VMS) throw new Error(`the answer has ${objects} VMs`);
    return tookMs;
  };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await time(client));
      if (other !== undefined) theirs.push(await time(other));
    }
  } finally {
    other?.[Symbol.dispose]();
    await peer?.stop();
  }
  const [a, b] = [median(ours), median(theirs)];
  const beside = peer === undefined ? "" : `, vcsim ${b.toFixed(1)} ms, ratio ${(a / b).toFixed(2)}`;
  print(`name and power state of ${VMS} VMs (limit 60 ms)`, `${a.toFixed(1)} ms  (first ${ours[0]?.toFixed(1)}${beside})`);
}

/** govmomi's simulator of an ESXi host with as many VMs, or undefined where it can't be had. */
async function startPeer(): Promise<{ readonly port: number; stop(): Promise<void> } | undefined> {
  const vcsim = await installFromGo("vcsim");
  if ("because" in vcsim) {
    print("vcsim cannot be had on this machine", vcsim.because);
    return undefined;
  }
  const port = await freePort();
  const args = ["-esx", "-vm", String(VMS), "-l", `127.0.0.1:${port}`, "-username", "root", "-password", PASSWORD];
  const child: ChildProcess = spawn(vcsim.path, args, { stdio: "ignore" });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const answers = (): Promise<boolean> =>
    RawClient.login(port, PASSWORD).then(
      (client) => {
        client[Symbol.dispose]();
        return true;
      },
      () => false,
    );
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  try {
    await waitFor(answers, PEER_START_MS);
    return { port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With sessions that each watch all VMs and have been told of them. */
async function benchMemory(host: TestHost): Promise<void> {
  const { hostd } = await host.pids();
  const before = pssKiB(hostd) / 1024;
  const clients: RawClient[] = [];
  for (let index = 0; index < SESSIONS; index++) {
    const client = await RawClient.login(host.port, PASSWORD);
    clients.push(client);
    const spec = allVms("name", "runtime.powerState");
    await client.call({ method: "CreateFilter", thisRef: COLLECTOR, args: { spec, partialUpdates: false } });
    const options = { maxWaitSeconds: 0, maxObjectUpdates: VMS };
    await client.call({ method: "WaitForUpdatesEx", thisRef: COLLECTOR, args: { version: "", options } });
  }
  const busy = pssKiB(hostd) / 1024;
  await sleep(20_000); // until what the requests left behind has been collected
  const idle = pssKiB(hostd) / 1024;
  print(
    `hostd with ${VMS} VMs and ${SESSIONS} sessions with filters (limit 150 MB)`,
    `${idle.toFixed(0)} MiB PSS  (right after: ${busy.toFixed(0)}; without the sessions: ${before.toFixed(0)})`,
  );
  for (const client of clients) {
    await client.call({ method: "Logout", thisRef: { type: "SessionManager", value: "ha-sessionmgr" }, args: {} });
    client[Symbol.dispose]();
  }
}

/** From the death of a monitor, and from vmkernel's word of it, to the client that waits for its VM's power state. */
async function benchLatency(host: TestHost, vm: MoRef): Promise<void> {
  await using client = await host.login();
  const vmkernel = await host.vmkernel();
  let eventAt = 0;
  vmkernel.onEvent((event) => {
    if (event.kind === "monitorEnded") eventAt = performance.now();
  });
  const [fromDeath, fromEvent]: [number[], number[]] = [[], []];
  const collector = await client.call(COLLECTOR, "CreatePropertyCollector", {});
  const spec = { propSet: [{ type: "VirtualMachine", pathSet: ["runtime.powerState"] }], objectSet: [{ obj: vm }] };
  await client.call(collector, "CreateFilter", { spec, partialUpdates: false });
  for (let round = 0; round < EVENTS; round++) {
    await succeeded(client, await client.call(vm as MoRef<"VirtualMachine">, "PowerOnVM_Task", {}));
    const [monitor] = await vmkernel.request({ kind: "listMonitors" });
    if (monitor === undefined) throw new Error("nothing runs");
    const known = await client.call(collector, "WaitForUpdatesEx", { version: "", options: { maxWaitSeconds: 0 } });
    const told = client.call(collector, "WaitForUpdatesEx", { version: known?.version ?? "", options: { maxWaitSeconds: 60 } });
    await sleep(50); // until it waits
    const qemu = (await vmkernel.request({ kind: "inspectMonitor", vm: monitor.vm })).pids.at(-1);
    const started = performance.now();
    process.kill(qemu ?? 0, "SIGKILL");
    await told;
    const now = performance.now();
    fromDeath.push(now - started);
    fromEvent.push(now - eventAt);
    await waitFor(async () => (await read(client, vm, "runtime.powerState")) === "poweredOff", 10_000, 10);
  }
  await client.call(collector, "DestroyPropertyCollector", {});
  vmkernel.close();
  print(
    "event of a monitor to WaitForUpdatesEx's client (limit 10 ms)",
    `${median(fromEvent).toFixed(1)} ms from vmkernel's event, ${median(fromDeath).toFixed(1)} ms from the kill of QEMU (median of ${EVENTS})`,
  );
}

async function benchPowerOns(host: TestHost, vms: readonly MoRef<"VirtualMachine">[]): Promise<void> {
  await using client = await host.login();
  const started = performance.now();
  const tasks = await Promise.all(vms.map((vm) => client.call(vm, "PowerOnVM_Task", {})));
  const askedMs = performance.now() - started;
  const ends = await Promise.all(tasks.map((task) => ended(client, task)));
  const tookMs = performance.now() - started;
  const succeededCount = ends.filter(({ state }) => state === "success").length;
  const states = await Promise.all(vms.map((vm) => read(client, vm, "runtime.powerState")));
  const poweredOn = states.filter((state) => state === "poweredOn").length;
  const vmkernel = await host.vmkernel();
  const monitors = await vmkernel.request({ kind: "listMonitors" });
  vmkernel.close();
  const running = monitors.filter(({ vm, pid }) => vms.some(({ value }) => value === vm) && existsSync(`/proc/${pid}`)).length;
  print(
    `${vms.length} power-ons at once`,
    `${succeededCount} succeeded, ${poweredOn} powered on, ${running} monitors run, in ${(tookMs / 1000).toFixed(1)} s  (asked for within ${askedMs.toFixed(0)} ms)`,
  );
  for (const { error } of ends) if (error !== undefined) print("  failed", error.localizedMessage ?? "");
  await Promise.all(vms.map(async (vm) => ended(client, await client.call(vm, "PowerOffVM_Task", {}))));
}
