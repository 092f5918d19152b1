/** `bulkhead host status`: what the running host is, asked of vmkernel, and whether its parts are up. */
import { type HostPaths, messageOf } from "../base/index.ts";
import { type DatastoreDescription, type HostDescription, type MonitorDescription, VmkernelClient } from "../vmkernel/index.ts";
import { formatLockdown } from "./lockdown-command.ts";
import { type RunFile, readRunFile } from "./run-file.ts";

export type HostStatus =
  | { readonly kind: "notRunning" }
  /** It is starting, or a part of it is just being started again. */
  | { readonly kind: "incomplete"; readonly run: RunFile | undefined; readonly because: string }
  | {
      readonly kind: "running";
      readonly run: RunFile;
      readonly host: HostDescription;
      readonly datastores: readonly DatastoreDescription[];
      readonly monitors: readonly MonitorDescription[];
    };

export async function readHostStatus(paths: HostPaths, isRunning: boolean): Promise<HostStatus> {
  if (!isRunning) return { kind: "notRunning" };
  const run = readRunFile(paths);
  if (run === undefined) return { kind: "incomplete", run, because: "the host is starting" };
  if (run.vmkernelPid === undefined) return { kind: "incomplete", run, because: "vmkernel is being started again; guests run on" };
  if (run.hostdPid === undefined) return { kind: "incomplete", run, because: "hostd is being started again; guests run on" };
  try {
    const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket);
    try {
      const [host, datastores, monitors] = await Promise.all([
        vmkernel.request({ kind: "describeHost" }),
        vmkernel.request({ kind: "listDatastores" }),
        vmkernel.request({ kind: "listMonitors" }),
      ]);
      return { kind: "running", run, host, datastores, monitors };
    } finally {
      vmkernel.close();
    }
  } catch (error) {
    return { kind: "incomplete", run, because: messageOf(error) };
  }
}

/** 0: runs. 1: runs, but not all of it. 3: does not run, as `systemctl status` says it. Pure. */
export function exitCodeOf({ kind }: HostStatus): number {
  return { running: 0, incomplete: 1, notRunning: 3 }[kind];
}

/** For programs. Pure. */
export function statusToJson(status: HostStatus): object {
  const run = status.kind === "notRunning" ? undefined : status.run;
  const base = {
    running: status.kind === "running",
    ...(status.kind === "incomplete" && { because: status.because }),
    ...(run !== undefined && {
      url: run.url,
      listen: run.listen,
      thumbprint: run.thumbprint,
      lockdown: run.lockdown,
      pids: { supervisor: run.supervisor.pid, vmkernel: run.vmkernelPid, hostd: run.hostdPid },
    }),
  };
  if (status.kind !== "running") return base;
  const { host, datastores, monitors } = status;
  return { ...base, accelerator: host.accelerator, weaknesses: host.weaknesses, datastores, vms: monitors };
}

/** For people. Pure. */
export function formatStatus(status: HostStatus, root: string): string {
  switch (status.kind) {
    case "notRunning":
      return `No host runs on ${root}.`;
    case "incomplete":
      return `Host on ${root}: ${status.because}.`;
    case "running":
      return formatRunning(status);
  }
}

function formatRunning({ run, host, datastores, monitors }: HostStatus & { kind: "running" }): string {
  const rows: readonly (readonly [string, string])[] = [
    ["Host", `${host.hostName} runs at ${run.url}`],
    ["Certificate", `SHA-256 ${run.thumbprint?.sha256 ?? "unknown"}`],
    ["", `SHA-1 ${run.thumbprint?.sha1 ?? "unknown"}`],
    ["Accelerator", `${host.accelerator.kind}: ${host.accelerator.because}`],
    ...weaknessRows(host.weaknesses),
    ["Lockdown", run.lockdown === undefined ? "unknown" : formatLockdown(run.lockdown)],
    ["Processes", `supervisor ${run.supervisor.pid}, vmkernel ${run.vmkernelPid}, hostd ${run.hostdPid}`],
    ...datastores.map(
      (store) => ["Datastore", `${store.name}: ${gibibytes(store.freeBytes)} of ${gibibytes(store.capacityBytes)} free`] as const,
    ),
    ...(monitors.length === 0
      ? [["VMs", "none is powered on"] as const]
      : monitors.map((monitor) => ["VM", formatMonitor(monitor)] as const)),
  ];
  return rows.map(([label, text]) => `${label.padEnd(12)}  ${text}`).join("\n");
}

function weaknessRows(weaknesses: readonly string[]): (readonly [string, string])[] {
  if (weaknesses.length === 0) return [["Isolation", "complete"]];
  return [["Isolation", "DEGRADED"], ...weaknesses.map((weakness) => ["", weakness] as const)];
}

function formatMonitor({ vm, name, pid, uid, accelerator, guest, weaknesses, memoryLimitMiB }: MonitorDescription): string {
  const tools =
    guest.tools === "running" ? `guest agent answers${guest.hostName === undefined ? "" : ` (${guest.hostName})`}` : "no guest agent";
  const weaker = weaknesses.length === 0 ? "" : ", DEGRADED";
  const limit = memoryLimitMiB === undefined ? "" : `, WARNING: its memory limit, ${memoryLimitMiB} MB, is below its memory`;
  return `${vm} ${printable(name)}: monitor ${pid} as uid ${uid}, ${accelerator}, ${printable(tools)}${weaker}${limit}`;
}

/** Names come from clients and guests, and go to a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
