/**
 * The network as the database keeps it: what shall be, and what a change goes back to when it cuts off those who manage the host. The
 * host agent writes it; whoever looks at the host reads it.
 */
import type { NetworkConfig } from "../../vmkernel/index.ts";
import type { Connection } from "../database.ts";
import { FIRST_NETWORK, readStored, toVmkernel, type VirtualNetwork } from "./network-config.ts";
import type { PendingRollback } from "./rollbacks.ts";

export const NETWORK_SETTING = "network";
export const ROLLBACK_SETTING = "networkRollback";

export function readStoredNetwork(database: Connection): VirtualNetwork {
  const text = readText(database, NETWORK_SETTING);
  return text === undefined ? FIRST_NETWORK : readStored(text);
}

export function readPendingRollback(database: Connection): PendingRollback | undefined {
  const text = readText(database, ROLLBACK_SETTING);
  return text === undefined ? undefined : (JSON.parse(text) as PendingRollback);
}

/** What is stored, as vmkernel is told it. */
export interface NetworkOnRecord {
  readonly network: NetworkConfig;
  /** A change that stays only when somebody who manages the host is heard of. */
  readonly pending?: { readonly methodName: string; readonly untilMs: number; readonly before: NetworkConfig };
}

/** @param blocksSwitchProtocols an advanced setting, which is not of the network's own record */
export function networkOnRecord(database: Connection, blocksSwitchProtocols: boolean): NetworkOnRecord {
  const pending = readPendingRollback(database);
  return {
    network: toVmkernel(readStoredNetwork(database), blocksSwitchProtocols),
    ...(pending && {
      pending: { methodName: pending.methodName, untilMs: pending.untilMs, before: toVmkernel(pending.before, blocksSwitchProtocols) },
    }),
  };
}

function readText(database: Connection, key: string): string | undefined {
  const row = database.prepare("SELECT value FROM setting WHERE key = ?").get(key) as { value: string } | undefined;
  return row?.value;
}
