/**
 * A host agent for a test that starts no guest: the real agent, database, storage and HTTPS server in this process, and a client
 * that speaks to it over the wire. Whoever needs monitors starts a whole host (harness.ts).
 */
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { hashPassword, systemRoles } from "../src/access/index.ts";
import { type DatastorePath, Fault, hostPaths, systemClock, type VmId } from "../src/base/index.ts";
import { Accounts } from "../src/hostd/accounts.ts";
import { accessFile, accessNfc, captureScreen, createAgent, invoke, openDatabase, openDownload } from "../src/hostd/index.ts";
import {
  connectVim,
  createFolderDoor,
  createNfcDoor,
  createScreenDoor,
  type FolderLimits,
  moRef,
  startSdkServer,
  type VimClient,
} from "../src/interfaces/index.ts";
import { CertificateStore } from "../src/management/index.ts";
import { inNamespace, listenTcp, makeNamespace, openAppendLog, removeNamespace } from "../src/system/index.ts";
import {
  type Controls,
  createFileDoor,
  createStorage,
  describeHost,
  FileDoorServer,
  type FirewallScope,
  KernelFirewall,
  type Machine,
  MachineServices,
  type MachineSpec,
  type MonitorDescription,
  type NetworkConfig,
  type NetworkDescription,
  NO_POOLS,
  NoNetwork,
  type PageRun,
  type PortDescription,
  performRequest,
  type ResourceConfig,
  type SharingDescription,
  type Storage,
  type StreamRequest,
  type VmkernelRequest,
  type VmkernelResults,
} from "../src/vmkernel/index.ts";
import { parseRequest } from "../src/vmkernel/parse-request.ts";
import { fault } from "../src/wire/index.ts";
import { removeFrozen, sleep } from "./harness.ts";

const MIB = 2 ** 20;
const LOG_BOUND = { bytesMax: 2 ** 20, olderMax: 1 };
const PASSWORD = "Correct-Horse-9";
/** A monitor takes a moment to come, in which others are powered on. */
const START_MS = 20;
export const SESSION_MANAGER = moRef("SessionManager", "ha-sessionmgr");

export interface TestAgent {
  readonly port: number;
  /** The lines of its audit log. */
  readonly audit: readonly string[];
  /** What it has asked of its supervisor: "reboot", "shutdown". */
  readonly powered: readonly string[];
  /** What its vmkernel does with the datastores: whoever holds a file by it stands for a monitor. */
  readonly storage: Storage;
  /** Where all its state is. */
  readonly folder: string;
  /** Whose network is the host's, as far as its firewall goes: the file of a namespace. */
  readonly namespace: string;
  /** The folder that is datastore1. */
  readonly datastore: string;
  /** What its vmkernel was told last that the network shall be. */
  network(): NetworkConfig;
  /** What its vmkernel was told last of resource pools. */
  resources(): ResourceConfig;
  /** What runs, as its vmkernel was told to start it. */
  monitors(): readonly MonitorDescription[];
  /** From now on its vmkernel takes no network, and says why. */
  refuseNetworks(because: string): void;
  /** Its vmkernel shows these from now on to be plugged into a switch. */
  showPorts(vswitch: string, ports: readonly PortDescription[]): void;
  /** Tells the agent's clock to be that much later. */
  later(ms: number): void;
  /** Measures what is used. Of itself, as at a host, this never happens here. */
  takeSample(): Promise<void>;
  /** A client that has not logged in. */
  connect(): Promise<VimClient>;
  /** A client that is logged in, as root or as a user with that role on the whole host. */
  login(roleId?: number): Promise<VimClient>;
  /** @param keepFolder so that another can start from it */
  stop(options?: { readonly keepFolder?: boolean }): Promise<void>;
}

export interface AgentOptions {
  readonly limits?: Partial<FolderLimits>;
  /** That the machine has besides its own, as long as no switch takes them. */
  readonly adapters?: Machine["nics"];
  /** Of its firewall. */
  readonly scope?: FirewallScope;
  /** Whose network its firewall filters: the file of a namespace. One of its own where it is left out. */
  readonly namespace?: string;
  /** Where it is reached, in that namespace; on this machine's loopback where it is left out. */
  readonly listen?: { readonly host: string; readonly port: number };
}

/** An agent for the tests of a whole file, and root's client of it: both end with the file. */
export async function useAgent(options: AgentOptions = {}): Promise<{ readonly host: TestAgent; readonly client: VimClient }> {
  const host = await startAgent(undefined, options);
  afterAll(() => host.stop());
  const client = await host.login();
  afterAll(() => client.close());
  return { host, client };
}

/**
 * @param folder of an agent that ran before; a new one otherwise
 */
export async function startAgent(
  folder = mkdtempSync(join(tmpdir(), "bulkhead-agent-")),
  { limits = {}, adapters = [], scope = "ownPorts", namespace = join(folder, "network-namespace"), listen }: AgentOptions = {},
): Promise<TestAgent> {
  const datastore = join(folder, "volumes", "datastore1");
  mkdirSync(datastore, { recursive: true });
  const passwordHash = await hashPassword(PASSWORD);
  let skippedMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + skippedMs };
  const database = openDatabase(join(folder, "hostd.db"));
  const accounts = new Accounts(database);
  for (const { id } of systemRoles) {
    accounts.set({ name: `role${id}`, fullName: "", passwordHash });
    accounts.grant({ entity: "ha-folder-root", principal: `role${id}`, roleId: id, propagate: true });
  }
  const storage = createStorage(join(folder, "volumes"));
  const network = new ShownNetwork();
  makeNamespace(namespace);
  const port = listen?.port ?? 443;
  const record = join(folder, "firewall.json");
  const firewall = await KernelFirewall.open({ table: "bulkhead-agent", scope, apiPort: port, record, namespace });
  const monitors = new ShownMonitors(storage);
  const vmkernel = await noMonitors(folder, { storage, network, monitors, firewall, adapters });
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const files = await FileDoorServer.listen({
    socket: join(folder, "files.sock"),
    owner,
    storage,
    isGrowing: () => false,
    listen: () => network.listen(""),
    log: () => {},
  });
  const certificates = await CertificateStore.open(folder, { hostName: "host1", addresses: ["127.0.0.1"] }, clock);
  const bugs: unknown[] = [];
  const audit: string[] = [];
  const powered: string[] = [];
  const log = openAppendLog(join(folder, "hostd.log"), LOG_BOUND);
  const auditLog = openAppendLog(join(folder, "audit.log"), LOG_BOUND);
  const agent = await createAgent({
    database,
    vmkernel,
    files: createFileDoor(join(folder, "files.sock")),
    clock,
    identity: { hostName: "host1", address: "127.0.0.1", port },
    certificates,
    rootPasswordHash: passwordHash,
    stateFolder: folder,
    writeLog: (line) => log.append(line),
    writeAudit(line) {
      audit.push(line);
      auditLog.append(line);
    },
    powerHost: (operation) => void powered.push(operation),
    onBug: (bug) => void bugs.push(bug),
  });
  const server = await startSdkServer({
    listen:
      listen === undefined ? { host: "127.0.0.1", port: 0 } : { fd: inNamespace(namespace, () => listenTcp(listen.host, listen.port)) },
    tls: certificates.current,
    onBug: (bug) => void bugs.push(bug),
    onRefused: () => {},
    folder: createFolderDoor({
      access: (request, deed) => accessFile(agent, request, deed),
      onRefused: ({ reason }) => void audit.push(reason),
      onBug: (bug) => void bugs.push(bug),
      limits,
    }),
    nfc: createNfcDoor({
      access: (request, deed) => accessNfc(agent, request, deed),
      onBug: (bug) => void bugs.push(bug),
    }),
    openDownload: ({ sessionKey, clientAddress: address, userAgent, name }) =>
      openDownload(agent, { sessionSecret: sessionKey, client: { address, userAgent }, name }),
    screen: createScreenDoor({ capture: (request) => captureScreen(agent, request), onBug: (bug) => void bugs.push(bug) }),
    invoke: async ({ sessionKey, clientAddress, userAgent, thisRef: target, version, method, args, signal }) => {
      const client = { address: clientAddress, userAgent };
      const { value, type, setSession } = await invoke(agent, { sessionSecret: sessionKey, client, version, target, method, args, signal });
      return { returnValue: value, returnType: type, ...(setSession === undefined ? {} : { setSession }) };
    },
  });
  certificates.servedBy((certificate) => server.serveWith(certificate));
  const connect = () => connectVim({ url: `https://127.0.0.1:${server.port}/sdk`, insecure: true });
  return {
    port: server.port,
    audit,
    powered,
    storage,
    namespace,
    datastore,
    folder,
    network: () => network.config,
    resources: () => monitors.resources,
    monitors: () => monitors.list(),
    refuseNetworks(because) {
      network.refusal = because;
    },
    showPorts: (vswitch, ports) => void network.ports.set(vswitch, ports),
    later(ms) {
      skippedMs += ms;
    },
    takeSample: () => agent.performance.takeSample(),
    connect,
    async login(roleId) {
      const userName = roleId === undefined ? "root" : `role${roleId}`;
      const client = await connect();
      await client.call(SESSION_MANAGER, "Login", { userName, password: PASSWORD });
      return client;
    },
    async stop({ keepFolder = false } = {}) {
      await server.close();
      agent.leases.close();
      await agent.tasks.drain();
      files.close();
      database.close();
      log.close();
      auditLog.close();
      removeNamespace(namespace);
      if (!keepFolder) removeFrozen(folder);
      if (bugs.length > 0) throw new AggregateError(bugs, "the agent met bugs");
    },
  };
}

/** A network that is configured, and shown, and carries nothing. */
class ShownNetwork extends NoNetwork {
  config: NetworkConfig = { switches: [] };
  refusal: string | undefined;
  readonly ports = new Map<string, readonly PortDescription[]>();

  override describe(): NetworkDescription {
    const { switches } = super.describe();
    return { switches: switches.map((one) => ({ ...one, ports: this.ports.get(one.name) ?? [] })) };
  }

  override async configure(config: NetworkConfig): Promise<void> {
    if (this.refusal !== undefined) throw fault("SystemError", this.refusal, { reason: this.refusal });
    this.config = config;
    await super.configure(config);
  }
}

type ChildRequest = Extract<VmkernelRequest, { kind: "createChildDisk" }>;

/** Monitors that are powered on, off and shown, and run no guest. */
class ShownMonitors {
  readonly #storage: Storage;
  readonly #running = new Map<VmId, MonitorDescription>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  createChildDisk = ({ descriptor, ...child }: ChildRequest) => this.#storage.createChildDisk(descriptor, child);
  commitDisk = ({ descriptor }: { readonly descriptor: DatastorePath }, controls: Controls) =>
    this.#storage.commitDisk(descriptor, controls);

  list = () => [...this.#running.values()];

  refuseUsing(name: string): void {
    if (this.list().some(({ home }) => home.datastore === name)) throw fault("ResourceInUse", "a VM runs from it", {});
  }

  loads = async () => [];
  describeSharing = (): SharingDescription => ({
    ofMachine: { sharedBytes: 24 * MIB, commonBytes: 6 * MIB, savedBytes: 18 * MIB },
    vms: this.list().map(({ vm, sharingGroup: group }) =>
      group === undefined ? { vm, sharedBytes: 0 } : { vm, group, sharedBytes: 8 * MIB },
    ),
  });
  /** One page of memory each, that nothing has touched. */
  mapPages = async (_: VmId, { fromByte }: { readonly fromByte: number }): Promise<readonly PageRun[]> =>
    fromByte > 0 ? [] : [{ guestStart: 0, hostStart: 4096, bytes: 4096, region: "pc.ram", machine: { kind: "untouched" } }];
  /** What it was told last of pools and of the VMs in them. */
  resources: ResourceConfig = NO_POOLS;

  async configureResources(resources: ResourceConfig): Promise<void> {
    this.resources = resources;
  }

  async powerOn({ vm, name, home, devices }: MachineSpec, _: unknown, sharingGroup?: string): Promise<MonitorDescription> {
    const disconnected = devices.flatMap((device) => (device.kind === "nic" && device.connected !== true ? [device.key] : []));
    const what = { vm, name, home, disconnected, pid: Number(vm), uid: 0, startedAtMs: 0, weaknesses: [] };
    const own = sharingGroup === undefined ? {} : { sharingGroup };
    const monitor: MonitorDescription = { ...what, ...own, accelerator: "tcg", guest: { tools: "notRunning" } };
    await sleep(START_MS);
    this.#running.set(vm, monitor);
    return monitor;
  }

  readonly guests = {
    powerOff: async (vm: VmId): Promise<void> => {
      this.#running.delete(vm);
    },
  };
}

interface ShownParts {
  readonly storage: Storage;
  readonly firewall: KernelFirewall;
  readonly network: ShownNetwork;
  readonly monitors: ShownMonitors;
  readonly adapters: Machine["nics"];
}

/** vmkernel's real datastores, on a host that runs nothing. */
async function noMonitors(folder: string, { adapters, ...shown }: ShownParts) {
  const host = await describeHost(hostPaths(folder), {
    accelerator: { kind: "tcg", because: "nothing runs here" },
    withheld: [],
    weaknesses: [],
  });
  const { network } = shown;
  const services = new MachineServices(false);
  const parts = { ...shown, paths: hostPaths(folder), host, monitors: shown.monitors as never, services, shutdown: async () => {} };
  const perform = async (request: VmkernelRequest, controls: Partial<Controls>) => {
    const watched = { signal: new AbortController().signal, report: () => {}, ...controls };
    const result = await performRequest(parseRequest(JSON.parse(JSON.stringify(request))), parts, watched);
    if (request.kind !== "describeMachine") return result;
    const machine = result as Machine;
    const taken = network.config.switches.flatMap(({ uplinks }) => uplinks);
    return { ...machine, nics: [...machine.nics, ...adapters.filter(({ name }) => !taken.includes(name))] };
  };
  return {
    request: <R extends VmkernelRequest>(request: R, controls: Partial<Controls> = {}) =>
      perform(request, controls) as Promise<VmkernelResults[R["kind"]]>,
    openStream: async ({ vm }: StreamRequest) => {
      throw fault("InvalidPowerState", `VM ${vm} is not powered on.`, { existingState: "poweredOff" });
    },
    onEvent: () => () => {},
    onReconnect: () => () => {},
  };
}

/** The fault that a call ends in. */
export async function faultOf(call: Promise<unknown>): Promise<Pick<Fault, "fault" | "fields" | "message">> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("the call was answered");
}
