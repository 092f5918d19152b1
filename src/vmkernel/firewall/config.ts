/**
 * What the host's firewall shall be: the default policy, and of each rule set whether it is enabled and for whom. Pure.
 * Source: vim25 HostFirewallInfo; paper «Management Interface Firewall».
 */
import { type IpNetwork, parseCidr } from "../../base/index.ts";
import type { RuleSetKey } from "./catalogue.ts";

/**
 * What traffic the firewall is for. On a machine that has other work than this host it is that of the host's own ports: what others
 * serve there is not this host's to refuse. A machine that is the host's own has all of its traffic filtered.
 */
export type FirewallScope = "ownPorts" | "machine";

/** Of whom a rule set speaks, at the network's other side: addresses and networks as `formatIpNetwork` writes them. */
export type AllowedHosts = "all" | readonly string[];

export function networksOf(allowed: readonly string[]): readonly IpNetwork[] {
  return allowed.flatMap((text) => parseCidr(text) ?? []); // they were read before: none is lost
}

export interface RuleSetConfig {
  readonly key: RuleSetKey;
  readonly enabled: boolean;
  readonly allowed: AllowedHosts;
}

export interface HostFirewallConfig {
  /** What no enabled rule set lets in is dropped. */
  readonly incomingBlocked: boolean;
  /** What no enabled rule set lets out is dropped. */
  readonly outgoingBlocked: boolean;
  /** Those that are not named are disabled. */
  readonly ruleSets: readonly RuleSetConfig[];
}

/** Everything that the filter is made from. */
export interface HostFilter {
  readonly scope: FirewallScope;
  /** TCP port of the host's API. */
  readonly apiPort: number;
  /** TCP ports that serial ports of running VMs listen at. */
  readonly serialPorts: readonly number[];
  readonly config: HostFirewallConfig;
}

/** More networks than an administrator keeps by hand; the kernel would take more. */
export const ALLOWED_NETWORKS_MAX = 1000;
