/** Puts the host agent together from its parts, and brings it to where the former one left off. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type AuditRecord, formatAuditRecord } from "../access/index.ts";
import type { Clock } from "../base/index.ts";
import type { DatastoreDescription, FileDoor } from "../vmkernel/index.ts";
import { Accounts } from "./accounts.ts";
import type { HostAgent, HostIdentity } from "./agent.ts";
import { AutoStart } from "./auto-start/auto-start.ts";
import { Changes } from "./changes.ts";
import { Consoles } from "./console/consoles.ts";
import { type Connection, settingOnce } from "./database.ts";
import { Downloads } from "./diagnostics/downloads.ts";
import { HostLogs } from "./diagnostics/host-logs.ts";
import { formatLogLine } from "./diagnostics/log-lines.ts";
import { Events } from "./events.ts";
import { GuestTransfers } from "./guest-operations/transfers.ts";
import { Inventory } from "./inventory.ts";
import { HOST, HOST_MANAGERS, ROOT_POOL } from "./inventory-tree.ts";
import { ApiDoors } from "./network/api-doors.ts";
import { Networks } from "./network/networks.ts";
import { Options } from "./options/options.ts";
import { Performance } from "./performance/performance.ts";
import { recoverTasks } from "./recover.ts";
import { Pools } from "./resources/pools.ts";
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
  readonly identity: Omit<HostIdentity, "instanceUuid">;
  /** scrypt hash to give root; undefined leaves the one that it has. */
  readonly rootPasswordHash: string | undefined;
  /** hostd's own folder: its logs are there, and what waits to be downloaded. */
  readonly stateFolder: string;
  /** Serves the API on one of the host's own interfaces, too. @returns how to stop that. Nobody is served so where it is absent. */
  readonly serveOn?: (device: string) => Promise<() => void>;
  writeLog(line: string): void;
  writeAudit(line: string): void;
  /** A failure that is a bug: the host goes on, and this tells a person. */
  onBug(error: unknown): void;
}

const REFRESH_MS = 10_000; // free space is shown, not relied on: vmkernel checks again at every deed

export async function createAgent(parts: AgentParts): Promise<HostAgent> {
  const { database, vmkernel, clock } = parts;
  const identity = { ...parts.identity, instanceUuid: settingOnce(database, "instanceUuid", randomUUID) };
  const accounts = new Accounts(database);
  accounts.ensureRoot(parts.rootPasswordHash);
  const changes = new Changes();
  const options = new Options(database);
  const vms = new Vms(database, vmkernel);
  const host = await vmkernel.request({ kind: "describeHost" });
  let datastores: readonly DatastoreDescription[] = [];
  const refreshDatastores = async (): Promise<void> => {
    const before = datastores;
    datastores = await vmkernel.request({ kind: "listDatastores" });
    const changed = datastores.filter(({ name, freeBytes }) => before.find((old) => old.name === name)?.freeBytes !== freeBytes);
    changes.changed(...changed.map(({ uuid }) => ({ type: "Datastore", value: uuid })));
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
    files: parts.files,
    autoStart: new AutoStart(database, () => agent, parts.onBug),
    hostState: { isShuttingDown: false },
    performance: new Performance({
      clock,
      host,
      vms,
      sampleLoad: () => vmkernel.request({ kind: "sampleLoad" }),
      onSample: (entities) => changes.changed(...entities, ROOT_POOL),
    }),
    accounts,
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
    vms.synchronize().catch(parts.onBug);
  });
  agent.networks.rememberAdapters();
  await vms.load();
  await agent.pools.tellAgain();
  await agent.networks.restore();
  await recoverTasks(agent);
  await agent.performance.start();

  // vmkernel away: the next one comes
  setInterval(() => void Promise.all([refreshDatastores(), refreshMachine()]).catch(() => {}), REFRESH_MS).unref();
  return agent;
}
