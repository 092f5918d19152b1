/**
 * What is in force at a port: the port group's policy over its switch's, field by field. Pure.
 * Paper «Virtual Ports»; vim25 HostPortGroup.computedPolicy.
 */
import type { NetworkPolicy, PolicyOverrides, TeamingPolicy } from "./config.ts";

/** The order of uplinks is inherited as one: a port group that names active ones alone has no standby ones. */
export function effectivePolicy(ofSwitch: NetworkPolicy, { security, shaping, teaming }: PolicyOverrides): NetworkPolicy {
  return {
    security: { ...ofSwitch.security, ...security },
    shaping: { ...ofSwitch.shaping, ...shaping },
    teaming: { ...ofSwitch.teaming, ...teaming, ...orderOf(ofSwitch.teaming, teaming) },
  };
}

function orderOf(ofSwitch: TeamingPolicy, own: PolicyOverrides["teaming"]): Pick<TeamingPolicy, "active" | "standby"> {
  const { active, standby } = own ?? {};
  if (active === undefined && standby === undefined) return { active: ofSwitch.active, standby: ofSwitch.standby };
  return { active: active ?? [], standby: standby ?? [] };
}
