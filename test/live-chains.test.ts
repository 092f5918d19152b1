/**
 * Snapshots of a guest that writes all the time: every write that it was told of is there afterwards, whatever was put on top of its
 * disk or into what lies below meanwhile, and whoever was killed over it.
 */
import { openSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import type { DeviceSpec, MachineSpec } from "../src/vmkernel/index.ts";
import { inDatastore, sleep, TestKernel, until } from "./monitor.fixture.ts";
import { diskInGuest } from "./vm.ts";

const isRoot = process.getuid?.() === 0;
const vm = "1" as VmId;
const MIB = 1024 * 1024;
const GUEST_MS = 120_000;
const LOGIN = { user: "root", password: "Guest-Root-1" };
const SLOTS = 1024;
/** Numbers, one after another, each in a block of its own and on the disk before the console tells of it. */
const WRITER = `i=0
disk=${diskInGuest(1)}
test -b $disk || exit 1
while :; do
  i=$((i + 1))
  printf '%016d' $i | dd of=$disk bs=4096 seek=$((i % ${SLOTS} * 8)) conv=notrunc,fsync 2> /dev/null || exit 1
  echo "wrote $i" > /dev/ttyS0
done`;
let kernel: TestKernel;
let machine: MachineSpec;

const disk = (name: string): DeviceSpec => ({
  kind: "disk",
  key: 2001,
  controllerKey: 1000,
  unit: 1,
  descriptor: inDatastore(`1/${name}.vmdk`),
  mode: "persistent",
});
const withDisk = (name: string): MachineSpec => ({
  ...machine,
  devices: machine.devices.map((device) => (device.key === 2001 ? disk(name) : device)),
});
const written = (): number =>
  Number(
    kernel
      .console("1")
      .match(/wrote (\d+)/g)
      ?.at(-1)
      ?.slice("wrote ".length) ?? 0,
  );

beforeAll(async () => {
  if (!isRoot) return;
  kernel = new TestKernel();
  await kernel.start();
  machine = await kernel.makeGuest("1", {}, [disk("data"), { kind: "toolsChannel", key: 12000 }]);
  await kernel.client.request({
    kind: "createDisk",
    descriptor: inDatastore("1/data.vmdk"),
    disk: { capacityBytes: 64 * MIB, provisioning: "thin", adapterType: "lsilogic", uuid: `6000c29${"d".repeat(25)}` },
  });
  await kernel.client.request({ kind: "powerOn", machine });
  await until("the guest's agent answers", async () => (await guest())?.tools === "running", GUEST_MS);
  await kernel.client.request({ kind: "startInGuest", vm, login: LOGIN, script: startScript(WRITER), commandLine: "writer" });
  await until("the guest writes", () => written() > 3, GUEST_MS);
}, 2 * GUEST_MS);
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});

const guest = async () => (await kernel.client.request({ kind: "listMonitors" })).find((monitor) => monitor.vm === vm)?.guest;
const startScript = (script: string): string => `(\n${script}\n) > /dev/null 2>&1 3>&- &\necho "pid $! 0" >&3`;

async function snapshot(below: string, top: string, memory?: string): Promise<void> {
  await kernel.client.request({
    kind: "createChildDisk",
    descriptor: inDatastore(`1/${top}.vmdk`),
    parent: inDatastore(`1/${below}.vmdk`),
    vm,
  });
  const to = withDisk(top);
  await kernel.client.request({ kind: "snapshotMonitor", machine: to, ...(memory !== undefined && { memory: inDatastore(memory) }) });
  machine = to;
}
const commit = (name: string) => kernel.client.request({ kind: "commitDisk", descriptor: inDatastore(`1/${name}.vmdk`), vm });
const grow = (name: string, sizeMib: number) =>
  kernel.client.request({ kind: "growDisk", vm, descriptor: inDatastore(`1/${name}.vmdk`), capacityBytes: sizeMib * MIB });
const drop = (name: string) => kernel.client.request({ kind: "deleteDisk", descriptor: inDatastore(`1/${name}.vmdk`) });
/** How the monitor has the disk's files open. */
function access(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pid of kernel.processes("1")) {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const name = /\/1\/(data.*)$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1] ?? "", 8);
      if (name !== undefined) found[name] = found[name] === "write" || (flags & 3) !== 0 ? "write" : "read";
    }
  }
  return found;
}
async function writesOn(): Promise<void> {
  const before = written();
  await until("the guest writes on", () => written() > before + 1, GUEST_MS);
}

test.runIf(isRoot)(
  "a disk goes on in a child while it is written; what lies below is open to read alone",
  { timeout: GUEST_MS },
  async () => {
    await snapshot("data", "data-000001");
    await writesOn();
    expect(access()).toEqual({ "data-flat.vmdk": "read", "data-000001-delta.vmdk": "write" });
    expect(() => openSync(kernel.hostPath("1/data-flat.vmdk"), "r+")).toThrow();
    await snapshot("data-000001", "data-000002");
    await snapshot("data-000002", "data-000003");
    await writesOn();
    expect(Object.values(access()).filter((mode) => mode === "write")).toHaveLength(1);
    await expect(
      kernel.client.request({ kind: "createChildDisk", descriptor: inDatastore("1/x.vmdk"), parent: inDatastore("1/data-000003.vmdk") }),
    ).rejects.toMatchObject({ fault: "FileLocked" });
    await expect(grow("data-000003", 80)).rejects.toMatchObject({ fault: "InvalidState" });
  },
);

test.runIf(isRoot)(
  "one in the middle, then one at the bottom, is put into its parent while the guest writes",
  { timeout: GUEST_MS },
  async () => {
    await commit("data-000002");
    await drop("data-000002");
    await writesOn();
    await commit("data-000001");
    await drop("data-000001");
    await writesOn();
    expect(access()).toEqual({ "data-flat.vmdk": "read", "data-000003-delta.vmdk": "write" });
  },
);

test.runIf(isRoot)(
  "vmkernel dies over it: the next one knows what the guest has, and goes on from there",
  { timeout: 2 * GUEST_MS },
  async () => {
    await snapshot("data-000003", "data-000004");
    const dying = commit("data-000004").catch(() => {});
    await sleep(Math.random() * 100);
    await kernel.kill("SIGKILL");
    await dying;
    await kernel.start();
    await writesOn();
    const inspection = await kernel.client.request({ kind: "inspectMonitor", vm });
    machine = inspection.machine;
    await commit("data-000004");
    await drop("data-000004").catch(() => {});
    await writesOn();
    machine = (await kernel.client.request({ kind: "inspectMonitor", vm })).machine;
    expect(access()).toEqual({ "data-flat.vmdk": "read", "data-000003-delta.vmdk": "write" });
  },
);

test.runIf(isRoot)(
  "its memory is kept with it, of the moment at which its disk went on in another file",
  { timeout: GUEST_MS },
  async () => {
    await snapshot("data-000003", "data-000005", "1/memory.vmem");
    expect(statSync(kernel.hostPath("1/memory.vmem")).size).toBeGreaterThan(16 * MIB);
    await writesOn();
  },
);

test.runIf(isRoot)(
  "every write that the guest was told of is there when all is one disk again, and it grows",
  { timeout: GUEST_MS },
  async () => {
    await commit("data-000003");
    await drop("data-000003");
    await commit("data-000005");
    await drop("data-000005");
    machine = (await kernel.client.request({ kind: "inspectMonitor", vm })).machine;
    expect(machine.devices.find(({ key }) => key === 2001)).toEqual(disk("data"));
    await writesOn();
    expect(access()).toEqual({ "data-flat.vmdk": "write" });
    expect(await grow("data", 80)).toMatchObject({ capacityBytes: 80 * MIB });
    await writesOn();
    expect(access()).toEqual({ "data-flat.vmdk": "write" });
    await kernel.client.request({ kind: "powerOff", vm });
    const last = written();
    const bytes = readFileSync(kernel.hostPath("1/data-flat.vmdk"));
    const numbers = Array.from({ length: Math.min(last, SLOTS - 1) }, (_, index) => last - index);
    const found = numbers.map((number) => {
      const at = (number % SLOTS) * 8 * 4096;
      return bytes.subarray(at, at + 16).toString();
    });
    expect(found).toEqual(numbers.map((number) => String(number).padStart(16, "0")));
    expect(
      readdirSync(kernel.hostPath("1"))
        .filter((name) => name.startsWith("data"))
        .sort(),
    ).toEqual(["data-flat.vmdk", "data.vmdk"]);
  },
);
