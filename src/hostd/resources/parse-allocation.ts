/** Reads what a client asks for a pool (untrusted). Pure. Source: vim25 ResourceConfigSpec, ResourceAllocationInfo, SharesInfo. */
import type { Fault } from "../../base/index.ts";
import { fault, type ResourceAllocationInfo, type ResourceConfigSpec, type SharesLevel } from "../../wire/index.ts";
import { CUSTOM_SHARES } from "../vm-config/index.ts";
import type { Pool, PoolAllocation } from "./pool-tree.ts";
import { RESOURCES, type Resource } from "./reservations.ts";

export const POOL_SHARES = {
  cpu: { low: 2000, normal: 4000, high: 8000 },
  memory: { low: 81_920, normal: 163_840, high: 327_680 },
} as const;
/** In MHz or MB: well over any machine; as for a VM, and no more than vmkernel takes. */
const AMOUNT_MAX = 2 ** 31;

/** What a pool has that says nothing of it: nothing of its own, and what its parent gives. */
export function defaultAllocation(resource: Resource): PoolAllocation {
  return { reservation: 0, expandable: true, limit: -1, shares: { level: "normal", shares: POOL_SHARES[resource].normal } };
}

/**
 * What is left out stays as it is.
 * @param at names the spec in faults
 * @throws {Fault} InvalidArgument
 */
export function parseAllocations(spec: ResourceConfigSpec, current: Pick<Pool, Resource>, at: string): Pick<Pool, Resource> {
  if (spec.scaleDescendantsShares !== undefined && spec.scaleDescendantsShares !== "disabled")
    throw invalid(`${at}.scaleDescendantsShares`);
  const [cpu, memory] = RESOURCES.map((resource) =>
    parseAllocation(spec[`${resource}Allocation`], { current: current[resource], resource, at }),
  );
  return { cpu: cpu ?? current.cpu, memory: memory ?? current.memory };
}

interface Place {
  readonly current: PoolAllocation;
  readonly resource: Resource;
  readonly at: string;
}

function parseAllocation(asked: ResourceAllocationInfo, { current, resource, at: spec }: Place): PoolAllocation {
  const at = `${spec}.${resource}Allocation`;
  const { reservation = current.reservation, limit = current.limit, expandableReservation: expandable = current.expandable } = asked;
  if (!isAmount(reservation)) throw invalid(`${at}.reservation`);
  if (limit !== -1 && (!isAmount(limit) || limit < reservation)) throw invalid(`${at}.limit`);
  return { reservation, expandable, limit, shares: parseShares(asked.shares, { current, resource, at }) };
}

const isAmount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= AMOUNT_MAX;

/** Of a level the host knows the number, whatever the client sent. */
function parseShares(asked: ResourceAllocationInfo["shares"], { current, resource, at }: Place): PoolAllocation["shares"] {
  if (asked === undefined) return current.shares;
  const { level, shares } = asked;
  if (level !== "custom") return { level, shares: POOL_SHARES[resource][level as Exclude<SharesLevel, "custom">] };
  if (!Number.isInteger(shares) || shares < CUSTOM_SHARES.min || shares > CUSTOM_SHARES.max) throw invalid(`${at}.shares.shares`);
  return { level, shares };
}

export function invalid(argument: string): Fault {
  return fault("InvalidArgument", `A specified parameter was not correct: ${argument}`, { invalidProperty: argument });
}
