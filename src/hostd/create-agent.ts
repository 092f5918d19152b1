/** Puts the host agent together from its parts, and brings it to where the former one left off. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type AuditRecord, formatAuditRecord } from "../access/index.ts";
import type { Clock } from "../base/index.ts";
import type { CertificateStore } from "../management/index.ts";
import type { DatastoreDescription, FileDoor } from "../vmkernel/index.ts";
import { LockdownState } from "./access-control/lockdown-state.ts";
import { Accounts } from "./accounts.ts";
import type { HostAgent, HostIdentity } from "./agent.ts";
import { AutoStart } from "./auto-start/auto-start.ts";
import { Changes } from "./changes.ts";
import { Consoles } from "./console/consoles.ts";
import { type Connection, settingOnce } from "./database.ts";
import { adoptNames } from "./datastores/datastore-names.ts";
import { Downloads } from "./diagnostics/downloads.ts";
import { HostLogs } from "./diagnostics/host-logs.ts";
import { formatLogLine } from "./diagnostics/log-lines.ts";
import { Events } from "./events.ts";
import { Firewall } from "./firewall/firewall.ts";
import { GuestTransfers } from "./guest-operations/transfers.ts";
import { readMaintenance, writeMaintenance } from "./host-power/maintenance.ts";
import type { HostPowerOperation } from "./host-power/power-host.ts";
import { Inventory } from "./inventory.ts";
import { COMPUTE_RESOURCE, DATACENTER, DATASTORE_FOLDER, HOST, HOST_BROWSER, HOST_MANAGERS, ROOT_POOL } from "./inventory-tree.ts";
import { ApiDoors } from "./network/api-doors.ts";
import { Networks } from "./network/networks.ts";
import { Leases } from "./nfc/leases.ts";
import { Options } from "./options/options.ts";
import { Performance } from "./performance/performance.ts";
import { recoverTasks } from "./recover.ts";
import { Pools } from "./resources/pools.ts";
import { Services } from "./services/services.ts";
import { Sessions } from "./sessions.ts";
import { Tasks } from "./tasks.ts";
import { Tickets } from "./tickets.ts";
import type { Vmkernel } from "./vmkernel.ts";
import { Vms } from "./vms.ts";

export interface AgentParts {
  readonly database: Connection;
  readonly vmkernel: Vmkernel;
  readonly files: FileDoor;
  readonly clock: Clock;
  readonly identity: Omit<HostIdentity, "instanceUuid" | "certificate" | "thumbprint">;
  readonly certificates: CertificateStore;
  /** scrypt hash to give root; undefined leaves the one that it has. */
  readonly rootPasswordHash: string | undefined;
  /** hostd's own folder: its logs are there, and what waits to be downloaded. */
  readonly stateFolder: string;
  /** Serves the API on one of the host's own interfaces, too. @returns how to stop that. Nobody is served so where it is absent. */
  readonly serveOn?: (device: string) => Promise<() => void>;
  writeLog(line: string): void;
  writeAudit(line: string): void;
  /** Asks the supervisor. */
  powerHost(operation: HostPowerOperation): void;
  /** A failure that is a bug: the host goes on, and this tells a person. */
  onBug(error: unknown): void;
}

const REFRESH_MS = 10_000; // free space is shown, not relied on: vmkernel checks again at every deed

export async function createAgent(parts: AgentParts): Promise<HostAgent> {
  const { database, vmkernel, clock } = parts;
  const { certificates } = parts;
  const identity: HostIdentity = {
    ...parts.identity,
    instanceUuid: settingOnce(database, "instanceUuid", randomUUID),
    get certificate() {
      return certificates.current.der;
    },
    get thumbprint() {
      return certificates.current.sha1;
    },
  };
  const lockdown = new LockdownState(database);
  const accounts = new Accounts(database, lockdown);
  accounts.ensureRoot(parts.rootPasswordHash);
  const changes = new Changes();
  const options = new Options(database);
  const vms = new Vms(database, vmkernel);
  const host = await vmkernel.request({ kind: "describeHost" });
  let datastores: readonly DatastoreDescription[] = [];
  const refreshDatastores = async (): Promise<void> => {
    const before = datastores;
    datastores = await vmkernel.request({ kind: "listDatastores" });
    await vms.onDatastoresRenamed(adoptNames(database, datastores));
    const isSame = (one: DatastoreDescription, other: DatastoreDescription): boolean => one.uuid === other.uuid && one.name === other.name;
    const changed = datastores.filter((now) => before.find((old) => isSame(old, now))?.freeBytes !== now.freeBytes);
    changes.changed(...changed.map(({ uuid }) => ({ type: "Datastore", value: uuid })));
    const gone = before.filter((old) => !datastores.some((now) => isSame(old, now)));
    if (gone.length === 0 && datastores.length === before.length) return;
    const holders = [DATASTORE_FOLDER, DATACENTER, COMPUTE_RESOURCE, HOST, HOST_BROWSER, HOST_MANAGERS.datastoreSystem];
    changes.changed(...gone.map(({ uuid }) => ({ type: "Datastore", value: uuid })), ...holders);
  };
  await refreshDatastores();
  let machine = await vmkernel.request({ kind: "describeMachine" });
  const refreshMachine = async (): Promise<void> => {
    const now = await vmkernel.request({ kind: "describeMachine" });
    if (isDeepStrictEqual(now, machine)) return;
    machine = now;
    agent.networks.rememberAdapters();
    changes.changed(HOST, HOST_MANAGERS.networkSystem, HOST_MANAGERS.storageSystem, HOST_MANAGERS.pciPassthruSystem);
  };

  const log = (text: string): void => parts.writeLog(formatLogLine(clock.now(), text));

  const doors = parts.serveOn && new ApiDoors({ open: parts.serveOn, log });
  const agent: HostAgent = {
    clock,
    identity,
    host,
    datastores: () => datastores,
    refreshDatastores,
    machine: () => machine,
    refreshMachine,
    changes,
    options,
    sessions: new Sessions(clock, () => ({
      idleMs: options.get("Config.HostAgent.vmacore.soap.sessionTimeout") * 60_000,
      sessionsMax: options.get("Config.HostAgent.vmacore.soap.maxSessionCount"),
    })),
    cloneTickets: new Tickets(clock, "cst-"),
    serviceTickets: new Tickets(clock),
    consoles: new Consoles(clock),
    guestTransfers: new GuestTransfers(clock),
    tasks: new Tasks(database, changes, clock),
    events: new Events(database, changes, clock, identity.hostName, log),
    vms,
    pools: new Pools({ database, vmkernel, host, changes, accounts, options, vms, onBug: parts.onBug }),
    networks: new Networks({ database, vmkernel, agent: () => agent, onSettled: (network) => doors?.follow(network), onBug: parts.onBug }),
    firewall: new Firewall({ database, vmkernel, agent: () => agent }),
    services: new Services({ database, vmkernel, agent: () => agent }),
    files: parts.files,
    leases: new Leases(),
    autoStart: new AutoStart(database, () => agent, parts.onBug),
    hostState: { isShuttingDown: false, maintenance: readMaintenance(database) },
    keepMaintenance: (isIn) => writeMaintenance(database, isIn),
    powerHost: parts.powerHost,
    performance: new Performance({
      clock,
      host,
      vms,
      sampleLoad: () => vmkernel.request({ kind: "sampleLoad" }),
      onSample: (entities) => changes.changed(...entities, ROOT_POOL),
    }),
    accounts,
    lockdown,
    certificates,
    logs: new HostLogs(parts.stateFolder, vmkernel),
    downloads: new Downloads(join(parts.stateFolder, "downloads")),
    log,
    audit: (record: Omit<AuditRecord, "timeMs">) => parts.writeAudit(formatAuditRecord({ timeMs: clock.now(), ...record })),
    get inventory() {
      return inventory;
    },
  };
  const inventory = new Inventory(agent);
  vms.attach(agent);

  vmkernel.onEvent((event) => {
    if (event.kind === "networkChanged") agent.networks.lookSoon();
    else vms.onVmkernelEvent(event);
  });
  vmkernel.onReconnect(() => {
    agent.networks.restore();
    agent.pools.tellAgain().catch(parts.onBug);
    agent.firewall.restore().catch(parts.onBug); // in the kernel it stands meanwhile
    vms.synchronize().catch(parts.onBug);
  });
  agent.networks.rememberAdapters();
  await vms.load();
  await agent.pools.tellAgain();
  await agent.networks.restore();
  await agent.firewall.restore(); // before anybody can connect
  await agent.services.refresh();
  await recoverTasks(agent);

  // vmkernel away: the next one comes
  setInterval(() => void Promise.all([refreshDatastores(), refreshMachine()]).catch(() => {}), REFRESH_MS).unref();
  return agent;
}
