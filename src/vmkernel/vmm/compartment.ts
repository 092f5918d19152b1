/**
 * The processes of one monitor, and nobody else's: what it is counted, watched and ended by. A cgroup of its own; where the
 * machine has none (--degraded), its uid, which no other process has.
 */
import { parseVmId, type VmId } from "../../base/index.ts";
import { destroyCgroup, executableOf, findProcess, listCgroups, processesOfCgroup, processesOfUid, terminate } from "../../system/index.ts";

export type Compartment = { readonly kind: "cgroup"; readonly name: string } | { readonly kind: "uid"; readonly uid: number };

/** A process that is ended may have started others in the meantime; its cgroup bounds how many. */
const ROUNDS_MAX = 50;

/** The cgroup of a VM, beneath that of its host. */
export function cgroupOf(parent: string, vm: VmId): string {
  return `${parent}/vm-${vm}`;
}

/** VMs that have a cgroup, whether or not anything is in it. */
export async function vmsWithCgroup(parent: string): Promise<VmId[]> {
  return (await listCgroups(parent)).flatMap((name) => parseVmId(name.slice(`${parent}/vm-`.length)) ?? []);
}

/** Ends what a vmkernel that was killed has left of its trials (self-test guest, probe of isolation); no monitor is among them. */
export async function endTrials(parent: string): Promise<void> {
  const trials = (await listCgroups(parent)).filter((name) => !name.startsWith(`${parent}/vm-`));
  await Promise.all(trials.map((name) => endCompartment({ kind: "cgroup", name })));
}

/** @param program QEMU's file: the process that executes it is the monitor, and the last of the list; the others are its sandbox */
export async function processesOf(compartment: Compartment, program: string): Promise<number[]> {
  const pids = compartment.kind === "cgroup" ? await processesOfCgroup(compartment.name) : processesOfUid(compartment.uid);
  const isMonitor = (pid: number) => (executableOf(pid) === program ? 1 : 0);
  return pids.filter((pid) => findProcess(pid) !== undefined).sort((a, b) => isMonitor(a) - isMonitor(b) || a - b);
}

/** Kills each process until none is left, and takes the cgroup away. @throws {SystemError} when one does not even end then */
export async function endCompartment(compartment: Compartment): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const pids = compartment.kind === "cgroup" ? await processesOfCgroup(compartment.name) : processesOfUid(compartment.uid);
    const left = pids.flatMap((pid) => findProcess(pid) ?? []);
    if (left.length === 0) break;
    await terminate(left, 0);
  }
  if (compartment.kind === "cgroup") await destroyCgroup(compartment.name);
}
