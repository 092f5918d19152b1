/**
 * Which changes of the network can cut off those who manage the host, and what shows afterwards that they have not been. Pure.
 * vim25 NetworkRollbackEvent; vSphere's network rollback.
 */
import { computePolicy } from "./computed-policy.ts";
import { findPortGroup, type VirtualNetwork } from "./network-config.ts";

/** Whoever asked for a change, or asks for something after it. */
export interface Manager {
  /** Of the client; "" where nobody knows. */
  readonly address: string;
  /** UserSession.key. */
  readonly session: string;
}

/** What a session that is not the one that changed the network asked for may have been on its way before the change. */
const ON_ITS_WAY_MS = 1000;

/** @param held adapters by which the machine itself is on a network, by their names on the machine */
export function canCutOff(before: VirtualNetwork, wanted: VirtualNetwork, held: ReadonlySet<string>): boolean {
  const had = new Set(uplinksOf(before));
  if (uplinksOf(wanted).some((name) => held.has(name) && !had.has(name))) return true;
  // An adapter that is given back: the machine may be reached by it again, and nobody any more by the switch.
  const now = waysOf(wanted);
  return waysOf(before).some(([device, way]) => now.find(([one]) => one === device)?.[1] !== way);
}

export function uplinksOf({ switches }: VirtualNetwork): readonly string[] {
  return switches.flatMap(({ uplinks }) => uplinks);
}

/** Of each interface that the host is managed by, everything between it and the adapters, as one text. */
function waysOf(network: VirtualNetwork): readonly (readonly [device: string, way: string])[] {
  return network.hostNics
    .filter(({ services }) => services.includes("management"))
    .map(({ services: _, ...nic }) => {
      const { vswitch, portGroup } = findPortGroup(network, nic.portGroup) ?? {};
      const policy = vswitch && portGroup && computePolicy(vswitch.policy, portGroup.overrides);
      const way = [nic, vswitch?.name, vswitch?.uplinks, vswitch?.mtu, portGroup?.vlanId, portGroup?.trunk, policy];
      return [nic.device, JSON.stringify(way)] as const;
    });
}

/**
 * Whether a request shows that the host is still managed as it was.
 * @param sinceMs from when the network was as it is now until the request came
 */
export function showsReached(request: Manager, changedBy: Manager, sinceMs: number): boolean {
  // Who is on the machine itself reaches it whatever its network is: that shows nothing for others.
  if (isOnMachine(request.address) && !isOnMachine(changedBy.address)) return false;
  return request.session === changedBy.session || sinceMs >= ON_ITS_WAY_MS;
}

function isOnMachine(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === "::1";
}
