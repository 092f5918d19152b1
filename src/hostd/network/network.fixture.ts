/** A network and what is known of its host, for the tests beside it. */
import type { HostPortGroupSpec, HostVirtualSwitchSpec } from "../../wire/index.ts";
import { encodeFault, NEWEST_VERSION } from "../../wire/index.ts";
import { FIRST_NETWORK, type VirtualNetwork } from "./network-config.ts";
import { addPortGroup, addSwitch, type NetworkFacts } from "./plan-network.ts";

/** vmnic0 is the one by which the host is reached. */
export const facts: NetworkFacts = {
  adapters: [
    { device: "vmnic0", name: "eth0", heldBecause: "the machine's default route leads through it" },
    { device: "vmnic1", name: "eth1" },
    { device: "vmnic2", name: "eth2" },
  ],
  inUse: new Map([["VM Network", "the powered-on virtual machine web"]]),
};

export const switchSpec = (extra: Partial<HostVirtualSwitchSpec> = {}): HostVirtualSwitchSpec => ({ numPorts: 128, ...extra });
export const bond = (...nicDevice: readonly string[]) =>
  ({ $type: "HostVirtualSwitchBondBridge", nicDevice }) as HostVirtualSwitchSpec["bridge"];
export const portGroup = (name: string, extra: Partial<HostPortGroupSpec> = {}): HostPortGroupSpec => ({
  name,
  vlanId: 0,
  vswitchName: "vSwitch0",
  policy: {},
  ...extra,
});

/** vSwitch0 as at first, vSwitch1 with the uplinks vmnic1 (active) and vmnic2 (standby), and a port group "dmz" on it that says so too. */
export function wiredNetwork(): VirtualNetwork {
  const nicTeaming = { nicOrder: { activeNic: ["vmnic1"], standbyNic: ["vmnic2"] } };
  const spec = switchSpec({ bridge: bond("vmnic1", "vmnic2"), policy: { nicTeaming } });
  const wired = addSwitch(FIRST_NETWORK, { name: "vSwitch1", spec }, facts);
  return addPortGroup(wired, portGroup("dmz", { vlanId: 7, vswitchName: "vSwitch1", policy: { nicTeaming } }), facts);
}

/** The name of the fault and its first field, having checked that the schema has such a fault. */
export function refusal(attempt: () => unknown): readonly [fault: string, detail: unknown] {
  try {
    attempt();
  } catch (error) {
    encodeFault(error as Parameters<typeof encodeFault>[0], NEWEST_VERSION);
    const { fault, fields } = error as { fault: string; fields: Readonly<Record<string, unknown>> };
    return [fault, fields.invalidProperty ?? fields.name];
  }
  throw new Error("nothing was refused");
}
