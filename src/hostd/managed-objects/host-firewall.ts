/** vim25 HostFirewallSystem and HostServiceSystem: who reaches the host, and what serves them. Decided in firewall/ and services/. */
import type { HostAgent } from "../agent.ts";
import { changeDefaultPolicy, changeRuleset, disableRuleset, enableRuleset } from "../firewall/firewall-deeds.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const nothingCustom = { value: () => [], availableField: () => [] };

export const hostFirewallSystem = {
  type: "HostFirewallSystem",
  properties: { ...nothingCustom, firewallInfo: ({ firewall }) => firewall.info },
  methods: {
    EnableRuleset: (_, { id }, call) => enableRuleset(call, id),
    DisableRuleset: (_, { id }, call) => disableRuleset(call, id),
    UpdateRuleset: (_, { id, spec }, call) => changeRuleset(call, id, spec.allowedHosts),
    UpdateDefaultPolicy: (_, { defaultPolicy }, call) => changeDefaultPolicy(call, defaultPolicy),
    // What is in the kernel is made again, whatever somebody has made of it meanwhile.
    RefreshFirewall: ({ firewall }) => firewall.restore(),
  },
} as const satisfies ManagedObjectType<"HostFirewallSystem", HostAgent>;

export const hostServiceSystem = {
  type: "HostServiceSystem",
  properties: { ...nothingCustom, serviceInfo: ({ services }) => services.info },
  methods: {
    StartService: ({ services }, { id }, call) => services.act(call, id, "start"),
    StopService: ({ services }, { id }, call) => services.act(call, id, "stop"),
    RestartService: ({ services }, { id }, call) => services.act(call, id, "restart"),
    UpdateServicePolicy: ({ services }, { id, policy }, call) => services.setPolicy(call, id, policy),
    UninstallService: ({ services }, { id }) => services.uninstall(id),
    RefreshServices: ({ services }) => services.refresh(),
  },
} as const satisfies ManagedObjectType<"HostServiceSystem", HostAgent>;
