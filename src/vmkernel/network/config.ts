/**
 * What the host's virtual network shall be: switches, port groups and their policies, and what is plugged into them. Pure types.
 * hostd owns the configuration and says the whole of it at once; vmkernel makes it so (`virtual-network.ts`).
 * Paper «Virtual Switches», «Virtual Ports»; vim25 HostVirtualSwitchSpec, HostPortGroupSpec, HostNetworkPolicy.
 */
import type { VmId } from "../../base/index.ts";

export interface NetworkConfig {
  readonly switches: readonly SwitchConfig[];
  /** The host's own interfaces; none where absent. */
  readonly hostNics?: readonly HostNicConfig[];
  /** Of netstacks, beside those that come with their interfaces' addresses. */
  readonly hostRoutes?: readonly HostRoute[];
  /** For names of machines that the host itself connects to; the machine's own where absent. */
  readonly resolver?: ResolverConfig;
}

export interface ResolverConfig {
  /** Of the DHCP lease of this interface, as long as it has one with name servers: before those that are configured. */
  readonly dhcpDevice?: string;
  readonly nameServers: readonly string[];
  readonly searchDomains: readonly string[];
}

/** An interface of the host itself on a port group: vim25 HostVirtualNic. */
export interface HostNicConfig {
  /** "vmk0" to "vmk255", unique on the host. */
  readonly device: string;
  readonly portGroup: string;
  /** Lower case, colon-separated. Nobody changes it but the configuration. */
  readonly mac: string;
  /** 1280–9000. */
  readonly mtu: number;
  readonly ip: readonly HostAddress[];
  /** Its address of IPv4 is what a DHCP server gives it, and so is the way on from there where none is configured. */
  readonly dhcp?: true;
  /** It has an address of IPv6 in each network that routers tell of (RFC 4862), and takes the way on from them. */
  readonly autoconf?: true;
  /** The host's API is served on it: hostd may listen there. */
  readonly servesApi?: true;
  /** Interfaces of one netstack share its routes; those of two never meet but by a switch. 1–32 letters, digits, "-" and "_". */
  readonly netstack: string;
}

/** IPv4 or IPv6. Only static ones are configured. */
export interface HostAddress {
  readonly kind: "static" | "dhcp" | "autoconf";
  readonly address: string;
  readonly prefixLength: number;
}

/** A way on from a netstack. */
export interface HostRoute {
  readonly netstack: string;
  /** "0.0.0.0/0", "10.0.0.0/8", "2001:db8::/32". */
  readonly destination: string;
  /** On a network of one of the netstack's interfaces: until one has an address there, there is no such route. */
  readonly gateway: string;
  /** The interface; the one on whose network the gateway is where absent. */
  readonly device?: string;
}

/** What one of the host's own interfaces was told on its network. */
export interface Learned {
  readonly lease?: Lease | undefined;
  /** Those that the interface has by what routers told. */
  readonly autoconf?: readonly HostAddress[] | undefined;
}

/** What a DHCP server gave. RFC 2131. */
export interface Lease {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway?: string;
  readonly nameServers: readonly string[];
  readonly searchDomains: readonly string[];
  /** By the machine's clock. */
  readonly untilMs: number;
}

export interface SwitchConfig {
  /** 1–32 characters, unique on the host. */
  readonly name: string;
  /** Ports that it is shown with; virtual ones grow on demand. 1–4096. */
  readonly numPorts: number;
  /** 1280–9000. */
  readonly mtu: number;
  /** Network devices of the machine ("eth1"): each belongs to one switch at most. */
  readonly uplinks: readonly string[];
  /** What is listened to at its uplinks; nothing where absent. */
  readonly discovery?: "cdp" | "lldp";
  readonly policy: NetworkPolicy;
  readonly portGroups: readonly PortGroupConfig[];
}

export interface PortGroupConfig {
  /** 1–256 characters, unique on the host: VMs name it. */
  readonly name: string;
  /** 0: EST, 1–4094: VST, 4095: VGT. */
  readonly vlanId: number;
  /** VGT alone: the VLANs that the trunk carries; all (0–4094) where absent. */
  readonly trunk?: readonly VlanRange[];
  /** What is set here goes before the switch's. */
  readonly overrides: PolicyOverrides;
}

export interface VlanRange {
  readonly first: number;
  readonly last: number;
}

/** Of a switch: everything is decided. */
export interface NetworkPolicy {
  readonly security: SecurityPolicy;
  readonly shaping: ShapingPolicy;
  readonly teaming: TeamingPolicy;
}

/** vim25 HostNetworkSecurityPolicy: true is Accept. */
export interface SecurityPolicy {
  readonly allowPromiscuous: boolean;
  readonly macChanges: boolean;
  readonly forgedTransmits: boolean;
  /** Frames by which switches talk among themselves (STP, DTP, CDP, LLDP: 01:80:c2:00:00:0x, 01:00:0c:cc:cc:cc/cd) are dropped when a guest sends them. */
  readonly blockSwitchProtocols: boolean;
}

/** How much passes a port one way. */
export interface ShapedWay {
  readonly enabled: boolean;
  /** Bits per second. */
  readonly averageBandwidth: number;
  readonly peakBandwidth: number;
  /** Bytes. */
  readonly burstSize: number;
}

/** vim25 HostNetworkTrafficShapingPolicy; per port, outbound (from the guest). The other way is shaped by itself; not at all where absent. */
export interface ShapingPolicy extends ShapedWay {
  readonly inbound?: ShapedWay;
}

/** vim25 HostNicTeamingPolicy. */
export interface TeamingPolicy {
  readonly policy: "loadbalance_srcid" | "loadbalance_srcmac" | "loadbalance_ip" | "failover_explicit";
  readonly notifySwitches: boolean;
  /** true: an uplink that comes back waits until another fails (no failback). */
  readonly rollingOrder: boolean;
  readonly checkBeacon: boolean;
  /** Device names among the switch's uplinks; those in neither list are unused. */
  readonly active: readonly string[];
  readonly standby: readonly string[];
}

export interface PolicyOverrides {
  readonly security?: Partial<SecurityPolicy>;
  readonly shaping?: Partial<ShapingPolicy>;
  readonly teaming?: Partial<TeamingPolicy>;
}

/** Of a port, as vim25 has it for its connectee. */
export type Connectee =
  | { readonly kind: "virtualMachine"; readonly vm: VmId; readonly key: number }
  | { readonly kind: "host"; readonly device: string }
  | { readonly kind: "uplink"; readonly device: string };

/** A VM's NIC as it wants to be plugged in. */
export interface NicPort extends PortNic {
  readonly vm: VmId;
  /** vim25 device key. */
  readonly key: number;
}

/** What a port knows of the adapter that is plugged into it, whoever has it. */
export interface PortNic {
  /** "": it leads nowhere. */
  readonly portGroup: string;
  /** Lower case, colon-separated: as the .vmx has it. */
  readonly initialMac: string;
  /** As the guest's driver has set it; the initial one until it does. */
  readonly effectiveMac: string;
  /** The groups whose frames the adapter asks for; all where it is not known. */
  readonly groups?: GroupFilter;
  readonly firewall?: Firewall;
  /** The host's own: nothing for another IP address is delivered. Any is where absent. */
  readonly ip?: readonly HostAddress[];
}

/** What an adapter takes of what is sent to groups, as its driver has set it. */
export interface GroupFilter {
  readonly broadcast: boolean;
  /** Addresses of groups, lower case, colon-separated, in their order. */
  readonly multicast: "all" | readonly string[];
}

/** The vNIC firewall: first match decides, else `otherwise`. Stateful: replies to what was let through pass. */
export interface Firewall {
  readonly rules: readonly FirewallRule[];
  readonly otherwise: "allow" | "deny";
}

export interface FirewallRule {
  /** As the guest sees it. */
  readonly direction: "in" | "out" | "both";
  readonly action: "allow" | "deny";
  /** IP protocol number, or a name for the EtherType; any where absent. */
  readonly protocol?: "tcp" | "udp" | "icmp" | "icmpv6" | "arp" | number;
  /** The other end's address: IPv4 or IPv6 with prefix length. */
  readonly remote?: { readonly address: string; readonly prefixLength: number };
  readonly remotePorts?: { readonly first: number; readonly last: number };
  /** The guest's own ports. */
  readonly localPorts?: { readonly first: number; readonly last: number };
  readonly icmpType?: number;
  /** The other end's MAC. */
  readonly remoteMac?: string;
  /** Its matches are counted and told. */
  readonly log?: true;
}
