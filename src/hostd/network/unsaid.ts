/** What a switch or port group has and a client of vim25 cannot say: it stays when the client says the rest anew. Pure. */
import { type PortGroupConfig, type ShapedWay, type ShapingPolicy, VGT_ID } from "../../vmkernel/index.ts";
import type { VirtualSwitch } from "./network-config.ts";

export function withInbound(vswitch: VirtualSwitch, inbound: ShapedWay | undefined): VirtualSwitch {
  const { inbound: _, ...shaping } = vswitch.policy.shaping;
  return { ...vswitch, policy: { ...vswitch.policy, shaping: { ...shaping, ...(inbound && { inbound }) } } };
}

/** A trunk that is one no more has no VLANs of its own. */
export function withUnsaid(said: PortGroupConfig, { trunk, overrides }: PortGroupConfig): PortGroupConfig {
  const inbound = overrides.shaping?.inbound;
  const portGroup = inbound === undefined ? said : withShaping(said, { ...said.overrides.shaping, inbound });
  return { ...portGroup, ...(trunk && said.vlanId === VGT_ID && { trunk }) };
}

/** @param shaping all that it has of its own */
export function withShaping<P extends PortGroupConfig>(portGroup: P, shaping: Partial<ShapingPolicy>): P {
  const { shaping: _, ...others } = portGroup.overrides;
  return { ...portGroup, overrides: { ...others, ...(Object.keys(shaping).length > 0 && { shaping }) } };
}
