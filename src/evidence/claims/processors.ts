/** What guests are shown as processors. Pure. Paper «Memory Protection» (NX/XD), «Instruction Isolation» (hyperthreading). */
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { Observation, ObservedMonitor } from "../observe.ts";
import { nameOf } from "./monitors.ts";

const NO_MONITOR = "No VM is powered on, so there is no guest that would be shown a processor.";

const noExecute: Claim = {
  claim: "Each guest can mark memory as not to be run (NX), unless its VM's configuration hides that from it.",
  heading: "Memory Protection",
  judge: (observation) => judgeEach(observation, lookAtNx),
};

function lookAtNx(monitor: ObservedMonitor): Look {
  const { processors, machine } = monitor.inspection;
  const without = processors.filter(({ nx }) => !nx).length;
  const isHidden = machine.cpuMask?.some(({ feature, shown }) => feature === "nx" && !shown) ?? false;
  const hidden = isHidden ? ", as its configuration has it" : "";
  const fact = `${nameOf(monitor)}: ${processors.length - without} of ${processors.length} virtual CPUs have NX${hidden}`;
  return { fact, holds: processors.length > 0 && (isHidden || without === 0) };
}

const noThreads: Claim = {
  claim: "No guest is shown two threads of one core.",
  heading: "Instruction Isolation",
  judge: (observation) => judgeEach(observation, lookAtThreads),
};

function lookAtThreads(monitor: ObservedMonitor): Look {
  const { processors } = monitor.inspection;
  const cores = new Set(processors.map(({ socket, core }) => `${socket}.${core}`)).size;
  const fact = `${nameOf(monitor)}: ${processors.length} virtual CPUs are threads of ${cores} cores`;
  return { fact, holds: processors.length > 0 && cores === processors.length };
}

function judgeEach({ monitors, unseen }: Observation, look: (monitor: ObservedMonitor) => Look) {
  const missed = unseen.map((fact): Look => ({ fact: `could not be looked at: ${fact}`, holds: false }));
  return judgeLooks([...monitors.map(look), ...missed], NO_MONITOR);
}

export const processorClaims: readonly Claim[] = [noThreads, noExecute];
