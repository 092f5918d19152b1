/**
 * The supervisor: stands where init stands on a machine of its own. It binds the one TCP socket, starts vmkernel and, confined, hostd,
 * and starts each again when it dies. It carries out nothing for either, and guests are not its children: when it is killed, both end
 * by their lifelines, the guests run on, and the next start adopts them.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, closeSync, mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { type Deferred, defer, type HostPaths, messageOf, SOCKET_PATH_BYTES_MAX, SystemError, Undo, within } from "../base/index.ts";
import type { HostPowerOperation } from "../hostd/index.ts";
import { type AppendLog, bindTcp, openAppendLog, processRef } from "../system/index.ts";
import { decideIsolation, HOLD_MS, hostCgroup, hostLogFile, type Isolation, probeIsolation, VmkernelClient } from "../vmkernel/index.ts";
import {
  LIFT_LOCKDOWN,
  type Lockdown,
  readGuestsStopped,
  readLockdown,
  readPowerOperation,
  readStopsWithin,
  STOP_GUESTS,
} from "./hostd-messages.ts";
import { type HostdReady, parseThumbprint, startHostd } from "./hostd-service.ts";
import { formatListenAddress, type ListenAddress, urlOf } from "./listen-address.ts";
import { LIFT_SIGNAL } from "./lockdown-command.ts";
import { findBulkheadUser, ownAddresses, requireRoot, type UserIds } from "./machine.ts";
import {
  chooseRootPassword,
  knownPasswords,
  makePassword,
  prepareRootPassword,
  type RootPassword,
  settleRootPassword,
} from "./root-password.ts";
import { holdHost, hostRuns, removeRunFile, vmkernelRuns, writeRunFile } from "./run-file.ts";
import type { Service } from "./service.ts";
import { startVmkernel, type VmkernelReady } from "./vmkernel-service.ts";

export interface HostOptions {
  readonly paths: HostPaths;
  readonly listen: ListenAddress;
  /** Run where the machine withholds what isolation needs. */
  readonly degraded: boolean;
  /** The machine is a host and nothing else: its firewall is for all of its traffic. */
  readonly dedicated: boolean;
  /** What of the machine's memory guests and their monitors may take together; undefined for all of it. */
  readonly memoryMiB: number | undefined;
}

export interface RunningHost {
  readonly url: string;
  readonly thumbprint: HostdReady["thumbprint"];
  readonly rootPassword: RootPassword;
  readonly accelerator: VmkernelReady["accelerator"];
  readonly weaknesses: readonly string[];
  pids(): { readonly vmkernel: number | undefined; readonly hostd: number | undefined };
  /** Resolves when a client asks for the end of the host. */
  readonly asked: Promise<HostPowerOperation>;
  /** Shuts down in order, guests first. Asked again, it hurries. */
  stop(graceMs: number): Promise<void>;
}

/** A step of the start, for whoever watches. */
export type Report = (line: string) => void;

const HOSTD_STOP_MS = 5000; // it ends its tasks' waiting and closes its database
const VMKERNEL_STOP_MS = 5000; // after the last guest is off
const PREDECESSOR_MS = 10_000;
const ANSWER_MS = 10_000; // hostd says at once how long its guests may take
const ORDERED_STOP_SLACK_MS = 60_000; // beyond the delays that are set: a suspend that is under way is written to its end
const LOG_BOUND = { bytesMax: 4 * 2 ** 20, olderMax: 2 };

/** @throws {SystemError} one line for people; then nothing that was started is left */
export async function runHost(options: HostOptions, report: Report): Promise<RunningHost> {
  process.umask(0o022); // what others may read is decided here and in vmkernel, not by the shell that we were started from
  const { paths, listen } = options;
  const user = checkBefore(paths);
  await using undo = new Undo();
  const socket = bindTcp(listen.host, listen.port); // hostd listens, once the firewall stands
  undo.add(() => closeSync(socket));
  const isolation = await requireIsolation(options);
  makeFolders(paths, user);
  const lock = await holdHost(paths);
  if (lock === undefined) throw alreadyRuns(paths);
  undo.add(() => lock[Symbol.dispose]());
  await waitForPredecessor(paths);
  const log = openLog(paths);
  undo.add(() => log.close());

  const rootPassword = chooseRootPassword(knownPasswords(paths, process.env), makePassword);
  const rootPasswordHash = await prepareRootPassword(paths, rootPassword);
  const addresses = ownAddresses();
  const host: HostRun = { options, user, isolation, url: urlOf(listen, addresses), log, services: {}, asked: defer() };
  undo.add(() => removeRunFile(paths));
  const vmkernel = await startVmkernel({ ...host, onChange: () => describeRun(host) });
  undo.add(() => vmkernel.service.stop(VMKERNEL_STOP_MS));
  host.services.vmkernel = vmkernel.service;
  report(`vmkernel is up: ${vmkernel.ready.accelerator.kind}, ${vmkernel.ready.accelerator.because}`);

  const identity = { hostName: hostname(), addresses: certificateAddresses(listen, addresses), hostStart: randomUUID() };
  const lift = (): void => host.services.hostd?.tell(LIFT_LOCKDOWN);
  process.on(LIFT_SIGNAL, lift); // before a hostd is in the file by which a sender would know of it
  undo.add(() => void process.off(LIFT_SIGNAL, lift));
  const onLine = (line: string): void => hear(host, line);
  const hostd = await startHostd({ ...host, ...identity, socket, rootPasswordHash, onLine, onChange: () => describeRun(host) });
  undo.add(() => hostd.service.stop(HOSTD_STOP_MS));
  host.services.hostd = hostd.service;
  host.thumbprint = hostd.ready.thumbprint;
  settleRootPassword(paths, rootPassword);
  describeRun(host);
  report(`hostd is up: ${host.url}`);
  if (options.dedicated) report("the machine is the host's own: what no enabled rule set of its firewall names is dropped, in and out");

  const release = new Undo();
  const ends = [() => closeSync(socket), () => lock[Symbol.dispose](), () => log.close(), () => removeRunFile(paths)];
  for (const step of [...ends, () => void process.off(LIFT_SIGNAL, lift)]) release.add(step);
  undo.release();
  let stopping: Promise<void> | undefined;
  return {
    url: host.url,
    asked: host.asked.promise,
    ...hostd.ready,
    rootPassword,
    ...vmkernel.ready,
    pids: () => ({ vmkernel: vmkernel.service.pid, hostd: hostd.service.pid }),
    stop(graceMs) {
      if (stopping === undefined) stopping = stopHost(host, release, graceMs);
      else host.hurrying ??= hurry(host);
      return stopping;
    },
  };
}

/** A host while it runs, as its parts see it. */
export interface HostRun {
  readonly options: HostOptions;
  readonly user: UserIds;
  readonly isolation: Isolation;
  readonly url: string;
  readonly log: AppendLog;
  readonly asked: Deferred<HostPowerOperation>;
  readonly services: { vmkernel?: Service<VmkernelReady>; hostd?: Service<HostdReady> };
  thumbprint?: HostdReady["thumbprint"];
  lockdown?: Lockdown;
  /** While VMs are stopped in order: when they have at the latest. */
  stopsByMs?: number;
  /** Set when guests are to be off at once. */
  hurrying?: Promise<void>;
}

function checkBefore(paths: HostPaths): UserIds {
  requireRoot();
  const bytes = Buffer.byteLength(paths.vmkernelSocket);
  if (bytes > SOCKET_PATH_BYTES_MAX) throw new SystemError(`--root ${paths.root} is too long: a socket beneath it can't be bound`);
  if (hostRuns(paths)) throw alreadyRuns(paths);
  return findBulkheadUser();
}

const alreadyRuns = ({ root }: HostPaths) => new SystemError(`a host already runs on ${root}; see bulkhead host status --root ${root}`);

async function requireIsolation({ paths, degraded }: HostOptions): Promise<Isolation> {
  const probe = await probeIsolation(hostCgroup(paths));
  const decision = decideIsolation(probe, { degraded });
  if (decision.kind === "refuse") throw new SystemError(decision.line);
  return probe.have;
}

/** vmkernel makes what is its own. */
function makeFolders(paths: HostPaths, { uid, gid }: UserIds): void {
  const folders = [
    { path: paths.state, mode: 0o711, uid: 0, gid: 0 },
    { path: paths.hostdState, mode: 0o700, uid, gid },
    { path: paths.run, mode: 0o711, uid: 0, gid: 0 },
    { path: paths.rpcFolder, mode: 0o750, uid: 0, gid },
  ];
  for (const folder of folders) {
    mkdirSync(folder.path, { recursive: true });
    chownSync(folder.path, folder.uid, folder.gid);
    chmodSync(folder.path, folder.mode);
  }
}

/** A host that was killed a moment ago: its vmkernel ends by its lifeline, and two must not meet. */
async function waitForPredecessor(paths: HostPaths): Promise<void> {
  for (const deadline = Date.now() + PREDECESSOR_MS; vmkernelRuns(paths); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (Date.now() > deadline) throw new SystemError(`the vmkernel of an earlier host on ${paths.root} does not end`);
  }
}

function openLog({ state }: HostPaths): AppendLog {
  const file = hostLogFile({ state });
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const log = openAppendLog(file, LOG_BOUND);
  let isOpen = true;
  return {
    // The last words of a process that has ended may come when we are done.
    append: (line) => (isOpen ? log.append(`${new Date().toISOString()} ${line}`) : undefined),
    close() {
      isOpen = false;
      log.close();
    },
  };
}

/** What the certificate is made for: where clients are told to look, first. */
function certificateAddresses({ host }: ListenAddress, own: readonly string[]): string[] {
  const isAny = host === "0.0.0.0" || host === "::";
  return [...new Set([...(isAny ? [] : [host]), ...own, "127.0.0.1", "::1"])];
}

/** What hostd says of itself while it runs. */
function hear(host: HostRun, line: string): void {
  const operation = readPowerOperation(line);
  if (operation !== undefined) host.asked.resolve(operation);
  const lockdown = readLockdown(line);
  const thumbprint = parseThumbprint(line);
  if (lockdown !== undefined) host.lockdown = lockdown;
  if (thumbprint !== undefined) host.thumbprint = thumbprint;
  if (lockdown !== undefined || thumbprint !== undefined) describeRun(host);
}

function describeRun({ options: { paths, listen }, url, services, thumbprint, stopsByMs, lockdown }: HostRun): void {
  writeRunFile(paths, {
    supervisor: processRef(process.pid),
    url,
    listen: formatListenAddress(listen),
    thumbprint,
    vmkernelPid: services.vmkernel?.pid,
    hostdPid: services.hostd?.pid,
    stopsByMs,
    lockdown,
  });
}

/** The VMs that stop in order; then hostd, for what is asked of it now would come to nothing; then all other guests, then vmkernel. */
async function stopHost(host: HostRun, release: Undo, graceMs: number): Promise<void> {
  const { hostd, vmkernel } = host.services;
  if (graceMs > 0) await stopInOrder(host);
  await hostd?.stop(HOSTD_STOP_MS);
  await (host.hurrying ?? shutGuestsDown(host, graceMs));
  await vmkernel?.stop(VMKERNEL_STOP_MS);
  await release.run();
}

/** Each VM of the auto-start list gets its stop action. hostd does it, for it knows the list; without it the guests are shut down as all others. */
async function stopInOrder(host: HostRun): Promise<void> {
  const { hostd } = host.services;
  if (hostd === undefined) return;
  const announced = hostd.hear(readStopsWithin);
  const stopped = hostd.hear(readGuestsStopped);
  hostd.tell(STOP_GUESTS);
  const stopsWithinMs = await within(ANSWER_MS, announced, undefined);
  if (stopsWithinMs === undefined) return;
  const limitMs = stopsWithinMs + ORDERED_STOP_SLACK_MS;
  host.stopsByMs = Date.now() + limitMs;
  describeRun(host);
  await within(limitMs, stopped, undefined);
}

/** Beside a stop that is under way. */
async function hurry(host: HostRun): Promise<void> {
  await Promise.all([host.services.hostd?.stop(0), shutGuestsDown(host, 0)]);
}

/** Resolves when every guest is off. */
async function shutGuestsDown({ options, services, log }: HostRun, graceMs: number): Promise<void> {
  try {
    // It may just have died and be starting again: without it the guests would stay.
    const client = await VmkernelClient.connect(options.paths.vmkernelSocket, HOLD_MS);
    try {
      services.vmkernel?.letEnd();
      await client.request({ kind: "shutdownHost", graceMs });
    } finally {
      client.close();
    }
  } catch (error) {
    // Guests that are left run on, and the next start adopts them: said, not hidden.
    log.append(`shutting down: ${messageOf(error)}`);
  }
}
