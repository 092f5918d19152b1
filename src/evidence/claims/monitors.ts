/**
 * How each monitor is confined, read from outside. Pure.
 * Paper «Instruction Isolation»: only the VMM runs with privilege over its guest; here it has none over anything else.
 */
import type { DeviceSpec } from "../../vmkernel/index.ts";
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { Observation, ObservedMonitor } from "../observe.ts";
import { viewersOf } from "../viewers.ts";

const NO_MONITOR = "No VM is powered on, so there is no monitor to look at.";
/** Names in the root folder of a monitor: devices (null alone), libraries, QEMU and its firmware, an empty /tmp. */
const ROOT_ENTRIES: ReadonlySet<string> = new Set(["dev", "lib", "lib64", "tmp", "usr", "etc"]);

export function nameOf({ inspection, process }: ObservedMonitor): string {
  return `VM ${inspection.description.vm} (${inspection.description.name}), pid ${process.pid}`;
}

/** A property that a host may have been told to do without. */
function unlessWithheld(claim: string, look: (monitor: ObservedMonitor, observation: Observation) => readonly Look[]): Claim {
  const judge = (observation: Observation) =>
    judgeLooks(
      [...observation.monitors.flatMap((monitor) => look(monitor, observation)), ...unseen(observation)],
      NO_MONITOR,
      observation.weaknesses,
    );
  return { claim, heading: "Instruction Isolation", judge };
}

/** A monitor that could not be looked at is never taken for one that is as claimed. */
function unseen({ unseen: names }: Observation): readonly Look[] {
  return names.map((fact) => ({ fact: `could not be looked at: ${fact}`, holds: false }));
}

const ownUid: Claim = {
  claim: "Each monitor runs as a user of its own that nothing else on the machine runs as, and never as root.",
  heading: "Instruction Isolation",
  judge: (observation) =>
    judgeLooks(
      [
        ...observation.monitors.map((monitor) => {
          const { real, effective, saved, fileSystem } = monitor.process.uids;
          const ids = new Set([real, effective, saved, fileSystem]);
          const strangers = monitor.pidsOfUid.filter((pid) => !monitor.inspection.pids.includes(pid));
          const fact = `${nameOf(monitor)}: uid ${[...ids].join("/")}; other processes with it: ${strangers.join(", ") || "none"}`;
          return { fact, holds: ids.size === 1 && !ids.has(0) && strangers.length === 0 };
        }),
        ...unseen(observation),
      ],
      NO_MONITOR,
    ),
};

const noCapability: Claim = {
  claim: "No monitor holds or can regain any capability.",
  heading: "Instruction Isolation",
  judge: (observation) =>
    judgeLooks(
      [
        ...observation.monitors.map((monitor) => {
          const { capabilities, noNewPrivileges } = monitor.process;
          const held = Object.entries(capabilities).filter(([, set]) => !/^0+$/.test(set));
          const sets = held.map(([name, set]) => `${name} ${set}`).join(", ") || "all five sets empty";
          const fact = `${nameOf(monitor)}: ${sets}; no_new_privs ${noNewPrivileges ? 1 : 0}`;
          return { fact, holds: held.length === 0 && noNewPrivileges };
        }),
        ...unseen(observation),
      ],
      NO_MONITOR,
    ),
};

/** The sandbox's own, and QEMU's beneath it. */
const FILTERS = 2;

const seccomp = unlessWithheld(
  "Every thread of every monitor is under the sandbox's seccomp filter and QEMU's own.",
  (monitor, { withheld }) => {
    const bare = monitor.threads.filter(({ seccomp: mode }) => mode !== "filter");
    const filters = Math.min(...monitor.threads.map(({ seccompFilters }) => seccompFilters));
    const fact = `${nameOf(monitor)}: ${monitor.threads.length} threads, ${bare.length} without a filter, at least ${filters} filters each`;
    // Without walls there is nobody to put the outer filter on; QEMU's own is its to put on.
    const isWithheld = withheld.includes("seccomp") || (withheld.includes("mountNamespace") && bare.length === 0);
    return [{ fact, holds: monitor.threads.length > 0 && bare.length === 0 && filters >= FILTERS, isWithheld }];
  },
);

const OWN_NAMESPACES = [
  { kind: "user", feature: "userNamespace" },
  { kind: "pid", feature: "pidNamespace" },
  { kind: "mnt", feature: "mountNamespace" },
  { kind: "net", feature: "networkNamespace" },
  { kind: "ipc", feature: "ipcNamespace" },
  { kind: "uts", feature: "utsNamespace" },
] as const;

const ownNamespaces = unlessWithheld(
  "Each monitor has user, pid, mount, net, ipc and uts namespaces that neither the host nor another monitor is in.",
  (monitor, { hostNamespaces, monitors, withheld }) => {
    const found = OWN_NAMESPACES.map(({ kind, feature }) => {
      const own = monitor.process.namespaces[kind];
      const isShared =
        own === hostNamespaces[kind] || monitors.some((other) => other !== monitor && other.process.namespaces[kind] === own);
      return { name: `${kind}:[${own}]`, isShared, isWithheld: withheld.includes(feature) };
    });
    const shared = found.filter(({ isShared }) => isShared);
    const own = found.filter(({ isShared }) => !isShared);
    return [
      ...shared.map(({ name, isWithheld }) => ({ fact: `${nameOf(monitor)}: ${name} is shared`, holds: false, isWithheld })),
      ...(own.length > 0 ? [{ fact: `${nameOf(monitor)}: of its own ${own.map(({ name }) => name).join(" ")}`, holds: true }] : []),
    ];
  },
);

const emptyRoot = unlessWithheld(
  "Each monitor sees a root folder with its own program and libraries, and nothing of the host.",
  (monitor, { withheld }) => {
    const { rootEntries } = monitor.process;
    const strange = rootEntries.filter((name) => !ROOT_ENTRIES.has(name));
    const fact = `${nameOf(monitor)}: root holds ${rootEntries.join(" ")}`;
    return [{ fact, holds: strange.length === 0, isWithheld: withheld.includes("mountNamespace") }];
  },
);

/** A name is looked up from a folder: from its root, or from one that is open. */
const noPaths = unlessWithheld(
  "No monitor can name a file of a datastore, its own VM's or another's: no path leads there, and it holds no folder.",
  (monitor, { withheld }) => {
    const { reachable, process } = monitor;
    const folders = process.descriptors.filter(({ kind }) => kind === "folder").map(({ fd, target }) => `fd ${fd} ${target}`);
    const paths = `datastores that it reaches by a path: ${reachable.join(", ") || "none"}`;
    const fact = `${nameOf(monitor)}: ${paths}; open folders: ${folders.join(", ") || "none"}`;
    return [
      {
        fact,
        holds: reachable.length === 0 && folders.length === 0,
        isWithheld: folders.length === 0 && withheld.includes("mountNamespace"),
      },
    ];
  },
);

const ownCgroup = unlessWithheld("Each monitor and its sandbox are in a cgroup of their own.", (monitor, { monitors, withheld }) => {
  const path = monitor.process.cgroups.find(({ path: text }) => text.includes(`/vm-${monitor.inspection.description.vm}`))?.path;
  const others = monitors.filter((other) => other !== monitor && other.process.cgroups.some((group) => group.path === path));
  const isWithheld = withheld.includes("memoryCgroup") && withheld.includes("pidsCgroup");
  return [{ fact: `${nameOf(monitor)}: ${path ?? "no cgroup of its own"}`, holds: path !== undefined && others.length === 0, isWithheld }];
});

/** What a monitor may have open besides its VM's files. */
const HARMLESS_TARGETS = /^(\/dev\/null|anon_inode:\[(eventfd|eventpoll|signalfd|timerfd)\]|\/memfd:[^/]* \(deleted\)|pipe:\[\d+\])$/;
/** What is written to a disk that is independent_nonpersistent: there is no name by which anybody could open it. */
const UNNAMED_FILE = /\/#\d+ \(deleted\)$/;
const SOCKETS_OF_SERIAL_PORT = 3; // a listening socket, a connection and QEMU's duplicate
const CONTROL_SOCKETS_MAX = 8; // QMP and guest agent: each a listening socket, a connection and QEMU's duplicates
const VIEWERS_MAX = 40; // of a console, as many as vSphere lets look at a time

const ownDescriptors: Claim = {
  claim: "Each monitor has open the files of its own VM, its control sockets and its log, and nothing else.",
  heading: "Device Isolation",
  judge: (observation) => judgeLooks([...observation.monitors.flatMap(lookAtDescriptors), ...unseen(observation)], NO_MONITOR),
};

function lookAtDescriptors(monitor: ObservedMonitor): readonly Look[] {
  const own = new Map(monitor.attachments.map((attachment) => [attachment.id, attachment]));
  const looks: Look[] = [];
  let sockets = 0;
  const unnamed = new Set<string>();
  for (const { fd, target, kind, access, device, inode } of monitor.process.descriptors) {
    const attachment = own.get(`${device}:${inode}`);
    if (attachment !== undefined) {
      const holds = attachment.writable || access === "read";
      looks.push({ fact: `${nameOf(monitor)}: fd ${fd} is ${attachment.path}, ${access}`, holds });
    } else if (kind === "file" && access === "readWrite" && UNNAMED_FILE.test(target)) {
      unnamed.add(`${device}:${inode}`);
    } else if (kind === "socket") {
      sockets++;
    } else if (isOwnTap(fd, monitor)) {
      looks.push({ fact: `${nameOf(monitor)}: fd ${fd} is the tap of a port of its own`, holds: true });
    } else if (!HARMLESS_TARGETS.test(target) && !isOwnLog(monitor, target, access) && !isFirmware(target, access)) {
      looks.push({
        fact: `${nameOf(monitor)}: fd ${fd} is ${target} (${kind}, ${access}), which is not of its configuration`,
        holds: false,
      });
    }
  }
  const forgetful = monitor.inspection.machine.devices.filter(isForgetful).length;
  if (unnamed.size > 0) {
    const fact = `${nameOf(monitor)}: ${unnamed.size} files without a name, ${forgetful} disks that forget what is written to them`;
    looks.push({ fact, holds: unnamed.size <= forgetful });
  }
  // Its own word, so no more than hostd ever hands it.
  const viewers = Math.min(VIEWERS_MAX, viewersOf(monitor.inspection.qmp.vnc)?.families.length ?? 0);
  const socketsMax = CONTROL_SOCKETS_MAX + SOCKETS_OF_SERIAL_PORT * wiresOf(monitor).length + viewers;
  looks.push({ fact: `${nameOf(monitor)}: ${sockets} sockets, ${viewers} of them viewers of its console`, holds: sockets <= socketsMax });
  return looks;
}

const isForgetful = (device: DeviceSpec): boolean => device.kind === "disk" && device.mode === "independent_nonpersistent";

/** A tap is named after the VM and the key of its NIC. */
function isOwnTap(fd: number, { inspection: { machine }, taps }: ObservedMonitor): boolean {
  const tap = taps.find((held) => held.fd === fd);
  const nics = machine.devices.filter((device) => device.kind === "nic");
  return tap !== undefined && nics.some(({ key }) => tap.name === `v${machine.vm}n${key}`);
}

/** Where its serial ports lead that lead out of the host. */
function wiresOf({ inspection }: ObservedMonitor) {
  return inspection.machine.devices.flatMap((device) => (device.kind === "serial" && device.wire !== undefined ? [device.wire] : []));
}

/** A socket belongs to the network that it was made in, wherever its holder stands: it is found in the machine's own table. */
const ownPorts: Claim = {
  claim: "No monitor has a socket in the machine's network, but those of the serial ports that its VM is configured to listen with.",
  heading: "Device Isolation",
  judge: (observation) =>
    judgeLooks([...observation.monitors.flatMap((monitor) => lookAtPorts(monitor, observation)), ...unseen(observation)], NO_MONITOR),
};

function lookAtPorts(monitor: ObservedMonitor, { tcpSockets }: Observation): readonly Look[] {
  const configured = wiresOf(monitor).flatMap((wire) => (wire.kind === "listen" ? [wire.port] : []));
  const found = monitor.process.descriptors.flatMap(({ fd, target }) => {
    const inode = Number(/^socket:\[(\d+)\]$/.exec(target)?.[1]);
    const socket = tcpSockets.find((candidate) => candidate.inode === inode);
    return socket === undefined ? [] : [{ fd, port: socket.localPort }];
  });
  if (found.length === 0) return [{ fact: `${nameOf(monitor)}: no socket in the machine's network`, holds: true }];
  return found.map(({ fd, port }) => ({ fact: `${nameOf(monitor)}: fd ${fd} is at TCP port ${port}`, holds: configured.includes(port) }));
}

/** QEMU's messages go to a file in the VM's run-time folder, append-only. */
function isOwnLog(monitor: ObservedMonitor, target: string, access: string): boolean {
  return access === "write" && target.endsWith(`/monitors/${monitor.inspection.description.vm}/qemu.log`);
}

/** UEFI's code is one file for all VMs, which no monitor can write. */
function isFirmware(target: string, access: string): boolean {
  return access === "read" && target.startsWith("/usr/share/");
}

export const monitorClaims: readonly Claim[] = [
  ownUid,
  noCapability,
  seccomp,
  ownNamespaces,
  emptyRoot,
  noPaths,
  ownCgroup,
  ownDescriptors,
  ownPorts,
];
