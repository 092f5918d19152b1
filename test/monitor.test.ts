/** Paper «Secure Virtual Machine Isolation»: the monitor of a VM, from its start to its end, by a real vmkernel and a real guest. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { ConnectionLost, expectedDevices } from "../src/vmkernel/index.ts";
import { inDatastore, machineOf, sleep, TestKernel, until } from "./monitor.fixture.ts";

const isRoot = process.getuid?.() === 0;
const vm = (id: string) => id as VmId;

// One vmkernel and one guest, which the tests take from state to state in their order: a boot takes seconds without hardware virtualization.
let kernel: TestKernel;
const nic = { kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01" } as const;
const tools = { kind: "toolsChannel", key: 12000 } as const;

beforeAll(async () => {
  if (!isRoot) return;
  kernel = new TestKernel();
  await kernel.start();
});
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});
afterEach(async ({ task }) => {
  if (task.result?.state !== "fail") return;
  // What a guest was doing when it did not do what was waited for can't be seen afterwards.
  console.error(await kernel.describeState("1"));
});

test.skipIf(!isRoot)("a guest boots from the flat extent of its VMDK and its serial line grows", async () => {
  const machine = await kernel.makeGuest("1", {}, [nic, tools]);
  const description = await kernel.client.request({ kind: "powerOn", machine });
  expect(description).toMatchObject({ vm: "1", name: "guest 1", weaknesses: [], guest: { tools: "notRunning" } });
  expect(readFileSync(`/proc/${description.pid}/comm`, "utf8")).toMatch(/^qemu-system/);
  await until("the guest counts", () => kernel.tick("1") >= 2);
  expect(kernel.console("1")).toMatch(/flags=nx,smap,smep/);
});

test.skipIf(!isRoot)("the guest has the devices that were configured, and no more", async () => {
  const { machine, processors, qmp, pids } = await kernel.client.request({ kind: "inspectMonitor", vm: vm("1") });
  expect(processors).toEqual([{ socket: 0, core: 0, thread: 0, nx: true }]);
  const expected = expectedDevices(machine);
  const seenByGuest = /^GUEST-PCI (.*)$/m.exec(kernel.console("1"))?.[1]?.trim().split(" ");
  expect(seenByGuest?.sort()).toEqual(expected.pci.map(({ id }) => id).sort());
  const [bus] = qmp.pci as { devices: { slot: number; function: number; qdev_id: string; id: { vendor: number; device: number } }[] }[];
  const seenByHost = bus?.devices.map(({ slot, function: f, id }) => `${slot}.${f} ${hex(id.vendor)}:${hex(id.device)}`);
  expect(seenByHost?.sort()).toEqual(expected.pci.map(({ slot, function: f, id }) => `${slot}.${f} ${id}`).sort());
  expect((qmp.block as { qdev: string }[]).map(({ qdev }) => qdev)).toEqual(["dev2000"]);
  expect(pids.length).toBeGreaterThanOrEqual(1);
});

function hex(id: number): string {
  return id.toString(16).padStart(4, "0");
}

test.skipIf(!isRoot)(
  "the stacks on which QEMU serves its disks lie above the guest's memory, where nobody passes who looks for that",
  async () => {
    const [monitor] = await kernel.client.request({ kind: "listMonitors" });
    const [first] = await kernel.client.request({ kind: "mapMemory", vm: vm("1") });
    const mappings = readFileSync(`/proc/${monitor?.pid}/maps`, "utf8").split("\n");
    const stacks = mappings.map(rangeOf).filter(({ start, end }) => end - start === 2 ** 20);
    expect(stacks.length).toBeGreaterThan(10);
    const guestStart = first?.hostStart ?? 0;
    expect(stacks.filter(({ start }) => start < guestStart).length).toBeLessThan(0.2 * stacks.length);
    expect(mappings.filter((mapping) => rangeOf(mapping).start < guestStart).length).toBeLessThan(100);
  },
);

function rangeOf(mapping: string): { readonly start: number; readonly end: number } {
  const [start = "", end = ""] = mapping.split(" ")[0]?.split("-") ?? [];
  return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) };
}

test.skipIf(!isRoot)("what the guest's agent says is heard", async () => {
  await until("an event", () => kernel.events.some((event) => event.kind === "guestChanged" && event.guest.tools === "running"));
  const [monitor] = await kernel.client.request({ kind: "listMonitors" });
  expect(monitor?.guest).toMatchObject({ tools: "running", hostName: "bulkhead-guest", nics: [{ mac: nic.mac }] });
});

test.skipIf(!isRoot)("a VM that runs is not started again, also when it is asked for twice at once", async () => {
  const again = [1, 2].map(() => kernel.client.request({ kind: "powerOn", machine: machineOf("1") }));
  for (const answer of await Promise.allSettled(again)) {
    expect(answer).toMatchObject({ status: "rejected", reason: { fault: "InvalidPowerState", fields: { existingState: "poweredOn" } } });
  }
});

test.skipIf(!isRoot)("a second VM does not get the disk that the first one writes", async () => {
  const thief = machineOf("2", { devices: machineOf("1").devices.filter(({ kind }) => kind !== "serial") });
  await expect(kernel.client.request({ kind: "powerOn", machine: thief })).rejects.toMatchObject({
    fault: "FileLocked",
    message: expect.stringContaining("disk-flat.vmdk"),
  });
  expect(kernel.runFolders()).toEqual(["1"]);
});

test.skipIf(!isRoot)("a monitor that does not come up leaves nothing, and its complaint is in the fault", async () => {
  // A stream that is no saved guest: QEMU refuses it after it has started, which is as late as a start can fail.
  await kernel.client.request({ kind: "makeFolder", folder: inDatastore("3") });
  writeFileSync(kernel.hostPath("3/broken.vmss"), "not a saved guest".repeat(1000));
  const machine = machineOf("3", { devices: [], resumeFrom: inDatastore("3/broken.vmss") });
  await expect(kernel.client.request({ kind: "powerOn", machine })).rejects.toMatchObject({ fault: "GenericVmConfigFault" });
  expect(kernel.runFolders()).toEqual(["1"]);
  expect(kernel.processes("3")).toEqual([]);
});

test.skipIf(!isRoot)("the guest outlives a vmkernel that is killed, and the next one takes it up", async () => {
  const [before] = await kernel.client.request({ kind: "listMonitors" });
  const tick = kernel.tick("1");
  let reconnected = 0;
  const stop = kernel.client.onReconnect(() => {
    reconnected += 1;
  });
  await kernel.kill("SIGKILL");
  await until("the guest counts on by itself", () => kernel.tick("1") >= tick + 2);
  const { tookMs } = await kernel.start();
  const [after] = await kernel.client.request({ kind: "listMonitors" });
  stop();
  expect(after).toMatchObject({ vm: "1", pid: before?.pid, uid: before?.uid, startedAtMs: before?.startedAtMs });
  expect(reconnected).toBe(1);
  expect(tookMs).toBeLessThan(10_000);
  await until("its agent is heard again", async () => {
    const [monitor] = await kernel.client.request({ kind: "listMonitors" });
    return monitor?.guest.tools === "running";
  });
});

test.skipIf(!isRoot)("a second vmkernel of the same host is refused while the first one runs", async () => {
  const first = kernel.process;
  const second = new TestKernel(kernel.paths.root);
  await expect(second.start()).rejects.toThrow(/runs for .* already/);
  expect(first.exitCode).toBeNull();
  expect(await kernel.client.request({ kind: "listMonitors" })).toHaveLength(1);
});

test.skipIf(!isRoot)("a request made while vmkernel is away is answered when it is back", async () => {
  await kernel.kill("SIGKILL");
  const held = kernel.runningVms();
  await kernel.start();
  expect(await held).toEqual(["1"]);
});

test.skipIf(!isRoot)(
  "a suspend that vmkernel's death interrupts is called off, or whole; its client is told that nobody knows",
  async () => {
    const to = inDatastore("1/interrupted.vmss");
    const answer = kernel.client.request({ kind: "suspend", vm: vm("1"), to }).catch((error: unknown) => error);
    await until("it is being written", () => phaseOf("1") !== "running", 5000, 1);
    await kernel.kill("SIGKILL");
    const wasFaster = (await answer) === null; // it was suspended when the kill came: that was its answer
    if (!wasFaster) expect(await answer).toBeInstanceOf(ConnectionLost);
    await kernel.start();
    const isRunning = (await kernel.runningVms()).includes("1");
    expect(existsSync(kernel.hostPath("1/interrupted.vmss"))).toBe(!isRunning);
    if (!isRunning) await kernel.client.request({ kind: "powerOn", machine: machineOf("1", { resumeFrom: to }, [nic, tools]) });
    const tick = kernel.tick("1");
    await until("it counts on", () => kernel.tick("1") > tick);
    expect(kernel.console("1").match(/GUEST-UP/g)).toHaveLength(1);
  },
);

function phaseOf(id: string): unknown {
  try {
    return JSON.parse(readFileSync(join(kernel.paths.monitors, id, "monitor.json"), "utf8")).phase.kind;
  } catch {
    return undefined; // gone: the suspend was faster than us
  }
}

test.skipIf(!isRoot)("a start that is cut short anywhere leaves a VM that runs, or nothing of it", async () => {
  const machine = machineOf("4", { devices: [tools] });
  for (const delayMs of [0, 2, 5, 10, 20, 35, 50, 70, 90, 120]) {
    const asked = kernel.client.request({ kind: "powerOn", machine }).then(
      () => "on",
      (error: unknown) => error,
    );
    await sleep(delayMs);
    await kernel.kill("SIGKILL");
    const answer = await asked;
    await kernel.start();
    const running = await kernel.runningVms();
    expect(running).toContain("1");
    expect(kernel.runFolders().sort()).toEqual([...running].sort());
    expect(kernel.processes("4").length > 0).toBe(running.includes("4"));
    if (answer === "on") expect(running).toContain("4");
    if (running.includes("4")) await kernel.client.request({ kind: "powerOff", vm: vm("4") });
  }
});

test.skipIf(!isRoot)("a folder without a process, or with a damaged record, is forgotten", async () => {
  await kernel.kill("SIGKILL");
  const record = readFileSync(join(kernel.paths.monitors, "1/monitor.json"), "utf8");
  for (const [id, text] of Object.entries({ 41: record.replace('"vm":"1"', '"vm":"41"'), 42: "{" })) {
    mkdirSync(join(kernel.paths.monitors, id));
    writeFileSync(join(kernel.paths.monitors, id, "monitor.json"), text);
  }
  await kernel.start();
  expect(kernel.runFolders()).toEqual(["1"]);
  expect(await kernel.runningVms()).toEqual(["1"]);
});

test.skipIf(!isRoot)("a reset boots the guest anew in the same monitor", async () => {
  const [before] = await kernel.client.request({ kind: "listMonitors" });
  const lines = kernel.console("1").length;
  await kernel.client.request({ kind: "reset", vm: vm("1") });
  await until("it boots", () => kernel.console("1").slice(lines).includes("GUEST-UP"));
  await until("it counts", () => /tick 2/.test(kernel.console("1").slice(lines)));
  const [after] = await kernel.client.request({ kind: "listMonitors" });
  expect(after?.pid).toBe(before?.pid);
});

test.skipIf(!isRoot)("a guest whose memory does not fit on the datastore runs on, and nothing of it stays there", async () => {
  const small = join(kernel.paths.volumes, "small");
  mkdirSync(small);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", small]);
  try {
    const to = { datastore: "small", path: "guest.vmss" };
    await expect(kernel.client.request({ kind: "suspend", vm: vm("1"), to })).rejects.toMatchObject({ fault: "GenericVmConfigFault" });
    expect(existsSync(join(small, "guest.vmss"))).toBe(false);
    const tick = kernel.tick("1");
    await until("it counts on", () => kernel.tick("1") > tick);
    expect(phaseOf("1")).toBe("running");
  } finally {
    execFileSync("umount", [small]);
    rmdirSync(small);
  }
});

test.skipIf(!isRoot)("a suspend does not overwrite what is there", async () => {
  const taken = inDatastore("1/disk.vmdk");
  await expect(kernel.client.request({ kind: "suspend", vm: vm("1"), to: taken })).rejects.toMatchObject({ fault: "FileAlreadyExists" });
  expect(existsSync(kernel.hostPath("1/disk.vmdk"))).toBe(true);
});

test.skipIf(!isRoot)("a suspended guest goes on where it was", async () => {
  const to = inDatastore("1/guest.vmss");
  await kernel.client.request({ kind: "suspend", vm: vm("1"), to });
  expect(await kernel.client.request({ kind: "listMonitors" })).toEqual([]);
  expect(kernel.events.at(-1)).toMatchObject({ kind: "monitorEnded", vm: "1", because: "suspended" });
  expect(kernel.processes()).toEqual([]);
  const tick = kernel.tick("1");
  const boots = kernel.console("1").match(/GUEST-UP/g)?.length;
  await kernel.client.request({ kind: "powerOn", machine: machineOf("1", { resumeFrom: to }, [nic, tools]) });
  await until("it counts on", () => kernel.tick("1") > tick);
  expect(kernel.tick("1")).toBeLessThanOrEqual(tick + 3);
  expect(kernel.console("1").match(/GUEST-UP/g)?.length).toBe(boots);
});

test.skipIf(!isRoot)("a VM with NVMe is not suspended, by the name of the device, and runs on", async () => {
  const machine = machineOf("5", { devices: [{ kind: "nvme", key: 31000, bus: 0 }] });
  await kernel.client.request({ kind: "powerOn", machine });
  await expect(kernel.client.request({ kind: "suspend", vm: vm("5"), to: inDatastore("5.vmss") })).rejects.toMatchObject({
    fault: "DeviceNotSupported",
    fields: { device: "nvme 31000" },
  });
  expect(existsSync(kernel.hostPath("5.vmss"))).toBe(false);
  await kernel.client.request({ kind: "powerOff", vm: vm("5") });
  await expect(kernel.client.request({ kind: "powerOff", vm: vm("5") })).rejects.toMatchObject({ fault: "InvalidPowerState" });
  expect(kernel.runFolders()).toEqual(["1"]);
});

test.skipIf(!isRoot)("a monitor that dies is reported as crashed, and its VM starts again", async () => {
  const [monitor] = await kernel.client.request({ kind: "listMonitors" });
  process.kill(monitor?.pid ?? 0, "SIGKILL");
  await until("its end is told", () => kernel.events.some((event) => event.kind === "monitorEnded" && event.because === "crashed"));
  expect(await kernel.client.request({ kind: "listMonitors" })).toEqual([]);
  expect(kernel.runFolders()).toEqual([]);
  await kernel.client.request({ kind: "powerOn", machine: machineOf("1", {}, [nic, tools]) });
});

test.skipIf(!isRoot)("a guest that is asked to shut down does, and its end is told as its own", async () => {
  await until("its agent answers", async () => {
    const [monitor] = await kernel.client.request({ kind: "listMonitors" });
    return monitor?.guest.tools === "running";
  });
  await kernel.client.request({ kind: "shutdownGuest", vm: vm("1") });
  await until("it is off", () => kernel.events.some((event) => event.kind === "monitorEnded" && event.because === "guestShutdown"));
  expect(kernel.processes()).toEqual([]);
});
