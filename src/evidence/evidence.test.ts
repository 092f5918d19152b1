import { spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type { VmId } from "../base/index.ts";
import { describeProcess, fileIdentity, listenTcp, namespacesOf, tcpSockets } from "../system/index.ts";
import type { MachineSpec, MonitorInspection } from "../vmkernel/index.ts";
import { formatEvidence, judge, summarize } from "./index.ts";
import { machineWith } from "./machine.fixture.ts";
import { datastoresSeenBy, type Observation, observeDisks, observeMonitor, observeParents } from "./observe.ts";

/**
 * Each property is broken on purpose with a real process in the place of a monitor: one that is root, holds capabilities, has no
 * seccomp filter, shares the host's namespaces and root folder, and has a stranger's file open.
 */
const folder = mkdtempSync(join(tmpdir(), "evidence-"));
const started: ReturnType<typeof spawn>[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** A process that waits, with a file open as its descriptor 3. */
async function waitingProcess(file: string, flags: string): Promise<number> {
  const fd = openSync(file, flags);
  const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", fd] });
  closeSync(fd);
  started.push(child);
  await new Promise((resolve) => child.once("spawn", resolve));
  return child.pid ?? 0;
}

const machine = machineWith();

function inspectionOf(pid: number, vm = "1"): MonitorInspection {
  const description = {
    vm: vm as VmId,
    name: `impostor ${vm}`,
    home: machine.home,
    pid,
    uid: process.getuid?.() ?? 0,
    startedAtMs: 0,
    accelerator: "tcg" as const,
    weaknesses: [],
    guest: { tools: "notRunning" as const },
    disconnected: [],
  };
  return {
    description,
    pids: [pid],
    machine,
    processors: [{ socket: 0, core: 0, thread: 0, nx: true }],
    isToBeApart: false,
    balloonedBytes: 0,
    qmp: { processors: [], pci: [], block: [], chardev: [], vnc: [], qtree: "" },
  };
}

const NO_MEMORY: Observation["memory"] = { owners: [], doubled: [], randomization: "2" };

function observation(monitors: Observation["monitors"], withheld: Observation["withheld"] = []): Observation {
  return {
    parents: [],
    disks: [],
    reservations: [],
    withheld,
    weaknesses: withheld.map((feature) => `this machine has no ${feature}`),
    accelerator: { kind: "tcg", because: "" },
    hostNamespaces: namespacesOf("self"),
    management: undefined,
    monitors,
    cores: [[0]],
    memory: NO_MEMORY,
    tcpSockets: tcpSockets(),
    unseen: [],
    hostd: undefined,
    datastoresOfHostd: [],
    vmkernel: undefined,
    network: undefined,
    firewall: undefined,
    door: undefined,
  };
}

const verdicts = (observed: Observation) => Object.fromEntries(judge(observed).map(({ claim, verdict }) => [claim, verdict]));

const secret = join(folder, "secret");
writeFileSync(secret, "another VM's");

describe("an unconfined process in the place of a monitor", () => {
  test.each([
    ["Each monitor runs as a user of its own that nothing else on the machine runs as, and never as root."],
    ["No monitor holds or can regain any capability."],
    ["Every thread of every monitor is under the sandbox's seccomp filter and QEMU's own."],
    ["Each monitor has user, pid, mount, net, ipc and uts namespaces that neither the host nor another monitor is in."],
    ["Each monitor sees a root folder with its own program and libraries, and nothing of the host."],
    ["Each monitor and its sandbox are in a cgroup of their own."],
    ["Each monitor has open the files of its own VM, its control sockets and its log, and nothing else."],
    ["The devices in each guest are the devices configured, and no more."],
  ])("turns red: %s", async (claim) => {
    const pid = await waitingProcess(secret, "r");
    expect(verdicts(observation([observeMonitor(inspectionOf(pid), [])]))[claim]).toBe("fail");
  });

  test("is named with its pid and the file that it has open", async () => {
    const pid = await waitingProcess(secret, "r");
    const text = formatEvidence(judge(observation([observeMonitor(inspectionOf(pid), [])])));
    expect(text).toContain(`pid ${pid}: fd 3 is ${secret} (file, read), which is not of its configuration`);
  });
});

test("a monitor with a socket in the machine's network turns red, unless it is that of a serial port of its VM", async () => {
  const claim = "No monitor has a socket in the machine's network, but those of the serial ports that its VM is configured to listen with.";
  const fd = listenTcp("127.0.0.1", 0);
  const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", fd] });
  started.push(child);
  await new Promise((resolve) => child.once("spawn", resolve));
  const inode = Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]);
  const port = tcpSockets().find((socket) => socket.inode === inode)?.localPort ?? 0;
  const inspection = inspectionOf(child.pid ?? 0);
  expect(verdicts(observation([observeMonitor(inspection, [])]))[claim]).toBe("fail");
  const wire = { kind: "listen", host: "127.0.0.1", port, telnet: false } as const;
  const configured = { ...inspection, machine: machineWith({ kind: "serial", key: 9000, unit: 0, wire }) };
  expect(verdicts(observation([observeMonitor(configured, [])]))[claim]).toBe("pass");
  closeSync(fd);
});

test("a file without a name turns red, unless it is what a disk of the VM that forgets is written to", async () => {
  const claim = "Each monitor has open the files of its own VM, its control sockets and its log, and nothing else.";
  const at = mkdtempSync(join(folder, "unnamed-"));
  // as open(2) with O_TMPFILE shows itself: no name was ever there
  const fd = openSync(at, constants.O_RDWR | 0o20200000);
  const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", fd] });
  started.push(child);
  await new Promise((resolve) => child.once("spawn", resolve));
  closeSync(fd);
  const inspection = inspectionOf(child.pid ?? 0);
  const look = (mode: "persistent" | "independent_nonpersistent") =>
    observeMonitor(
      {
        ...inspection,
        machine: machineWith({
          kind: "disk",
          key: 2000,
          controllerKey: 1000,
          unit: 0,
          descriptor: { datastore: "d", path: "v/d.vmdk" },
          mode,
        }),
      },
      [],
    );
  expect(verdicts(observation([look("persistent")]))[claim]).toBe("fail");
  expect(verdicts(observation([look("independent_nonpersistent")]))[claim]).toBe("pass");
});

const nxClaim = "Each guest can mark memory as not to be run (NX), unless its VM's configuration hides that from it.";

test.each<[string, MonitorInspection["processors"], Partial<MachineSpec>, string]>([
  ["two cores with NX", [cpu(0, 0, 0), cpu(0, 1, 0)], {}, "pass"],
  ["one CPU of two without NX", [cpu(0, 0, 0), cpu(0, 1, 0, false)], {}, "fail"],
  ["NX that its configuration hides", [cpu(0, 0, 0, false)], { cpuMask: [{ feature: "nx", shown: false }] }, "pass"],
  ["NX that its configuration wants shown", [cpu(0, 0, 0, false)], { cpuMask: [{ feature: "nx", shown: true }] }, "fail"],
  ["no CPU that could be looked at", [], {}, "fail"],
])("a guest that is shown %s", (_, processors, settings, nx) => {
  const inspection = inspectionOf(process.pid);
  const found = verdicts(observation([observeMonitor({ ...inspection, processors, machine: { ...machine, ...settings } }, [])]));
  expect(found[nxClaim]).toBe(nx);
});

function cpu(socket: number, core: number, thread: number, nx = true) {
  return { socket, core, thread, nx };
}

const oneDoor =
  "A guest's console is reached through the host's own door: its monitor listens for no viewer and has only those it was handed.";

function consoleVerdict(pid: number, vnc: unknown) {
  const inspection = inspectionOf(pid);
  return verdicts(observation([observeMonitor({ ...inspection, qmp: { ...inspection.qmp, vnc } }, [])]))[oneDoor];
}

test.each<[string, unknown, string]>([
  ["no viewer", [{ server: [], clients: [] }], "pass"],
  ["viewers that it was handed", [{ server: [], clients: [{ family: "unix" }, { family: "unix" }] }], "pass"],
  ["a viewer from the network", [{ server: [], clients: [{ family: "unix" }, { family: "ipv4", host: "10.0.0.9" }] }], "fail"],
  ["an address that it listens at", [{ server: [{ host: "0.0.0.0", service: "5900", family: "ipv4" }], clients: [] }], "fail"],
  ["another form than QEMU's", { server: [] }, "fail"],
  ["nothing", undefined, "fail"],
  ["clients that are none", [{ server: [], clients: "many" }], "fail"],
])("a monitor that tells of %s: %s", async (_, vnc, verdict) => {
  expect(consoleVerdict(await waitingProcess("/dev/null", "r"), vnc)).toBe(verdict);
});

const apart = "No two running VMs hold a descriptor of the same writable file.";

test("two monitors that have one file open for writing turn red, under whatever name they opened it", async () => {
  const disk = join(folder, "disk-flat.vmdk");
  writeFileSync(disk, "");
  const monitors = [];
  for (const vm of ["1", "2"]) monitors.push(observeMonitor(inspectionOf(await waitingProcess(disk, "r+"), vm), []));
  expect(verdicts(observation(monitors))[apart]).toBe("fail");
});

test("two monitors that only read one file, or write files of their own, do not", async () => {
  const [image, one, two] = ["image.iso", "one", "two"].map((name) => join(folder, name)) as [string, string, string];
  for (const file of [image, one, two]) writeFileSync(file, "");
  const readers = [];
  for (const vm of ["1", "2"]) readers.push(observeMonitor(inspectionOf(await waitingProcess(image, "r"), vm), []));
  const writers = [];
  for (const file of [one, two]) writers.push(observeMonitor(inspectionOf(await waitingProcess(file, "r+"), file), []));
  expect(verdicts(observation(readers))[apart]).not.toBe("fail");
  expect(verdicts(observation(writers))[apart]).toBe("pass");
});

test("without a VM nothing is shown, and nothing is called passed", () => {
  const evidence = judge(observation([]));
  expect(evidence.every(({ verdict }) => verdict === "not shown")).toBe(true);
  expect(summarize(evidence)).toMatch(/: 0 pass, 0 fail, \d+ not shown$/);
});

/** What each claim says of an unconfined process on a machine that withholds something of isolation. */
async function verdictsWithout(...withheld: Observation["withheld"]) {
  const pid = await waitingProcess(secret, "r");
  return verdicts({ ...observation([observeMonitor(inspectionOf(pid), [])], withheld), hostd: describeProcess(pid) });
}

test("what the machine withholds counts as not shown and says why; what it does not withhold still fails", async () => {
  const pid = await waitingProcess(secret, "r");
  const observed = observation([observeMonitor(inspectionOf(pid), [])], ["mountNamespace"]);
  const root = judge(observed).find(({ claim }) => claim.startsWith("Each monitor sees a root folder"));
  expect(root?.verdict).toBe("not shown");
  expect(root?.facts[0]).toContain("no mountNamespace");
  expect(verdicts(observed)["No monitor holds or can regain any capability."]).toBe("fail");
});

test.each<[Observation["withheld"][number], string]>([
  ["bpf", "Each monitor has user, pid, mount, net, ipc and uts namespaces that neither the host nor another monitor is in."],
  ["pidNamespace", "Each monitor has user, pid, mount, net, ipc and uts namespaces that neither the host nor another monitor is in."],
  ["pidNamespace", "Each monitor sees a root folder with its own program and libraries, and nothing of the host."],
  ["memoryCgroup", "Each monitor and its sandbox are in a cgroup of their own."],
  ["mountNamespace", "Every thread of every monitor is under the sandbox's seccomp filter and QEMU's own."],
  ["userNamespace", "The host agent can answer on the socket that it was given and reach no network itself."],
])("a machine without %s is no excuse for this: %s", async (feature, claim) => {
  expect((await verdictsWithout(feature))[claim]).toBe("fail");
});

test.each<[Observation["withheld"], string]>([
  [["memoryCgroup", "pidsCgroup"], "Each monitor and its sandbox are in a cgroup of their own."],
  [["seccomp"], "Every thread of every monitor is under the sandbox's seccomp filter and QEMU's own."],
  [["networkNamespace"], "The host agent can answer on the socket that it was given and reach no network itself."],
  [["rootMountNamespace"], "The host agent can answer on the socket that it was given and reach no network itself."],
])("a machine without %s is: %s", async (withheld, claim) => {
  expect((await verdictsWithout(...withheld))[claim]).toBe("not shown");
});

test.each([
  ["The host agent, which parses what clients send, is not root and holds no capability."],
  ["The host agent can answer on the socket that it was given and reach no network itself."],
])("an unconfined process in the place of the host agent turns red: %s", async (claim) => {
  expect((await verdictsWithout())[claim]).toBe("fail");
});

test("a monitor that could not be looked at fails what is claimed of every monitor", () => {
  const observed = { ...observation([]), unseen: ["VM 7 (gone)"] };
  expect(verdicts(observed)["No monitor holds or can regain any capability."]).toBe("fail");
});

test.each([
  ["that a path leads to a datastore", "r", true],
  ["that holds a folder of one, though no path leads there", "r", false],
])("a host agent %s turns the claim red", async (_, flags, isReachable) => {
  const claim =
    "No path leads the host agent to a datastore, and it holds no folder of one: it has the files that it was passed, while it has them.";
  const pid = await waitingProcess(isReachable ? secret : folder, flags);
  const seen = datastoresSeenBy(pid, [{ root: folder }]);
  expect(seen).toEqual([{ root: folder, isReachable: true }]);
  const observed = { ...observation([]), hostd: describeProcess(pid), datastoresOfHostd: [{ root: folder, isReachable }] };
  expect(verdicts(observed)[claim]).toBe("fail");
});

test("a host agent that was passed a file keeps the claim", async () => {
  const pid = await waitingProcess(secret, "r");
  const observed = {
    ...observation([]),
    hostd: describeProcess(pid),
    datastoresOfHostd: datastoresSeenBy(pid, [{ root: `${folder}-other` }]),
  };
  expect(judge(observed).find(({ claim }) => claim.startsWith("No path leads"))).toMatchObject({ verdict: "pass" });
});

const held =
  "Each disk that a running VM writes is open for writing in its own monitor and in no other process, which holds the lock of it.";

test("a disk that a second process could write, or that is not locked, turns red", async () => {
  const file = join(folder, "held-flat.vmdk");
  writeFileSync(file, "");
  const attachment = { id: fileIdentity(file) ?? "", path: "[ds] held.vmdk", writable: true, isDisk: true };
  const child = spawn("flock", ["--no-fork", file, "sleep", "60"], { stdio: "ignore" });
  started.push(child);
  await new Promise((resolve) => setTimeout(resolve, 300));
  // flock(1) opens it to read; the open file that it locked is looked at as if it were the monitor's.
  const seen = observeMonitor(inspectionOf(child.pid ?? 0), [attachment]);
  const process = {
    ...seen.process,
    descriptors: seen.process.descriptors.map((one) => (one.lock === undefined ? one : { ...one, access: "readWrite" as const })),
  };
  const monitor = { ...seen, process };
  expect(verdicts({ ...observation([monitor]), disks: observeDisks([monitor]) })[held]).toBe("pass");
  const unlocked = observeMonitor(inspectionOf(await waitingProcess(file, "r+")), [attachment]);
  expect(verdicts({ ...observation([unlocked]), disks: observeDisks([unlocked]) })[held]).toBe("fail");
  expect(verdicts({ ...observation([monitor]), disks: observeDisks([monitor]) })[held]).toBe("fail"); // the other has it open
});

const paths = "No monitor can name a file of a datastore, its own VM's or another's: no path leads there, and it holds no folder.";

test.each<[string, boolean, () => string]>([
  ["that a path leads to a datastore", true, () => "/dev/null"],
  ["that holds a folder", false, () => folder],
])("a monitor %s turns red: it could name another VM's files", async (_, isReachable, open) => {
  const pid = await waitingProcess(open(), "r");
  const seen = observeMonitor(inspectionOf(pid), [], { roots: isReachable ? [folder] : [] });
  expect(verdicts(observation([seen]))[paths]).toBe("fail");
});

test("a disk that others descend from, and that some process could write, is told of with the process", async () => {
  const file = join(folder, "parent");
  writeFileSync(file, "");
  const attachment = { id: fileIdentity(file) ?? "", path: "[ds] golden.vmdk", writable: false, isDisk: true };
  const claim = "No process of the machine can write a disk that others descend from: a snapshot's, or the parent of linked clones.";
  await waitingProcess(file, "r");
  expect(verdicts({ ...observation([]), parents: observeParents([{ attachments: [attachment] }]) })[claim]).toBe("pass");
  const writer = await waitingProcess(file, "r+");
  const parents = observeParents([{ attachments: [attachment] }]);
  expect(parents).toEqual([{ id: attachment.id, path: attachment.path, writers: [writer] }]);
  expect(verdicts({ ...observation([]), parents })[claim]).toBe("fail");
});
