/** A running guest's machine changes: what it is given it finds, what is taken it loses, and vmkernel's own death in between loses nothing. */
import { closeSync, readdirSync, readFileSync, readlinkSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { compareDevices } from "../src/evidence/compare-devices.ts";
import { mapLookup, mapUpdate, openPinned } from "../src/system/index.ts";
import type { DeviceSpec, MachineSpec } from "../src/vmkernel/index.ts";
import { readConnection, writeConnection } from "../src/vmkernel/network/carried-connections.ts";
import { CONNECTION_BYTES, FLOW_BYTES } from "../src/vmkernel/network/compile/firewall/places.ts";
import { DISK_BYTES, inDatastore, machineOf, sleep, TestKernel, until } from "./monitor.fixture.ts";
import { makeGroup, makeSwitch } from "./switch-model/build-network.ts";

const isRoot = process.getuid?.() === 0;
const vm = "1" as VmId;
const MIB = 1024 * 1024;
const GUEST_MS = 90_000;
let kernel: TestKernel;
let machine: MachineSpec;

const ide: DeviceSpec = { kind: "ide", key: 201, bus: 1 };
const cdrom = { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0 } as const satisfies DeviceSpec;
const disk = {
  kind: "disk",
  key: 2001,
  controllerKey: 1000,
  unit: 1,
  descriptor: inDatastore("1/data.vmdk"),
  mode: "persistent",
} as const satisfies DeviceSpec;
const nic = { kind: "nic", key: 4001, model: "vmxnet3", mac: "00:0c:29:00:00:02", connected: true } as const satisfies DeviceSpec;

const usb: readonly DeviceSpec[] = [
  { kind: "xhci", key: 14000 },
  { kind: "usb", key: 7000, model: "uhci" },
];

beforeAll(async () => {
  if (!isRoot) return;
  kernel = new TestKernel();
  await kernel.start();
  // Linux sets 64 MB aside on a machine whose memory can grow over 4 GB, as all memory that comes later does.
  const room = { memoryMiB: 256, vcpusMax: 2, memoryHotAdd: { maxMiB: 512, addedMiB: [] } };
  machine = await kernel.makeGuest("1", room, [ide, cdrom]);
  await kernel.client.request({
    kind: "createDisk",
    descriptor: disk.descriptor,
    disk: { capacityBytes: 8 * MIB, provisioning: "thin", adapterType: "lsilogic", uuid: `6000c29${"d".repeat(25)}` },
  });
  writeFileSync(kernel.hostPath("1/first.iso"), Buffer.alloc(2 * MIB));
  writeFileSync(kernel.hostPath("1/held.iso"), Buffer.alloc(4 * MIB, "HOLD\n"));
  await kernel.client.request({ kind: "powerOn", machine });
  await until("the guest counts", () => kernel.tick("1") >= 1, GUEST_MS);
});
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});

async function change(to: MachineSpec): Promise<void> {
  await kernel.client.request({ kind: "changeMonitor", machine: to });
  machine = to;
}
const withDevices = (...devices: readonly DeviceSpec[]): MachineSpec => {
  const keys = devices.map(({ key }) => key);
  return { ...machine, devices: [...machine.devices.filter(({ key }) => !keys.includes(key)), ...devices] };
};
const without = (...keys: readonly number[]): MachineSpec => ({
  ...machine,
  devices: machine.devices.filter(({ key }) => !keys.includes(key)),
});

/** The guest's last line of that kind. */
const lastLine = (kind: string): string =>
  kernel
    .console("1")
    .split("\n")
    .filter((line) => new RegExp(`^GUEST-${kind}\\b`).test(line))
    .at(-1)
    ?.trim() ?? "";
const guestSays = (kind: string, text: string | RegExp) =>
  until(
    `GUEST-${kind} says ${text}`,
    () => (typeof text === "string" ? lastLine(kind).includes(text) : text.test(lastLine(kind))),
    GUEST_MS,
  );

/** That the monitor is what its record says, and holds no file beside. */
async function expectWhole(expected = machine): Promise<void> {
  const { machine: recorded, qmp, description } = await kernel.client.request({ kind: "inspectMonitor", vm });
  expect(recorded).toEqual(expected);
  expect(compareDevices(recorded, qmp)).toMatchObject({ missing: [], surplus: [] });
  const open = openFiles(description.pid);
  const held = expected.devices.flatMap((device) => ("image" in device && device.image ? [device.image.path] : []));
  expect([...new Set(open.filter((path) => path.endsWith(".iso")))].sort()).toEqual(held.map((path) => kernel.hostPath(path)).sort());
  const hasData = expected.devices.some(({ key }) => key === disk.key);
  expect(open.some((path) => path.endsWith("data-flat.vmdk"))).toBe(hasData);
}

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

test.skipIf(!isRoot)("a guest finds the disk, NIC, CD, USB controllers, processor and memory that it is given while it runs", async () => {
  await expectWhole();
  const grown = { ...withDevices(disk, nic, ...usb, { ...cdrom, image: inDatastore("1/first.iso") }), vcpus: 2 };
  await change({ ...grown, memoryMiB: 384, memoryHotAdd: { maxMiB: 512, addedMiB: [128] } });
  await guestSays("BLOCK", `sdb=${8 * MIB}`);
  await guestSays("BLOCK", `sr0=${2 * MIB}`);
  await guestSays("NIC", "00:0c:29:00:00:02");
  await guestSays("LINK", /=1$/);
  await guestSays("ONLINE", /cpus=0-1 memory-kib=2\d{5}/);
  await expectWhole();
});

const portOf = async ({ key }: DeviceSpec) => {
  const { switches, unattached = [] } = await kernel.client.request({ kind: "describeNetwork" });
  const ports = [...switches.flatMap((one) => one.ports), ...unattached];
  return ports.find(({ connectee }) => connectee.kind === "virtualMachine" && connectee.key === key);
};
const timesSaid = (kind: string) => kernel.console("1").split(`GUEST-${kind}`).length;

test.skipIf(!isRoot)("a NIC goes from nowhere to a port group, to another and out again, and its guest does not lose it", async () => {
  const groups = ["red", "blue"].map((name) => makeGroup(name, 0));
  await kernel.client.request({ kind: "configureNetwork", network: { switches: [makeSwitch({ groups })] } });
  const before = timesSaid("NIC");
  const found: unknown[] = [];
  for (const network of [undefined, "red", "blue", undefined]) {
    await change(withDevices({ ...nic, ...(network && { network }) }));
    const port = await portOf(nic);
    found.push([port?.portGroup, port?.blockedBecause]);
  }
  const nowhere = ["", "Its adapter names no network."];
  expect(found).toEqual([nowhere, ["red", undefined], ["blue", undefined], nowhere]);
  expect(timesSaid("NIC")).toBe(before);
  await expectWhole();
});

test.skipIf(!isRoot)("a port knows the groups that its guest's virtio adapter asks for, and of no other model's", async () => {
  const virtio = { kind: "nic", key: 4002, model: "virtio", mac: "00:0c:29:00:00:04", connected: true, network: "red" } as const;
  await change(withDevices({ ...nic, network: "red" }, virtio));
  // Of all hosts: Linux asks for it with each interface that is up.
  const asks = async () => (await portOf(virtio))?.groups?.multicast.includes("01:00:5e:00:00:01") === true;
  await until("the guest's driver has asked for a group", asks, GUEST_MS);
  expect((await portOf(virtio))?.programs.map(({ units }) => units.filter((unit) => unit.startsWith("groups")).length)).toEqual([0, 1]);
  expect((await portOf(nic))?.groups).toBeUndefined();
  await change(without(virtio.key));
  await change(withDevices(nic));
});

test.skipIf(!isRoot)("a guest sees the cable of its NIC unplugged and plugged in", async () => {
  await change(withDevices({ kind: "nic", key: 4001, model: "vmxnet3", mac: nic.mac }));
  await guestSays("LINK", /=0$/);
  await change(withDevices(nic));
  await guestSays("LINK", /=1$/);
});

async function isDriveLocked(): Promise<boolean> {
  const { qmp } = await kernel.client.request({ kind: "inspectMonitor", vm });
  return (qmp.block as { qdev: string; locked: boolean }[]).some(({ qdev, locked }) => qdev === "dev3002" && locked);
}

test.skipIf(!isRoot)("a CD that the guest keeps open is not taken from it, and nothing else changes either", async () => {
  await change(withDevices({ ...cdrom, image: inDatastore("1/held.iso") }));
  await guestSays("BLOCK", `sr0=${4 * MIB}`);
  await until("the guest has locked the drive", isDriveLocked, GUEST_MS);
  const refused = change({ ...without(disk.key, cdrom.key), devices: [...without(disk.key, cdrom.key).devices, cdrom] });
  await expect(refused).rejects.toMatchObject({ fault: "ResourceInUse", fields: { name: "cdrom 3002" } });
  await guestSays("BLOCK", `sdb=${8 * MIB}`);
  await expectWhole();
});

test.skipIf(!isRoot)("a vmkernel that is killed in the middle of a change finds what is really there", async () => {
  const wanted = without(nic.key, disk.key);
  const interrupted = kernel.client.request({ kind: "changeMonitor", machine: wanted });
  interrupted.catch(() => {}); // the connection breaks: that is meant
  await new Promise((resolve) => setTimeout(resolve, 30));
  await kernel.kill("SIGKILL");
  await kernel.start();
  const { machine: found } = await kernel.client.request({ kind: "inspectMonitor", vm });
  await expectWhole(found);
  await change(wanted);
  await until("the guest has lost its disk", () => !lastLine("BLOCK").includes("sdb="), GUEST_MS);
  await guestSays("NIC", /^GUEST-NIC$/);
  await expectWhole();
});

test.skipIf(!isRoot)(
  "a vmkernel that is killed while a disk grows leaves it as it was or grown, and its guest sees what there is",
  async () => {
    const shown = async () => {
      const { qmp } = await kernel.client.request({ kind: "inspectMonitor", vm });
      const disks = qmp.block as { qdev: string; inserted?: { image?: { "virtual-size"?: number } } }[];
      return disks.find(({ qdev }) => qdev === "dev2000")?.inserted?.image?.["virtual-size"];
    };
    const descriptor = inDatastore("1/disk.vmdk");
    let size = DISK_BYTES;
    for (const afterMs of [2, 8, 14, 20, 40]) {
      kernel.client.request({ kind: "growDisk", vm, descriptor, capacityBytes: size + MIB }).catch(() => {}); // the connection breaks
      await sleep(afterMs);
      await kernel.kill("SIGKILL");
      await kernel.start();
      const { capacityBytes } = await kernel.client.request({ kind: "describeDisk", descriptor });
      expect([size, size + MIB]).toContain(capacityBytes);
      expect([await shown(), statSync(kernel.hostPath("1/disk-flat.vmdk")).size]).toEqual([capacityBytes, capacityBytes]);
      size = capacityBytes;
    }
    await kernel.client.request({ kind: "growDisk", vm, descriptor, capacityBytes: size + MIB });
    expect(await shown()).toBe(size + MIB);
    // As it is left by a kill after the file has grown, and after the descriptor says so.
    const [flat, text] = ["1/disk-flat.vmdk", "1/disk.vmdk"].map((name) => kernel.hostPath(name)) as [string, string];
    for (const saysSo of [false, true]) {
      await kernel.kill("SIGKILL");
      truncateSync(flat, size + 2 * MIB);
      if (saysSo) writeFileSync(text, readFileSync(text, "utf8").replace(/^RW \d+/m, `RW ${(size + 2 * MIB) / 512}`));
      await kernel.start();
      const there = saysSo ? size + 2 * MIB : size + MIB;
      expect([await shown(), statSync(flat).size]).toEqual([there, there]);
    }
  },
);

/** The connections that a port's firewall remembers, as they are pinned. */
function connectionsOf({ key }: DeviceSpec): number {
  return openPinned(join(kernel.paths.network, "bpf", "ports", `v1n${key}`, "connections"));
}

const FLOW = Buffer.alloc(FLOW_BYTES, 7);
const HOUR_NS = 3600n * 1_000_000_000n;

/** Of an hour, in a port that has begun anew. */
function remainingOf(device: DeviceSpec): bigint {
  const carried = connectionsOf(device);
  const value = mapLookup(carried, FLOW, CONNECTION_BYTES) ?? Buffer.alloc(CONNECTION_BYTES);
  closeSync(carried);
  return readConnection(FLOW, value, process.hrtime.bigint())?.remainingNs ?? 0n;
}

test.skipIf(!isRoot)(
  "a guest that has grown is suspended and goes on with all that it has, what its firewall let through too; from a snapshot likewise",
  async () => {
    const firewall = { rules: [{ direction: "out", action: "allow" }], otherwise: "deny" } as const;
    await change(withDevices({ ...nic, network: "red", firewall }));
    const known = connectionsOf(nic);
    mapUpdate(known, FLOW, writeConnection({ flow: FLOW, remainingNs: HOUR_NS, timeoutNs: 12n * HOUR_NS }, process.hrtime.bigint()));
    closeSync(known);
    const [suspended, snapshot] = [inDatastore("1/memory.vmss"), inDatastore("1/snapshot.vmem")];
    await kernel.client.request({ kind: "suspend", vm, to: suspended });
    const before = kernel.tick("1");
    const resumeFrom = async (memory: typeof suspended) => {
      await kernel.client.request({ kind: "powerOn", machine: { ...machine, resumeFrom: memory } });
      await until("it counts on", () => kernel.tick("1") > before + 1, GUEST_MS);
      const left = remainingOf(nic);
      expect(left > HOUR_NS / 2n && left < HOUR_NS, `${left} ns are left of an hour`).toBe(true);
    };
    await resumeFrom(suspended);
    expect(lastLine("ONLINE")).toMatch(/cpus=0-1 memory-kib=2\d{5}/);
    await kernel.client.request({ kind: "snapshotMonitor", machine, memory: snapshot });
    await kernel.client.request({ kind: "powerOff", vm });
    await resumeFrom(snapshot);
    await kernel.client.request({ kind: "powerOff", vm });
  },
);

test.skipIf(!isRoot)("a guest that does not let go of its NIC keeps it, also when it lets go later", async () => {
  const firmwareAlone = machineOf("2", { devices: [nic] }); // nobody is there to answer
  await kernel.client.request({ kind: "makeFolder", folder: inDatastore("2") });
  await kernel.client.request({ kind: "powerOn", machine: firmwareAlone });
  const refused = kernel.client.request({ kind: "changeMonitor", machine: { ...firmwareAlone, devices: [] } });
  await expect(refused).rejects.toMatchObject({ fault: "ResourceInUse", fields: { type: "nic", name: "nic 4001" } });
  // QEMU ends a removal that the guest has not answered at the next reset.
  await kernel.client.request({ kind: "reset", vm: "2" as VmId });
  await sleep(1000); // by then it has gone
  await until("the NIC is there, and was put back", async () => {
    const { machine: recorded, qmp } = await kernel.client.request({ kind: "inspectMonitor", vm: "2" as VmId });
    const { missing, surplus } = compareDevices(recorded, qmp);
    return missing.length + surplus.length === 0 && recorded.devices.some(({ key }) => key === nic.key);
  });
  await kernel.client.request({ kind: "powerOff", vm: "2" as VmId });
});
