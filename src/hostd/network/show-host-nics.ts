/** The host's own interfaces as clients see them. Pure. Source: vim25 HostVirtualNic, VirtualNicManagerNetConfig. */
import { isIPv4, isIPv6 } from "node:net";
import type { Learned, NetworkDescription } from "../../vmkernel/index.ts";
import type { HostVirtualNic, HostVirtualNicSpec, VirtualNicManagerNetConfig } from "../../wire/index.ts";
import { canonical } from "./ip-networks.ts";
import type { HostNic, VirtualNetwork } from "./network-config.ts";
import { candidatesFor } from "./plan-host-nics.ts";

/** @param description what is connected: it knows the ports */
export function showHostNic(nic: HostNic, description: NetworkDescription): HostVirtualNic {
  const { switches } = description;
  const { device, portGroup } = nic;
  const port = switches.flatMap(({ ports }) => ports).find(({ connectee }) => connectee.kind === "host" && connectee.device === device);
  return {
    device,
    key: keyOf(nic),
    portgroup: portGroup,
    spec: showHostNicSpec(nic, description),
    ...(port && { port: `key-vim.host.PortGroup.Port-${port.id}` }),
  };
}

/** @param description knows what it was told on its network: an address that a server gave is shown as its own */
export function showHostNicSpec(
  { device, portGroup, mac, mtu, ip, netstack, dhcp, autoconf }: HostNic,
  { learned = {}, duplicates = {} }: Pick<NetworkDescription, "learned" | "duplicates"> = {},
): HostVirtualNicSpec {
  const { lease, autoconf: told = [] }: Learned = learned[device] ?? {};
  const isDuplicate = (address: string): boolean => duplicates[device]?.some((one) => canonical(one) === canonical(address)) === true;
  const ipv4 = ip.find(({ address }) => isIPv4(address)) ?? lease;
  const ipV6Address = [...ip, ...told]
    .filter(({ address }) => isIPv6(address))
    .map(({ kind, address, prefixLength }) => ({
      ipAddress: address,
      prefixLength,
      origin: kind === "static" ? "manual" : "linklayer",
      dadState: isDuplicate(address) ? "duplicate" : "preferred",
    }));
  return {
    ip: {
      dhcp: dhcp === true,
      ...(ipv4 && { ipAddress: ipv4.address, subnetMask: maskOf(ipv4.prefixLength) }),
      ipV6Config: { autoConfigurationEnabled: autoconf === true, dhcpV6Enabled: false, ipV6Address },
    },
    mac,
    mtu,
    tsoEnabled: true,
    portgroup: portGroup,
    netStackInstanceKey: netstack,
  };
}

/** Which interfaces can be chosen for it, and which are. */
export function showNetConfig(network: VirtualNetwork, description: NetworkDescription, nicType: string): VirtualNicManagerNetConfig {
  const candidates = candidatesFor(network, nicType);
  const prefix = nicType === "vmotion" ? "VMotionConfig.vmotion" : nicType;
  const keyFor = (nic: HostNic): string => `${prefix}.${keyOf(nic)}`;
  return {
    nicType,
    multiSelectAllowed: true,
    candidateVnic: candidates.map((nic) => ({ ...showHostNic(nic, description), key: keyFor(nic) })),
    selectedVnic: candidates.filter(({ services }) => services.includes(nicType)).map(keyFor),
  };
}

function keyOf({ device }: HostNic): string {
  return `key-vim.host.VirtualNic-${device}`;
}

function maskOf(prefixLength: number): string {
  const bits = "1".repeat(prefixLength).padEnd(32, "0");
  return [0, 8, 16, 24].map((at) => Number.parseInt(bits.slice(at, at + 8), 2)).join(".");
}
