/**
 * Policies of switches and port groups in esxcli's words, both ways. Pure. Source: `esxcli network vswitch standard policy`, vim25
 * HostNetworkPolicy. Bandwidths are Kbps (1000 bits a second) and bursts KiB here; vim25 has bits a second, and bytes.
 */
import type { HostNetworkPolicy, HostNetworkTrafficShapingPolicy, HostNicTeamingPolicy } from "../../../wire/index.ts";
import { type ArgsOf, bool, CommandFailed, long, oneOf, text } from "../command.ts";
import { namesIn } from "./network-system.ts";

const BALANCING = [
  { shown: "srcport", set: "portid", policy: "loadbalance_srcid" },
  { shown: "srcmac", set: "mac", policy: "loadbalance_srcmac" },
  { shown: "iphash", set: "iphash", policy: "loadbalance_ip" },
  { shown: "explicit", set: "explicit", policy: "failover_explicit" },
] as const;

export const FAILOVER = {
  "Load Balancing": "string",
  "Network Failure Detection": "string",
  "Notify Switches": "boolean",
  Failback: "boolean",
  "Active Adapters": "string[]",
  "Standby Adapters": "string[]",
  "Unused Adapters": "string[]",
} as const;

export const SECURITY = {
  "Allow Promiscuous": "boolean",
  "Allow MAC Address Change": "boolean",
  "Allow Forged Transmits": "boolean",
} as const;

export const SHAPING = { Enabled: "boolean", "Average Bandwidth": "long", "Peak Bandwidth": "long", "Burst Size": "long" } as const;
export const SHAPING_UNITS = { "Average Bandwidth": "Kbps", "Peak Bandwidth": "Kbps", "Burst Size": "Kib" };

/** @param uplinks of the switch */
export function showFailover({ nicTeaming = {} }: HostNetworkPolicy, uplinks: readonly string[]) {
  const { policy, notifySwitches, rollingOrder, failureCriteria, nicOrder } = nicTeaming;
  const [active, standby] = [nicOrder?.activeNic ?? [], nicOrder?.standbyNic ?? []];
  return {
    "Load Balancing": BALANCING.find((one) => one.policy === policy)?.shown,
    "Network Failure Detection": failureCriteria?.checkBeacon === true ? "beacon" : "link",
    "Notify Switches": notifySwitches,
    Failback: rollingOrder === undefined ? undefined : !rollingOrder,
    "Active Adapters": active,
    "Standby Adapters": standby,
    "Unused Adapters": uplinks.filter((name) => !active.includes(name) && !standby.includes(name)),
  };
}

export function showSecurity({ security = {} }: HostNetworkPolicy) {
  return {
    "Allow Promiscuous": security.allowPromiscuous,
    "Allow MAC Address Change": security.macChanges,
    "Allow Forged Transmits": security.forgedTransmits,
  };
}

export function showShaping({ shapingPolicy = {} }: HostNetworkPolicy) {
  const { enabled, averageBandwidth, peakBandwidth, burstSize } = shapingPolicy;
  const [kilobits, kibibytes] = [(bits = 0) => Math.floor(bits / 1000), (bytes = 0) => Math.floor(bytes / 1024)];
  return {
    Enabled: enabled,
    "Average Bandwidth": kilobits(averageBandwidth),
    "Peak Bandwidth": kilobits(peakBandwidth),
    "Burst Size": kibibytes(burstSize),
  };
}

export const failoverParams = {
  activeuplinks: text("-a", "--active-uplinks", "The uplinks that carry traffic, separated by commas."),
  failback: bool("-b", "--failback", "Whether an uplink that works again is used again at once."),
  failuredetection: oneOf(["beacon", "link"], "-f", "--failure-detection", "How it is known that an uplink has failed: beacon, link."),
  loadbalancing: oneOf(
    ["explicit", "iphash", "mac", "portid"],
    "-l",
    "--load-balancing",
    "By what an uplink is chosen: explicit, iphash, mac, portid.",
  ),
  notifyswitches: bool("-n", "--notify-switches", "Whether physical switches are told of a port that comes or moves."),
  standbyuplinks: text("-s", "--standby-uplinks", "The uplinks that stand in for a failed one, separated by commas."),
};

type FailoverArgs = ArgsOf<typeof failoverParams>;

/** Of the two lists, one that is not given keeps what the other does not take. @param now what is in force */
export function failoverChange(args: FailoverArgs, now: HostNicTeamingPolicy): HostNicTeamingPolicy {
  const policy = BALANCING.find(({ set }) => set === args.loadbalancing)?.policy;
  const active = args.activeuplinks === undefined ? undefined : namesIn(args.activeuplinks);
  const standby = args.standbyuplinks === undefined ? undefined : namesIn(args.standbyuplinks);
  const left = (names: readonly string[] = [], taken: readonly string[] = []) => names.filter((name) => !taken.includes(name));
  const order = {
    activeNic: active ?? left(now.nicOrder?.activeNic, standby),
    standbyNic: standby ?? left(now.nicOrder?.standbyNic, active),
  };
  return {
    ...(policy !== undefined && { policy }),
    ...(args.notifyswitches !== undefined && { notifySwitches: args.notifyswitches }),
    ...(args.failback !== undefined && { rollingOrder: !args.failback }),
    ...(args.failuredetection !== undefined && { failureCriteria: { checkBeacon: args.failuredetection === "beacon" } }),
    ...((active !== undefined || standby !== undefined) && { nicOrder: order }),
  };
}

export const securityParams = {
  allowforgedtransmits: bool(
    "-f",
    "--allow-forged-transmits",
    "Whether frames may leave with a source address that is not the adapter's own.",
  ),
  allowmacchange: bool("-m", "--allow-mac-change", "Whether a guest may set another address than its adapter was given."),
  allowpromiscuous: bool("-p", "--allow-promiscuous", "Whether a guest may see frames that are for others."),
};

type SecurityArgs = ArgsOf<typeof securityParams>;

export function securityChange({ allowforgedtransmits, allowmacchange, allowpromiscuous }: SecurityArgs) {
  return {
    ...(allowpromiscuous !== undefined && { allowPromiscuous: allowpromiscuous }),
    ...(allowmacchange !== undefined && { macChanges: allowmacchange }),
    ...(allowforgedtransmits !== undefined && { forgedTransmits: allowforgedtransmits }),
  };
}

export const shapingParams = {
  avgbandwidth: long("-b", "--avg-bandwidth", "The bandwidth on average, in Kbps."),
  burstsize: long("-t", "--burst-size", "How much may be sent at the peak, in Kib."),
  enabled: bool("-e", "--enabled", "Whether traffic is shaped; true needs the three others."),
  peakbandwidth: long("-k", "--peak-bandwidth", "The bandwidth at most, in Kbps."),
};

type ShapingArgs = ArgsOf<typeof shapingParams>;

/** @throws {CommandFailed} when it is to be enabled without all that it needs */
export function shapingChange({ avgbandwidth, burstsize, enabled, peakbandwidth }: ShapingArgs): HostNetworkTrafficShapingPolicy {
  if (enabled === true && [avgbandwidth, burstsize, peakbandwidth].includes(undefined))
    throw new CommandFailed("Average bandwidth, peak bandwidth and burst size are needed to enable shaping.");
  return {
    ...(enabled !== undefined && { enabled }),
    ...(avgbandwidth !== undefined && { averageBandwidth: avgbandwidth * 1000 }),
    ...(peakbandwidth !== undefined && { peakBandwidth: peakbandwidth * 1000 }),
    ...(burstsize !== undefined && { burstSize: burstsize * 1024 }),
  };
}
