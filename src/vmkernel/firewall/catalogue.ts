/**
 * The rule sets of this host: which traffic each lets through. Names and labels are ESXi's, whose clients look for them; ports are what
 * this host really serves. Only what something here uses is in it. A table; pure. Source: ESXi's stock rule sets.
 */
export type PortRange =
  /** Where the API is served. */
  | { readonly kind: "api" }
  /** Where serial ports of running VMs listen, and no other port. */
  | { readonly kind: "serial" }
  /** Both ends included; 0–65535 is any. */
  | { readonly kind: "range"; readonly first: number; readonly last: number };

export interface RuleSetRule {
  readonly direction: "inbound" | "outbound";
  readonly protocol: "tcp" | "udp";
  /** Of which end the ports are. */
  readonly portType: "dst" | "src";
  readonly ports: PortRange;
}

export interface RuleSet {
  readonly label: string;
  /** It cannot be disabled; who it is for can be said all the same. */
  readonly required: boolean;
  /** "host": what this host's own programs serve and connect to. "machine": what other programs of the machine do. */
  readonly whose: "host" | "machine";
  /** Whether it is enabled on a host where nobody has said otherwise. */
  readonly enabledAtFirst: boolean;
  /** HostService.key of the service that it belongs to. */
  readonly service?: string;
  readonly rules: readonly RuleSetRule[];
}

const port = (first: number, last = first): PortRange => ({ kind: "range", first, last });
const to = (direction: RuleSetRule["direction"], protocol: RuleSetRule["protocol"], ports: PortRange): RuleSetRule => ({
  direction,
  protocol,
  portType: "dst",
  ports,
});
const ANY_PORT = port(0, 65_535);

const rows = {
  vSphereClient: {
    label: "vSphere Web Client",
    required: true, // without it nobody could enable it again
    whose: "host",
    enabledAtFirst: true,
    rules: [to("inbound", "tcp", { kind: "api" })],
  },
  // Neither is encrypted or authenticated, so that they are closed until somebody opens them, as on ESXi.
  remoteSerialPort: {
    label: "VM serial port connected over network",
    required: false,
    whose: "host",
    enabledAtFirst: false,
    rules: [to("outbound", "tcp", ANY_PORT), to("inbound", "tcp", { kind: "serial" })],
  },
  vSPC: {
    label: "VM serial port connected to vSPC",
    required: false,
    whose: "host",
    enabledAtFirst: false,
    rules: [to("outbound", "tcp", ANY_PORT)],
  },
  // A machine that becomes a host's own must not shut out who administers it by SSH.
  sshServer: {
    label: "SSH Server",
    required: false,
    whose: "machine",
    enabledAtFirst: true,
    service: "TSM-SSH",
    rules: [to("inbound", "tcp", port(22))],
  },
  sshClient: { label: "SSH Client", required: false, whose: "machine", enabledAtFirst: false, rules: [to("outbound", "tcp", port(22))] },
  dns: {
    label: "DNS Client",
    required: false,
    whose: "machine",
    enabledAtFirst: true,
    rules: [to("outbound", "udp", port(53)), to("outbound", "tcp", port(53))],
  },
  dhcp: {
    label: "DHCP Client",
    required: false,
    whose: "machine",
    enabledAtFirst: true,
    rules: [to("inbound", "udp", port(68)), { direction: "outbound", protocol: "udp", portType: "src", ports: port(68) }],
  },
  DHCPv6: {
    label: "DHCPv6",
    required: false,
    whose: "machine",
    enabledAtFirst: true,
    rules: [to("inbound", "udp", port(546)), to("outbound", "udp", port(547))],
  },
  ntpClient: {
    label: "NTP Client",
    required: false,
    whose: "machine",
    enabledAtFirst: false,
    service: "ntpd",
    rules: [to("outbound", "udp", port(123))],
  },
  httpClient: {
    label: "httpClient",
    required: false,
    whose: "machine",
    enabledAtFirst: false,
    rules: [to("outbound", "tcp", port(80)), to("outbound", "tcp", port(443))],
  },
} as const satisfies Readonly<Record<string, RuleSet>>;

export type RuleSetKey = keyof typeof rows;

export const ruleSets: Readonly<Record<RuleSetKey, RuleSet>> = rows;

export const RULE_SET_KEYS = Object.keys(rows) as readonly RuleSetKey[];

export function parseRuleSetKey(text: string): RuleSetKey | undefined {
  return RULE_SET_KEYS.find((key) => key === text);
}
