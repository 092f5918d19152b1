/** What VMs share of a core, and what guests are shown as processors. Pure. Paper «Instruction Isolation», «Memory Protection» (NX/XD). */
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { Observation, ObservedMonitor } from "../observe.ts";

const NO_MONITOR = "No VM is powered on, so there are no virtual processors to look at.";
const NAMED_MAX = 20; // pairs in the facts

const nameOf = ({ inspection: { description } }: ObservedMonitor): string => `VM ${description.vm} (${description.name})`;

const apart: Claim = {
  claim: "Two VMs never run on the threads of one core at the same time, where that is not to be.",
  heading: "Instruction Isolation",
  judge(observation) {
    const looks = coreLooks(observation);
    const finding = judgeLooks([...looks, ...unseenLooks(observation)], NO_MONITOR);
    const mayMeet = meetings(observation).filter(({ isAllowed }) => isAllowed);
    if (finding.verdict !== "pass" || mayMeet.length === 0) return finding;
    // Nobody asked for it, so nothing is broken; and it is not so.
    const facts = mayMeet
      .slice(0, NAMED_MAX)
      .map(({ fact }) => `${fact}: VMkernel.Boot.hyperthreadingMitigation is off, and htSharing any`);
    return { verdict: "not shown", facts: [...facts, ...finding.facts] };
  },
};

function coreLooks(observation: Observation): readonly Look[] {
  const { monitors, cores } = observation;
  const threads = Math.max(0, ...cores.map(({ length }) => length));
  const taken = meetings(observation).filter(({ isAllowed }) => !isAllowed);
  const shown = `The machine shows ${cores.length} cores of ${threads === 1 ? "one thread each" : `up to ${threads} threads`}: ${cores.map((core) => core.join("+")).join(" ")}`;
  return [
    ...taken.slice(0, NAMED_MAX).map(({ fact }) => ({ fact, holds: false })),
    ...monitors.map((monitor) => ({ fact: `${nameOf(monitor)}: ${placeOf(monitor)}; ${shown}`, holds: true })),
  ];
}

function placeOf({ processors: { numbers, groups } }: ObservedMonitor): string {
  const group = groups.filter((one) => one !== "0").join(" ");
  return `on processors ${numbers.join(" ")}${group === "" ? "" : `, in core scheduling group ${group}`}`;
}

interface Meeting {
  readonly fact: string;
  /** Neither is configured to be apart from others. */
  readonly isAllowed: boolean;
}

/** Pairs of VMs of which one can run on a thread of a core while the other is on another thread of it. */
function meetings({ monitors, cores }: Observation): readonly Meeting[] {
  const found = new Map<string, Meeting>();
  for (const core of cores.filter(({ length }) => length > 1)) {
    const here = monitors.filter(({ processors: { numbers } }) => core.some((thread) => numbers.includes(thread)));
    for (const [index, one] of here.entries()) {
      for (const other of here.slice(index + 1)) {
        if (!canMeet(one, other, core)) continue;
        const fact = `${nameOf(one)} and ${nameOf(other)} can run on threads ${core.join(" and ")} of one core at the same time`;
        const isAllowed = !one.inspection.isToBeApart && !other.inspection.isToBeApart;
        const key = `${one.inspection.description.vm} ${other.inspection.description.vm}`;
        if (found.get(key)?.isAllowed !== false) found.set(key, { fact, isAllowed });
      }
    }
  }
  return [...found.values()];
}

/** On two threads of that core, unless the kernel never lets both run on it: groups that are different. */
function canMeet(one: ObservedMonitor, other: ObservedMonitor, core: readonly number[]): boolean {
  const threadsOf = ({ processors: { numbers } }: ObservedMonitor) => core.filter((thread) => numbers.includes(thread));
  const onTwo = threadsOf(one).some((thread) => threadsOf(other).some((another) => another !== thread));
  const shareGroup = one.processors.groups.some((group) => other.processors.groups.includes(group));
  return onTwo && shareGroup;
}

const noThreads: Claim = {
  claim: "No guest is shown a hyperthread: each of its processors is a core, as many to a socket as its configuration says.",
  heading: "Instruction Isolation",
  judge: (observation) => judgeLooks([...observation.monitors.map(threadLook), ...unseenLooks(observation)], NO_MONITOR),
};

interface HotpluggableCpu {
  readonly "vcpus-count"?: number;
  readonly props?: { readonly "socket-id"?: number; readonly "core-id"?: number; readonly "thread-id"?: number };
}

/** Of QEMU's query-hotpluggable-cpus: each place that there is for a processor, whether or not one is in it. */
function threadLook(monitor: ObservedMonitor): Look {
  const { inspection } = monitor;
  const places = (Array.isArray(inspection.qmp.processors) ? inspection.qmp.processors : []) as readonly HotpluggableCpu[];
  const coresOf = new Map<number, Set<number>>();
  for (const { props } of places) {
    const socket = props?.["socket-id"] ?? 0;
    coresOf.set(socket, (coresOf.get(socket) ?? new Set()).add(props?.["core-id"] ?? 0));
  }
  const threads = new Set(places.map(({ props }) => props?.["thread-id"]));
  const { coresPerSocket } = inspection.machine;
  const holds =
    places.length > 0 &&
    [...threads].every((thread) => thread === 0) &&
    [...coresOf.values()].every(({ size }) => size === coresPerSocket) &&
    places.every((place) => place["vcpus-count"] === 1);
  const fact = `${nameOf(monitor)}: QEMU has places for ${places.length} processors, in ${coresOf.size} sockets of ${coresPerSocket} cores; thread numbers: ${[...threads].join(" ")}`;
  return { fact, holds };
}

const noExecute: Claim = {
  claim: "Each guest can mark memory as not to be run (NX), unless its VM's configuration hides that from it.",
  heading: "Memory Protection",
  judge: (observation) => judgeLooks([...observation.monitors.map(nxLook), ...unseenLooks(observation)], NO_MONITOR),
};

function nxLook(monitor: ObservedMonitor): Look {
  const { processors, machine } = monitor.inspection;
  const without = processors.filter(({ nx }) => !nx).length;
  const isHidden = machine.cpuMask?.some(({ feature, shown }) => feature === "nx" && !shown) ?? false;
  const hidden = isHidden ? ", as its configuration has it" : "";
  const fact = `${nameOf(monitor)}: ${processors.length - without} of ${processors.length} virtual CPUs have NX${hidden}`;
  return { fact, holds: processors.length > 0 && (isHidden || without === 0) };
}

/** A monitor that could not be looked at is never taken for one that is as claimed. */
function unseenLooks({ unseen }: Observation): readonly Look[] {
  return unseen.map((fact) => ({ fact: `could not be looked at: ${fact}`, holds: false }));
}

export const processorClaims: readonly [Claim, Claim, Claim] = [apart, noThreads, noExecute];
