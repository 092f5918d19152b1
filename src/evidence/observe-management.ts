/**
 * Looks at how the host is managed over its virtual network: what its agent has on record, beside what is in force, and where the API
 * listens in the namespaces of the host's own interfaces, as the kernel lists it.
 */
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { lookInto, type NetworkOnRecord, networkOnRecord } from "../hostd/index.ts";
import { inNamespace, isNamespace, tcpSockets } from "../system/index.ts";
import { type NetworkConfig, type NetworkState, netstackNamespace, netstacksIn } from "../vmkernel/index.ts";

export interface ObservedManagement {
  readonly record: NetworkOnRecord;
  readonly inForce: NetworkConfig;
  readonly nowMs: number;
  /** The API's. */
  readonly port: number;
  /** By the name of each netstack, how many sockets listen there at the API's port. */
  readonly listening: ReadonlyMap<string, number>;
}

export interface ManagementPlaces {
  /** The host agent's database. */
  readonly database: string;
  /** The namespace of the virtual network: the file that keeps it. */
  readonly namespace: string;
  readonly port: number;
}

/** A change is vmkernel's first, and stored then: between the two a look is taken again. */
const LOOKS_MAX = 5;
const BETWEEN_LOOKS_MS = 200;

/** @returns undefined where the host has no agent's database */
export async function observeManagement(
  { database, namespace, port }: ManagementPlaces,
  readState: () => Promise<NetworkState>,
): Promise<ObservedManagement | undefined> {
  for (let looks = 1; ; looks++) {
    const inForce = plain((await readState()).config);
    const blocks = inForce.switches.every(({ policy }) => policy.security.blockSwitchProtocols);
    const found = lookInto(database, (open) => networkOnRecord(open, blocks));
    if (found === undefined) return undefined;
    const record = plain(found);
    if (isDeepStrictEqual(record.network, inForce) || looks === LOOKS_MAX)
      return { record, inForce, nowMs: Date.now(), port, listening: listeningIn(dirname(namespace), port) };
    await sleep(BETWEEN_LOOKS_MS);
  }
}

/** Without what is undefined, as it comes over a socket. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function listeningIn(folder: string, port: number): ReadonlyMap<string, number> {
  const count = (netstack: string): number =>
    inNamespace(
      netstackNamespace(folder, netstack),
      () => tcpSockets().filter((socket) => socket.isListening && socket.localPort === port).length,
    );
  return new Map(
    netstacksIn(folder)
      .filter((netstack) => isNamespace(netstackNamespace(folder, netstack)))
      .map((netstack) => [netstack, count(netstack)]),
  );
}
