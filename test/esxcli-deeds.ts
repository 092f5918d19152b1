/** Every command of esxcli that changes something: the deed, what shows that it is done, and what takes it back. */
import type { Arguments } from "./esxcli.ts";

export const TIMEOUT = "/Config/HostAgent/vmacore/soap/sessionTimeout";

export interface Deed {
  /** Once before, and taken back at the end. */
  readonly first?: Step;
  readonly deed: Step;
  readonly reading: Step;
  /** Fields of some row of the reading; BESIDES first: others are there too. */
  readonly shows: Readonly<Record<string, readonly string[]>>;
  readonly undo: readonly Step[];
}
export const BESIDES = "…";
export type Step = readonly [path: string, args?: Arguments];

export const SWITCH = "network vswitch standard";
export const GROUP = `${SWITCH} portgroup`;
/** What ESXi's standard switches have not. */
export const OWN = "bulkhead network";
const inbound = { enabled: "true", avgbandwidth: "1000", peakbandwidth: "2000", burstsize: "64" };
export const INTERFACE = "network ip interface";
export const onSwitch = { vswitchname: "vSwitch0" };
export const onGroup = { portgroupname: "VM Network" };
const vmk0 = { interfacename: "vmk0" };
export const withInterface: Step = [`${INTERFACE} add`, { portgroupname: "Management Network", macaddress: "00:50:56:61:00:01" }];
const toNet = { network: "10.9.0.0/16", gateway: "192.0.2.1" };
const toNet6 = { network: "2001:db8:9::/48", gateway: "fe80::1%vmk0" };
const withServer: Step = ["network ip dns server add", { server: "192.0.2.53" }];
const withoutServers: Step = ["network ip dns server remove", { all: "true" }];
export const withoutInterface: Step = [`${INTERFACE} remove`, vmk0];

/** Each deed, what shows that it is done, and what takes it back. "NIC" is the machine's adapter that no switch has. */
export const deeds: readonly Deed[] = [
  {
    deed: ["sched swap system set", { datastoreenabled: "false", hostlocalswaporder: "2" }],
    reading: ["sched swap system get"],
    shows: { DatastoreEnabled: ["false"], HostlocalswapOrder: ["2"] },
    undo: [],
  },
  {
    deed: [`${SWITCH} add`, { vswitchname: "lab", ports: "64" }],
    reading: [`${SWITCH} list`, { vswitchname: "lab" }],
    shows: { Name: ["lab"], ConfiguredPorts: ["64"], MTU: ["1500"] },
    undo: [[`${SWITCH} remove`, { vswitchname: "lab" }]],
  },
  {
    deed: [`${SWITCH} set`, { ...onSwitch, mtu: "9000", cdpstatus: "down" }],
    reading: [`${SWITCH} list`],
    shows: { Name: ["vSwitch0"], MTU: ["9000"], CDPStatus: ["down"] },
    undo: [[`${SWITCH} set`, { ...onSwitch, mtu: "1500", cdpstatus: "listen" }]],
  },
  {
    deed: [`${SWITCH} uplink add`, { ...onSwitch, uplinkname: "NIC" }],
    reading: [`${SWITCH} policy failover get`, onSwitch],
    shows: { ActiveAdapters: ["NIC"] },
    undo: [[`${SWITCH} uplink remove`, { ...onSwitch, uplinkname: "NIC" }]],
  },
  {
    deed: [`${SWITCH} policy failover set`, { ...onSwitch, loadbalancing: "iphash", failback: "no", notifyswitches: "0" }],
    reading: [`${SWITCH} policy failover get`, onSwitch],
    shows: { LoadBalancing: ["iphash"], Failback: ["false"], NotifySwitches: ["false"], NetworkFailureDetection: ["link"] },
    undo: [[`${SWITCH} policy failover set`, { ...onSwitch, loadbalancing: "portid", failback: "yes", notifyswitches: "1" }]],
  },
  {
    deed: [`${SWITCH} policy security set`, { ...onSwitch, allowpromiscuous: "true", allowmacchange: "true" }],
    reading: [`${SWITCH} policy security get`, onSwitch],
    shows: { AllowPromiscuous: ["true"], AllowMACAddressChange: ["true"], AllowForgedTransmits: ["false"] },
    undo: [[`${SWITCH} policy security set`, { ...onSwitch, allowpromiscuous: "false", allowmacchange: "false" }]],
  },
  {
    deed: [`${SWITCH} policy shaping set`, { ...onSwitch, enabled: "true", avgbandwidth: "1000", peakbandwidth: "2000", burstsize: "64" }],
    reading: [`${SWITCH} policy shaping get`, onSwitch],
    shows: { Enabled: ["true"], AverageBandwidth: ["1000"], PeakBandwidth: ["2000"], BurstSize: ["64"] },
    undo: [[`${SWITCH} policy shaping set`, { ...onSwitch, enabled: "false", avgbandwidth: "0", peakbandwidth: "0", burstsize: "0" }]],
  },
  {
    first: [`${GROUP} set`, { ...onGroup, vlanid: "4095" }],
    deed: [`${OWN} portgroup trunk set`, { ...onGroup, ranges: "0,10-19, 30" }],
    reading: [`${OWN} portgroup trunk get`, onGroup],
    shows: { VLANID: ["4095"], VLANs: ["0", "10-19", "30"] },
    undo: [
      [`${OWN} portgroup trunk set`, { ...onGroup, all: "true" }],
      [`${GROUP} set`, { ...onGroup, vlanid: "0" }],
    ],
  },
  {
    deed: [`${OWN} vswitch inbound set`, { ...onSwitch, ...inbound }],
    reading: [`${OWN} portgroup inbound get`, onGroup],
    shows: { Enabled: ["true"], AverageBandwidth: ["1000"], PeakBandwidth: ["2000"], BurstSize: ["64"], OverrideVswitchPolicy: ["false"] },
    undo: [[`${OWN} vswitch inbound set`, { ...onSwitch, enabled: "false", avgbandwidth: "0", peakbandwidth: "0", burstsize: "0" }]],
  },
  {
    deed: [`${OWN} portgroup inbound set`, { ...onGroup, ...inbound }],
    reading: [`${OWN} portgroup inbound get`, onGroup],
    shows: { Enabled: ["true"], AverageBandwidth: ["1000"], OverrideVswitchPolicy: ["true"] },
    undo: [[`${OWN} portgroup inbound set`, { ...onGroup, usevswitch: "true" }]],
  },
  {
    deed: [`${GROUP} add`, { ...onSwitch, portgroupname: "dmz <1>" }],
    reading: [`${GROUP} list`],
    shows: { Name: ["dmz <1>"], VirtualSwitch: ["vSwitch0"], VLANID: ["0"] },
    undo: [[`${GROUP} remove`, { ...onSwitch, portgroupname: "dmz <1>" }]],
  },
  {
    deed: [`${GROUP} set`, { ...onGroup, vlanid: "7" }],
    reading: [`${GROUP} list`],
    shows: { Name: ["VM Network"], VLANID: ["7"], ActiveClients: ["1"] },
    undo: [[`${GROUP} set`, { ...onGroup, vlanid: "0" }]],
  },
  {
    deed: [`${GROUP} policy failover set`, { ...onGroup, loadbalancing: "mac" }],
    reading: [`${GROUP} policy failover get`, onGroup],
    shows: { LoadBalancing: ["srcmac"], OverrideVswitchLoadBalancing: ["true"], OverrideVswitchFailback: ["false"] },
    undo: [[`${GROUP} policy failover set`, { ...onGroup, usevswitch: "true" }]],
  },
  {
    deed: [`${GROUP} policy security set`, { ...onGroup, allowforgedtransmits: "true" }],
    reading: [`${GROUP} policy security get`, onGroup],
    shows: { AllowForgedTransmits: ["true"], OverrideVswitchAllowForgedTransmits: ["true"], OverrideVswitchAllowPromiscuous: ["false"] },
    undo: [[`${GROUP} policy security set`, { ...onGroup, usevswitch: "true" }]],
  },
  {
    deed: [`${GROUP} policy shaping set`, { ...onGroup, enabled: "true", avgbandwidth: "10", peakbandwidth: "10", burstsize: "1" }],
    reading: [`${GROUP} policy shaping get`, onGroup],
    shows: { Enabled: ["true"], AverageBandwidth: ["10"], OverrideVswitchPolicy: ["true"] },
    undo: [[`${GROUP} policy shaping set`, { ...onGroup, usevswitch: "true" }]],
  },
  {
    deed: withInterface,
    reading: [`${INTERFACE} list`],
    shows: {
      Name: ["vmk0"],
      MACAddress: ["00:50:56:61:00:01"],
      Portset: ["vSwitch0"],
      NetstackInstance: ["defaultTcpipStack"],
      VDSName: ["N/A"],
    },
    undo: [withoutInterface],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} set`, { ...vmk0, mtu: "9000" }],
    reading: [`${INTERFACE} list`, { netstack: "defaultTcpipStack" }],
    shows: { Name: ["vmk0"], MTU: ["9000"] },
    undo: [withoutInterface],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} ipv4 set`, { ...vmk0, type: "static", ipv4: "10.1.2.3", netmask: "255.255.252.0" }],
    reading: [`${INTERFACE} ipv4 get`, vmk0],
    shows: { IPv4Address: ["10.1.2.3"], IPv4Netmask: ["255.255.252.0"], IPv4Broadcast: ["10.1.3.255"], AddressType: ["STATIC"] },
    undo: [withoutInterface],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} ipv6 address add`, { ...vmk0, ipv6: "2001:db8::7/64" }],
    reading: [`${INTERFACE} ipv6 address list`],
    shows: { Interface: ["vmk0"], Address: ["2001:db8::7"], Netmask: ["64"], Type: ["STATIC"] },
    undo: [[`${INTERFACE} ipv6 address remove`, { ...vmk0, ipv6: "2001:db8::7/64" }], withoutInterface],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} ipv4 set`, { ...vmk0, type: "dhcp", peerdns: "true" }],
    reading: [`${INTERFACE} ipv4 get`, vmk0],
    shows: { IPv4Address: ["0.0.0.0"], AddressType: ["DHCP"], DHCPDNS: ["true"] },
    undo: [[`${INTERFACE} ipv4 set`, { ...vmk0, type: "none" }], withoutInterface, withoutServers],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} ipv6 set`, { ...vmk0, enablerouteradv: "true" }],
    reading: [`${INTERFACE} ipv6 get`, vmk0],
    shows: { Name: ["vmk0"], RouterAdvEnabled: ["true"], DHCPv6Enabled: ["false"] },
    undo: [withoutInterface],
  },
  {
    deed: ["network ip route ipv4 add", toNet],
    reading: ["network ip route ipv4 list"],
    shows: { Network: ["10.9.0.0"], Netmask: ["255.255.0.0"], Gateway: ["192.0.2.1"], Source: ["MANUAL"] },
    undo: [["network ip route ipv4 remove", toNet]],
  },
  {
    first: withInterface,
    deed: ["network ip route ipv6 add", toNet6],
    reading: ["network ip route ipv6 list", { netstack: "defaultTcpipStack" }],
    shows: { Network: ["2001:db8:9::"], Netmask: ["48"], Gateway: ["fe80::1"], Interface: ["vmk0"] },
    undo: [["network ip route ipv6 remove", toNet6], withoutInterface],
  },
  {
    first: withServer,
    deed: ["network ip dns server add", { server: "2001:DB8::53" }],
    reading: ["network ip dns server list"],
    shows: { DNSServers: [BESIDES, "192.0.2.53", "2001:db8::53"] },
    undo: [["network ip dns server remove", { server: "2001:db8::53" }], withoutServers],
  },
  {
    first: withServer,
    deed: ["network ip dns search add", { domain: "lab.example.org" }],
    reading: ["network ip dns search list"],
    shows: { DNSSearchDomains: [BESIDES, "lab.example.org"] },
    undo: [["network ip dns search remove", { domain: "LAB.example.org" }], withoutServers],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} tag add`, { ...vmk0, tagname: "VSAN" }],
    reading: [`${INTERFACE} tag get`, vmk0],
    shows: { Tags: ["VSAN"] },
    undo: [[`${INTERFACE} tag remove`, { ...vmk0, tagname: "VSAN" }], withoutInterface],
  },
  {
    first: withInterface,
    deed: [`${INTERFACE} tag add`, { ...vmk0, tagname: "NVMeTCP" }],
    reading: [`${INTERFACE} tag get`, vmk0],
    shows: { Tags: ["NVMeTCP"] },
    undo: [[`${INTERFACE} tag remove`, { ...vmk0, tagname: "NVMeTCP" }], withoutInterface],
  },
  {
    deed: ["network firewall ruleset set", { rulesetid: "remoteSerialPort", enabled: "true" }],
    reading: ["network firewall ruleset list", { rulesetid: "remoteSerialPort" }],
    shows: { Name: ["remoteSerialPort"], Enabled: ["true"] },
    undo: [["network firewall ruleset set", { rulesetid: "remoteSerialPort", enabled: "false" }]],
  },
  {
    first: ["network firewall ruleset allowedip add", { rulesetid: "vSPC", ipaddress: "192.0.2.0/24" }],
    deed: ["network firewall ruleset set", { rulesetid: "vSPC", allowedall: "false" }],
    reading: ["network firewall ruleset allowedip list", { rulesetid: "vSPC" }],
    shows: { Ruleset: ["vSPC"], AllowedIPAddresses: ["192.0.2.0/24"] },
    undo: [
      ["network firewall ruleset set", { rulesetid: "vSPC", allowedall: "true" }],
      ["network firewall ruleset allowedip remove", { rulesetid: "vSPC", ipaddress: "192.0.2.0/24" }],
    ],
  },
  {
    deed: ["network firewall set", { defaultaction: "true" }],
    reading: ["network firewall get"],
    shows: { DefaultAction: ["PASS"] },
    undo: [["network firewall set", { defaultaction: "false" }]],
  },
  {
    deed: ["network firewall refresh"],
    reading: ["network firewall ruleset rule list", { rulesetid: "vSphereClient" }],
    shows: { Ruleset: ["vSphereClient"], Direction: ["Inbound"], Protocol: ["TCP"] },
    undo: [],
  },
  {
    deed: ["storage core adapter rescan", { all: "true" }],
    reading: ["storage filesystem list"],
    shows: { VolumeName: ["datastore1"], Mounted: ["true"] },
    undo: [],
  },
  {
    deed: ["system account add", { id: "ruth", password: "xQaTEhb!", passwordconfirmation: "xQaTEhb!", description: "Ruth & co" }],
    reading: ["system account list"],
    shows: { UserID: ["ruth"], Description: ["Ruth & co"], ShellAccess: ["false"] },
    undo: [["system account remove", { id: "ruth" }]],
  },
  {
    first: ["system account add", { id: "ruth", password: "xQaTEhb!", passwordconfirmation: "xQaTEhb!" }],
    deed: ["system account set", { id: "ruth", description: "another" }],
    reading: ["system account list"],
    shows: { UserID: ["ruth"], Description: ["another"] },
    undo: [["system account remove", { id: "ruth" }]],
  },
  {
    first: ["system account add", { id: "ruth", password: "xQaTEhb!", passwordconfirmation: "xQaTEhb!" }],
    deed: ["system permission set", { id: "ruth", role: "ReadOnly" }],
    reading: ["system permission list"],
    shows: { Principal: ["ruth"], Role: ["ReadOnly"], IsGroup: ["false"] },
    undo: [
      ["system permission unset", { id: "ruth" }],
      ["system account remove", { id: "ruth" }],
    ],
  },
  {
    deed: ["system settings kernel set", { setting: "hyperthreadingMitigation", value: "TRUE" }],
    reading: ["system settings kernel list", { delta: "true" }],
    shows: { Name: ["hyperthreadingMitigation"], Configured: ["TRUE"], Runtime: ["TRUE"], Default: ["FALSE"] },
    undo: [["system settings kernel set", { setting: "hyperthreadingMitigation", value: "FALSE" }]],
  },
  {
    deed: ["system settings advanced set", { option: TIMEOUT, intvalue: "45" }],
    reading: ["system settings advanced list", { delta: "true" }],
    shows: { Path: [TIMEOUT], IntValue: ["45"], DefaultIntValue: ["30"], Type: ["integer"] },
    undo: [["system settings advanced set", { option: TIMEOUT, default: "true" }]],
  },
];
