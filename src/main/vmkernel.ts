/**
 * The vmkernel process: the only one with privileges, and without any network socket. It starts and ends monitors, opens what lies
 * on datastores, and serves its typed requests on one unix socket.
 *
 *   vmkernel --root DIR --api-port N [--degraded] [--dedicated] [--memory MIB] [--bulkhead-uid N --bulkhead-gid N]
 *
 * Standard input is its lifeline: its end, like SIGTERM, ends vmkernel and leaves every guest running, to be adopted by the next one.
 * One JSON line on standard output says that it is ready; what happens is told on standard error.
 */
import { mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type HostPaths, hostPaths, messageWithCauses, SystemError } from "../base/index.ts";
import { coreReader, hasCoreScheduling, machineMemoryBytes, tryLock } from "../system/index.ts";
import {
  createStorage,
  decideIsolation,
  describeHost,
  describeVmmHost,
  endTrials,
  FileDoorServer,
  type HostDescription,
  type HostFirewall,
  hostCgroup,
  KernelFirewall,
  MachineServices,
  Monitors,
  NoFirewall,
  openHostNetwork,
  performRequest,
  performStream,
  probeIsolation,
  QEMU,
  RpcServer,
  rememberAccelerator,
  type Storage,
  tableName,
  testAccelerators,
  type VmmHost,
} from "../vmkernel/index.ts";

interface Options {
  readonly paths: HostPaths;
  readonly degraded: boolean;
  /** The machine is a host and nothing else. */
  readonly dedicated: boolean;
  /** What guests and their monitors may take of the machine's memory together, in bytes; Infinity for all of it. */
  readonly memoryBytesMax: number;
  /** TCP port of the API, which hostd serves. */
  readonly apiPort: number;
  /** hostd's user; root's where there is none. */
  readonly bulkhead: { readonly uid: number; readonly gid: number };
}

const PORT_MAX = 65_535;
const MIB = 1024 * 1024;
/** The answer to shutdownHost is on its way; its client reads it and closes. */
const LAST_ANSWER_MS = 200;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const { paths } = options;
  makeFolders(paths);
  holdHost(paths);
  await endTrials(hostCgroup(paths));
  const probe = await probeIsolation(hostCgroup(paths));
  const decision = decideIsolation(probe, options);
  if (decision.kind === "refuse") throw new SystemError(decision.line);
  const { withheld, weaknesses } = decision;
  const accelerator = await rememberAccelerator({ folder: paths.run, program: QEMU, choose: () => testAccelerators(paths, probe.have) });
  const host = await describeHost(paths, { accelerator, withheld, weaknesses }, options.memoryBytesMax);
  const vmm = await describeVmmHost(paths, { accelerator: accelerator.kind, isolation: probe.have, weaknesses });
  const firewall = await openFirewall(options, probe.have.packetFilter);
  await serve({ options, host, vmm, firewall, storage: createStorage(paths.volumes) });
  console.log(JSON.stringify({ ready: true, accelerator, weaknesses }));
}

interface Parts {
  readonly options: Options;
  readonly host: HostDescription;
  readonly vmm: VmmHost;
  readonly firewall: HostFirewall;
  readonly storage: Storage;
}

async function openFirewall({ paths, dedicated, apiPort }: Options, isThere: boolean): Promise<HostFirewall> {
  const table = tableName(paths.hostId);
  if (!isThere) return new NoFirewall(table);
  return KernelFirewall.open({ table, scope: dedicated ? "machine" : "ownPorts", apiPort, record: paths.firewall });
}

/** Takes up what runs, then opens the door: whoever comes through it finds the truth. */
async function serve({ options, host, vmm, firewall, storage }: Parts): Promise<void> {
  let server: RpcServer | undefined;
  const changed = () => server?.broadcast({ kind: "networkChanged" });
  const network = await openHostNetwork({ folder: options.paths.network, run: options.paths.run, isolation: vmm.isolation, log, changed });
  const monitors = new Monitors({
    vmm,
    storage,
    network,
    firewall,
    pipes: options.paths.pipes,
    limits: { memoryMiB: Math.floor(host.memoryBytes / MIB), logicalCpus: host.cpu.threads },
    processors: { mhz: host.cpu.mhz, count: host.cpu.cores },
    memory: {
      swap: options.paths.swap,
      totalBytes: host.memoryBytes,
      isBounded: host.memoryBytes < machineMemoryBytes(), // by an option, or by the container that it runs in
    },
    cores: coreReader(),
    hasCoreScheduling: hasCoreScheduling(),
    onEvent: (event) => server?.broadcast(event),
    hasListeners: () => server?.hasListeners === true,
    log,
  });
  let files: FileDoorServer | undefined;
  const stop = () => {
    files?.close();
    server?.close();
    monitors.release();
    network.close();
    process.exit(0);
  };
  const shutdown = async (graceMs: number) => {
    await monitors.shutdown(graceMs);
    await network.remove();
    await firewall.remove();
    setTimeout(stop, LAST_ANSWER_MS);
  };
  await monitors.adopt();
  files = await FileDoorServer.listen({
    socket: options.paths.filesSocket,
    owner: options.bulkhead,
    storage,
    isGrowing: (file) => monitors.appendsTo(file),
    listen: (device, port) => network.listen(device, port),
    log,
  });
  const services = new MachineServices(options.dedicated);
  const parts = { paths: options.paths, host, storage, monitors, network, firewall, services, shutdown };
  server = await RpcServer.listen({
    socket: options.paths.vmkernelSocket,
    owner: options.bulkhead,
    perform: (request, controls) => performRequest(request, parts, controls),
    stream: (request, connection) => performStream(request, connection, monitors),
    log,
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  process.stdin.on("end", stop).on("error", stop).resume();
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      root: { type: "string" },
      degraded: { type: "boolean", default: false },
      dedicated: { type: "boolean", default: false },
      "api-port": { type: "string", default: "" },
      memory: { type: "string", default: "" },
      "bulkhead-uid": { type: "string", default: "0" },
      "bulkhead-gid": { type: "string", default: "0" },
    },
  });
  if (values.root === undefined) throw new SystemError("which host? say --root DIR");
  const bulkhead = { uid: readId(values["bulkhead-uid"], "--bulkhead-uid"), gid: readId(values["bulkhead-gid"], "--bulkhead-gid") };
  const apiPort = Number(values["api-port"]);
  if (!(Number.isInteger(apiPort) && apiPort >= 1 && apiPort <= PORT_MAX)) throw new SystemError("where is the API? say --api-port N");
  const memoryBytesMax = values.memory === "" ? Number.POSITIVE_INFINITY : readId(values.memory, "--memory") * MIB;
  return { paths: hostPaths(values.root), degraded: values.degraded, dedicated: values.dedicated, memoryBytesMax, apiPort, bulkhead };
}

function readId(text: string, option: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new SystemError(`${option} ${text}: not a number of at most nine digits`);
  return Number(text);
}

/** Everything beneath `run` is root's alone but for the folder of the socket. */
function makeFolders(paths: HostPaths): void {
  mkdirSync(paths.run, { recursive: true, mode: 0o711 });
  mkdirSync(paths.monitors, { recursive: true, mode: 0o700 });
  mkdirSync(paths.rpcFolder, { recursive: true, mode: 0o755 });
  mkdirSync(paths.volumes, { recursive: true, mode: 0o700 });
}

/** Two vmkernels would each end what the other started. The kernel frees the lock when this process ends, however it does. */
function holdHost(paths: HostPaths): void {
  const fd = openSync(join(paths.run, "vmkernel.lock"), "a", 0o600);
  if (!tryLock(fd, "exclusive")) throw new SystemError(`a vmkernel runs for ${paths.root} already`);
}

function log(line: string): void {
  console.error(`vmkernel: ${line}`);
}

main().catch((error: unknown) => {
  log(messageWithCauses(error));
  process.exit(1);
});
