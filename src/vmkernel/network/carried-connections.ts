/**
 * The connections of a port's firewall, away from the port: kept with the memory of a guest that is suspended, and put into the port that
 * it has when it goes on, here or on another host. Pure.
 *   | flow:320 | nanoseconds that it would have lasted:64 | nanoseconds that it lasts from each packet on:64 | …
 * A flow is as programs know it (`compile/firewall/places.ts`). It names no port and no switch, so it is the same wherever the guest is.
 */
import { CONNECTION, CONNECTION_BYTES, CONNECTIONS_MAX, FLOW_BYTES, TIMEOUT } from "./compile/firewall/places.ts";

export interface CarriedConnection {
  readonly flow: Buffer;
  readonly remainingNs: bigint;
  readonly timeoutNs: bigint;
}

const CARRIED_BYTES = FLOW_BYTES + 16;
const AT = { remaining: FLOW_BYTES, timeout: FLOW_BYTES + 8 } as const;
/** The longest of them. */
const TIMEOUT_MAX = TIMEOUT.tcpOpen;
const NS_PER_MS = 1_000_000n;

/** As it is in the port's map. @param nowNs of the monotonic clock @returns undefined for one that is over */
export function readConnection(flow: Buffer, value: Buffer, nowNs: bigint): CarriedConnection | undefined {
  const remainingNs = value.readBigUInt64LE(CONNECTION.expires) - nowNs;
  return remainingNs <= 0n ? undefined : { flow, remainingNs, timeoutNs: value.readBigUInt64LE(CONNECTION.timeout) };
}

/** For the port's map. */
export function writeConnection({ remainingNs, timeoutNs }: CarriedConnection, nowNs: bigint): Buffer {
  const value = Buffer.alloc(CONNECTION_BYTES);
  value.writeBigUInt64LE(nowNs + remainingNs, CONNECTION.expires);
  value.writeBigUInt64LE(timeoutNs, CONNECTION.timeout);
  return value;
}

export function encodeConnections(connections: readonly CarriedConnection[]): Buffer {
  const bytes = Buffer.alloc(connections.length * CARRIED_BYTES);
  for (const [at, { flow, remainingNs, timeoutNs }] of connections.entries()) {
    flow.copy(bytes, at * CARRIED_BYTES);
    bytes.writeBigUInt64LE(remainingNs, at * CARRIED_BYTES + AT.remaining);
    bytes.writeBigUInt64LE(timeoutNs, at * CARRIED_BYTES + AT.timeout);
  }
  return bytes;
}

/**
 * Of a file that anybody may have written: one that would last longer than any connection does is none.
 * @param elapsedMs since they were encoded: what is over by now is not there
 */
export function parseConnections(bytes: Buffer, elapsedMs: number): readonly CarriedConnection[] {
  const count = Math.min(Math.floor(bytes.length / CARRIED_BYTES), CONNECTIONS_MAX);
  const elapsedNs = BigInt(Math.max(0, Math.round(elapsedMs))) * NS_PER_MS;
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * CARRIED_BYTES, (at + 1) * CARRIED_BYTES)).flatMap((one) => {
    const [saved, timeoutNs] = [one.readBigUInt64LE(AT.remaining), one.readBigUInt64LE(AT.timeout)];
    const remainingNs = saved - elapsedNs;
    const isConnection = timeoutNs > 0n && timeoutNs <= TIMEOUT_MAX && saved <= timeoutNs;
    return isConnection && remainingNs > 0n ? [{ flow: Buffer.from(one.subarray(0, FLOW_BYTES)), remainingNs, timeoutNs }] : [];
  });
}
