/**
 * The host agent's parts, as managed objects reach them, and the call that a method answers.
 * Wired together in create-agent.ts; paper «Host Agent».
 */
import type { AuditRecord } from "../access/index.ts";
import type { Clock, Fault } from "../base/index.ts";
import type { CertificateStore } from "../management/index.ts";
import type { DatastoreDescription, FileDoor, HostDescription, Machine } from "../vmkernel/index.ts";
import type { AnyValue, MoRef } from "../wire/index.ts";
import type { LockdownState } from "./access-control/lockdown-state.ts";
import type { Accounts } from "./accounts.ts";
import type { AutoStart } from "./auto-start/auto-start.ts";
import type { Changes } from "./changes.ts";
import type { Consoles } from "./console/consoles.ts";
import type { Downloads } from "./diagnostics/downloads.ts";
import type { HostLogs } from "./diagnostics/host-logs.ts";
import type { Events } from "./events.ts";
import type { Firewall } from "./firewall/firewall.ts";
import type { GuestTransfers } from "./guest-operations/transfers.ts";
import type { HostPowerOperation } from "./host-power/power-host.ts";
import type { HostState } from "./host-state.ts";
import type { Inventory } from "./inventory.ts";
import type { Networks } from "./network/networks.ts";
import type { Leases } from "./nfc/leases.ts";
import type { Options } from "./options/options.ts";
import type { Performance } from "./performance/performance.ts";
import type { Journal } from "./recovery.ts";
import type { Pools } from "./resources/pools.ts";
import type { ServiceRight } from "./service-tickets.ts";
import type { Services } from "./services/services.ts";
import type { Client, Session, Sessions } from "./sessions.ts";
import type { Progress, Task, Tasks } from "./tasks.ts";
import type { Tickets } from "./tickets.ts";
import type { Vms } from "./vms.ts";

/** What the host is called and where it is reached. */
export interface HostIdentity {
  readonly hostName: string;
  readonly address: string;
  readonly port: number;
  /** UUID of this installation, in `about.instanceUuid`. */
  readonly instanceUuid: string;
  /** DER of the certificate that clients see now, and its SHA-1 thumbprint, colon-separated. */
  readonly certificate: Uint8Array;
  readonly thumbprint: string;
}

export interface HostAgent {
  readonly clock: Clock;
  readonly identity: HostIdentity;
  /** What the machine is; read once at start. */
  readonly host: HostDescription;
  /** As they were looked at last, which is seconds ago: free space is shown, not relied on. */
  readonly datastores: () => readonly DatastoreDescription[];
  /** Looks at them now. */
  refreshDatastores(): Promise<void>;
  /** The devices of the machine and its own network, as they were looked at last. */
  readonly machine: () => Machine;
  /** Looks at them now. */
  refreshMachine(): Promise<void>;
  readonly changes: Changes;
  readonly options: Options;
  readonly sessions: Sessions;
  readonly cloneTickets: Tickets<Session>;
  readonly serviceTickets: Tickets<ServiceRight>;
  readonly consoles: Consoles;
  readonly guestTransfers: GuestTransfers;
  readonly tasks: Tasks;
  readonly events: Events;
  readonly vms: Vms;
  readonly networks: Networks;
  readonly pools: Pools;
  readonly firewall: Firewall;
  readonly services: Services;
  /** Open files of the datastores, from vmkernel. */
  readonly files: FileDoor;
  readonly leases: Leases;
  readonly autoStart: AutoStart;
  readonly hostState: HostState;
  /** Writes down that the host is in maintenance mode, or not. */
  keepMaintenance(isIn: boolean): void;
  /** Has the supervisor end the host in order, and start it again where that is asked. */
  powerHost(operation: HostPowerOperation): void;
  readonly performance: Performance;
  readonly inventory: Inventory;
  readonly accounts: Accounts;
  readonly lockdown: LockdownState;
  readonly certificates: CertificateStore;
  readonly logs: HostLogs;
  readonly downloads: Downloads;
  /** Writes a line to hostd's own log. */
  log(text: string): void;
  audit(record: Omit<AuditRecord, "timeMs">): void;
}

/** One request on its way through invoke(). */
export interface Call {
  readonly agent: HostAgent;
  readonly ref: MoRef;
  readonly method: string;
  /** Undefined only for methods that need no more than System.Anonymous. */
  readonly session: Session | undefined;
  readonly client: Client;
  /** Of the API, as the client speaks it. */
  readonly version: string;
  /** Aborted when the client has gone away. */
  readonly signal: AbortSignal;
  /** Gives the client a session cookie with the reply. */
  setSession(secret: string): void;
  /** The answer tells of a refusal that is no fault of this method's own: it is recorded as one. */
  failed(refusal: Fault): void;
  /** Starts the task that this method answers with. `journal` tells a later hostd how to settle it after a crash. */
  startTask(entityName: string, journal: Journal, deed: (progress: Progress, task: Task) => Promise<AnyValue | undefined>): Task;
}

/** The session of a call that has been authenticated. */
export function sessionOf(call: Call): Session {
  if (call.session === undefined) throw new Error(`${call.method} reached its object without a session`);
  return call.session;
}
