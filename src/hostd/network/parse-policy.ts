/**
 * Policies as clients send them (untrusted), as overrides of what is there. Pure.
 * What a policy asks for and the host would not do is refused by name. Source: vim25 HostNetworkPolicy and its parts.
 */
import type { NetworkPolicy, PolicyOverrides, SecurityPolicy, ShapedWay, TeamingPolicy } from "../../vmkernel/index.ts";
import {
  fault,
  type HostNetworkPolicy,
  type HostNetworkSecurityPolicy,
  type HostNetworkTrafficShapingPolicy,
  type HostNicFailureCriteria,
  type HostNicTeamingPolicy,
} from "../../wire/index.ts";
import { FAILURE_CRITERIA } from "./computed-policy.ts";

export const TEAMING_POLICIES = ["loadbalance_srcid", "loadbalance_srcmac", "loadbalance_ip", "failover_explicit"] as const;
const BITS_PER_SECOND_MAX = 10 ** 13; // more than any adapter carries
const BURST_BYTES_MAX = 2 ** 40; // more than any adapter carries in a second

export interface PolicyPlace {
  /** What faults call the policy: "portgrp.policy". */
  readonly at: string;
  /** The machine's device for what a client calls "vmnic0": one of the switch's, or undefined. */
  readonly uplinkOf: (device: string) => string | undefined;
}

/** @throws {Fault} InvalidArgument, NotSupported, which name the field */
export function parsePolicy(policy: HostNetworkPolicy | undefined, { at, uplinkOf }: PolicyPlace): PolicyOverrides {
  const { security, shapingPolicy, nicTeaming, offloadPolicy } = policy ?? {};
  const offload = Object.entries(offloadPolicy ?? {}).find(([, value]) => value === false);
  if (offload !== undefined) throw notSupported(`${at}.offloadPolicy.${offload[0]}`);
  return {
    ...ifAny("security", parseSecurity(security ?? {})),
    ...ifAny("shaping", readBandwidths(shapingPolicy ?? {}, `${at}.shapingPolicy`)),
    ...ifAny("teaming", parseTeaming(nicTeaming ?? {}, { at: `${at}.nicTeaming`, uplinkOf })),
  };
}

/**
 * What must hold of a policy as a whole, which a port group's and its switch's parts make together.
 * @throws {Fault} InvalidArgument
 */
export function checkPolicy({ shaping, teaming }: NetworkPolicy, at: string): void {
  // Linked uplinks are one to the switch outside: it sends no beacon of one back by another.
  if (teaming.checkBeacon && teaming.policy === "loadbalance_ip")
    throw invalidArgument(`${at}.nicTeaming.failureCriteria.checkBeacon`, "a team by IP hash cannot go by beacons");
  checkBandwidths(shaping, `${at}.shapingPolicy`);
}

/** @throws {Fault} InvalidArgument */
export function checkBandwidths({ enabled, averageBandwidth, peakBandwidth, burstSize }: ShapedWay, at: string): void {
  if (!enabled) return;
  if (averageBandwidth < 1) throw invalidArgument(`${at}.averageBandwidth`, "nothing would pass");
  if (peakBandwidth < averageBandwidth) throw invalidArgument(`${at}.peakBandwidth`, "it is below the average");
  if (burstSize < 1) throw invalidArgument(`${at}.burstSize`, "nothing would pass");
}

function parseSecurity({ allowPromiscuous, macChanges, forgedTransmits }: HostNetworkSecurityPolicy): Partial<SecurityPolicy> {
  return definedOf<SecurityPolicy>({ allowPromiscuous, macChanges, forgedTransmits });
}

/** What is said of one way. @throws {Fault} InvalidArgument */
export function readBandwidths(shaping: HostNetworkTrafficShapingPolicy, at: string): Partial<ShapedWay> {
  const { enabled, averageBandwidth, peakBandwidth, burstSize } = shaping;
  const bounds = { averageBandwidth: BITS_PER_SECOND_MAX, peakBandwidth: BITS_PER_SECOND_MAX, burstSize: BURST_BYTES_MAX };
  for (const name of ["averageBandwidth", "peakBandwidth", "burstSize"] as const) {
    const value = shaping[name] ?? 0;
    if (!Number.isSafeInteger(value) || value < 0 || value > bounds[name])
      throw invalidArgument(`${at}.${name}`, `it is a whole number from 0 to ${bounds[name]}`);
  }
  return definedOf<ShapedWay>({ enabled, averageBandwidth, peakBandwidth, burstSize });
}

/** `reversePolicy` has had no effect since vSphere 5.1, and is always shown as true. */
function parseTeaming(teaming: HostNicTeamingPolicy, { at, uplinkOf }: PolicyPlace): Partial<TeamingPolicy> {
  const { policy: named, notifySwitches, rollingOrder, failureCriteria = {}, nicOrder } = teaming;
  const policy = TEAMING_POLICIES.find((candidate) => candidate === named);
  if (named !== undefined && policy === undefined) throw invalidArgument(`${at}.policy`, `it is one of ${TEAMING_POLICIES.join(", ")}`);
  refuseCriteria(failureCriteria, `${at}.failureCriteria`);
  const order = nicOrder && {
    active: uplinksOf(nicOrder.activeNic ?? [], { at: `${at}.nicOrder.activeNic`, uplinkOf }),
    standby: uplinksOf(nicOrder.standbyNic ?? [], { at: `${at}.nicOrder.standbyNic`, uplinkOf }),
  };
  if (order !== undefined && new Set([...order.active, ...order.standby]).size < order.active.length + order.standby.length)
    throw invalidArgument(`${at}.nicOrder`, "an adapter is in it twice");
  return definedOf<TeamingPolicy>({ policy, notifySwitches, rollingOrder, checkBeacon: failureCriteria.checkBeacon, ...order });
}

function uplinksOf(devices: readonly string[], { at, uplinkOf }: PolicyPlace): readonly string[] {
  return devices.map((device) => {
    const name = uplinkOf(device);
    if (name === undefined) throw invalidArgument(at, `${device.slice(0, 32)} is no uplink of the switch`);
    return name;
  });
}

/** Whether an adapter has a link, and whether beacons go through, is all that is looked at. */
function refuseCriteria({ checkSpeed, speed, checkDuplex, checkErrorPercent }: HostNicFailureCriteria, at: string): void {
  if (checkSpeed !== undefined && checkSpeed !== "" && checkSpeed !== FAILURE_CRITERIA.checkSpeed) throw notSupported(`${at}.checkSpeed`);
  if ((speed ?? 0) > FAILURE_CRITERIA.speed) throw notSupported(`${at}.speed`);
  if (checkDuplex === true) throw notSupported(`${at}.checkDuplex`);
  if (checkErrorPercent === true) throw notSupported(`${at}.checkErrorPercent`);
}

function ifAny<Name extends string, T extends object>(name: Name, part: T): { readonly [N in Name]?: T } {
  return Object.keys(part).length === 0 ? {} : ({ [name]: part } as { readonly [N in Name]: T });
}

/** What the client says: a field that it leaves out is inherited, or stays. */
function definedOf<T extends object>(fields: { readonly [P in keyof T]?: T[P] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)) as Partial<T>;
}

export function invalidArgument(property: string, because: string) {
  return fault("InvalidArgument", `A specified parameter was not correct: ${property}: ${because}.`, { invalidProperty: property });
}

export function notSupported(property: string) {
  return fault("NotSupported", `The operation is not supported on the object. This host does not do what ${property} asks for.`, {});
}
