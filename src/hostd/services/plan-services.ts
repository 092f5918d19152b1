/**
 * The host's services: which there are, what clients see of each, and when each runs. Pure.
 * Those that clients look for on every host and that are not here are shown, not running, and say why they cannot be started.
 * Source: vim25 HostServiceSystem, HostServicePolicy; ESXi's services.
 */
import type { Fault } from "../../base/index.ts";
import type { RuleSetKey, ServiceDescription, ServiceKey } from "../../vmkernel/index.ts";
import { fault, type HostService } from "../../wire/index.ts";
import type { FirewallSettings } from "../firewall/firewall-settings.ts";

type Backing =
  /** A program of the machine, which vmkernel has started and stopped. */
  { readonly kind: "machine"; readonly service: ServiceKey } | { readonly kind: "absent"; readonly because: string };

export interface ServiceRow {
  readonly label: string;
  /** Open while it runs. */
  readonly ruleSets: readonly RuleSetKey[];
  readonly backing: Backing;
}

const rows = {
  TSM: { label: "ESXi Shell", ruleSets: [], backing: { kind: "absent", because: "This host has no shell yet." } },
  "TSM-SSH": {
    label: "SSH",
    ruleSets: ["sshServer"],
    backing: { kind: "absent", because: "This host has no shell yet that SSH could lead to." },
  },
  ntpd: { label: "NTP Daemon", ruleSets: ["ntpClient"], backing: { kind: "machine", service: "ntpd" } },
} as const satisfies Readonly<Record<string, ServiceRow>>;

export type HostServiceKey = keyof typeof rows;
export const services: Readonly<Record<HostServiceKey, ServiceRow>> = rows;
export const HOST_SERVICE_KEYS = Object.keys(rows) as readonly HostServiceKey[];

/** on: starts with the host. automatic: runs while one of its rule sets is enabled. off: is started by people alone. */
export const SERVICE_POLICIES = ["on", "automatic", "off"] as const;
export type ServicePolicy = (typeof SERVICE_POLICIES)[number];
/** Of those for which somebody has said something; with the others the machine is left to do as it does. */
export type ServicePolicies = Readonly<Partial<Record<HostServiceKey, ServicePolicy>>>;

/** @throws {Fault} NotFound */
export function requireService(id: string): HostServiceKey {
  const key = HOST_SERVICE_KEYS.find((candidate) => candidate === id);
  if (key === undefined) throw fault("NotFound", `This host has no service ${id.slice(0, 64)}.`, {});
  return key;
}

/** @throws {Fault} InvalidArgument */
export function requirePolicy(text: string): ServicePolicy {
  const policy = SERVICE_POLICIES.find((candidate) => candidate === text);
  if (policy === undefined)
    throw fault("InvalidArgument", `policy is not one of ${SERVICE_POLICIES.join(", ")}.`, { invalidProperty: "policy" });
  return policy;
}

/** Whether it runs, and why it can be neither started nor stopped, if it cannot. @param machine what vmkernel said last */
export function stateOf(key: HostServiceKey, machine: readonly ServiceDescription[]): Pick<ServiceDescription, "running" | "because"> {
  const { backing } = services[key];
  if (backing.kind === "absent") return { running: false, because: backing.because };
  return machine.find((one) => one.key === backing.service) ?? { running: false, because: "Nothing is known of it." };
}

export function showService(key: HostServiceKey, policies: ServicePolicies, machine: readonly ServiceDescription[]): HostService {
  const { label, ruleSets } = services[key];
  return {
    key,
    label,
    required: false,
    uninstallable: false,
    running: stateOf(key, machine).running,
    ruleset: ruleSets,
    policy: policies[key] ?? "off",
  };
}

export type ServiceDeed = "start" | "stop" | "restart";

/** @returns InvalidState, HostConfigFault, or undefined when it can be done */
export function refuseDeed(key: HostServiceKey, deed: ServiceDeed, machine: readonly ServiceDescription[]): Fault | undefined {
  const { running, because } = stateOf(key, machine);
  const { label } = services[key];
  if (deed === "start" && running) return fault("InvalidState", `The service ${label} runs already.`, {});
  if (deed !== "start" && !running) return fault("InvalidState", `The service ${label} does not run.`, {});
  return because === undefined ? undefined : fault("HostConfigFault", `The service ${label} cannot ${deed}. ${because}`, {});
}

/** A policy that could not be carried out is not taken. @returns HostConfigFault, or undefined when it can be */
export function refusePolicy(key: HostServiceKey, policy: ServicePolicy, machine: readonly ServiceDescription[]): Fault | undefined {
  const { because } = stateOf(key, machine);
  if (because === undefined || policy === "off") return undefined; // not to start what cannot be started is no promise
  return fault("HostConfigFault", `The service ${services[key].label} cannot have the policy ${policy}. ${because}`, {});
}

export interface ServiceStep {
  readonly key: HostServiceKey;
  readonly deed: "start" | "stop";
}

/** @param when "hostStart" for all policies; "ruleSets" for those that follow the firewall */
export function planSteps(
  when: "hostStart" | "ruleSets",
  policies: ServicePolicies,
  { firewall, machine }: { readonly firewall: FirewallSettings; readonly machine: readonly ServiceDescription[] },
): readonly ServiceStep[] {
  return HOST_SERVICE_KEYS.flatMap((key): ServiceStep[] => {
    const policy = policies[key];
    const { running, because } = stateOf(key, machine);
    if (policy === undefined || because !== undefined || (when === "ruleSets" && policy !== "automatic")) return [];
    const shallRun = policy === "on" || (policy === "automatic" && services[key].ruleSets.some((one) => firewall.ruleSets[one].enabled));
    return shallRun === running ? [] : [{ key, deed: shallRun ? "start" : "stop" }];
  });
}
