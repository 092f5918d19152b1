/**
 * UpdateNetworkConfig: many changes of the network in one, all of them or none. Pure.
 * Source: vim25 HostNetworkConfig, HostConfigChangeMode, HostConfigChangeOperation.
 */
import { fault, type HostNetworkConfig, type HostPortGroupConfig, type HostVirtualSwitchConfig } from "../../wire/index.ts";
import { portGroupsOf, type VirtualNetwork, type VirtualSwitch } from "./network-config.ts";
import { invalidArgument, notSupported } from "./parse-policy.ts";
import {
  addPortGroup,
  addSwitch,
  type NetworkFacts,
  removePortGroup,
  removeSwitch,
  updatePortGroup,
  updateSwitch,
} from "./plan-network.ts";
import { devicesOf, newSwitch, withUplinks } from "./plan-switch.ts";

const CHANGES_MAX = 1000; // as many as the host can have port groups

/** Parts of the configuration that are the machine's own, or that are changed by other methods alone: they can be said again as they are. */
const UNCHANGED = [
  "dnsConfig",
  "ipRouteConfig",
  "consoleIpRouteConfig",
  "routeTableConfig",
  "netStackSpec",
  "ipV6Enabled",
  "vnic",
] as const;
const ABSENT = ["proxySwitch", "consoleVnic", "dhcp", "nat"] as const;

/**
 * @param current the configuration as the host shows it
 * @throws {Fault} InvalidArgument, NotSupported, and whatever each change by itself would throw
 */
export function updateNetwork(
  network: VirtualNetwork,
  { config, changeMode, current }: { readonly config: HostNetworkConfig; readonly changeMode: string; readonly current: HostNetworkConfig },
  facts: NetworkFacts,
): VirtualNetwork {
  refuseOtherParts(config, current);
  const { vswitch = [], portgroup = [] } = config;
  if (vswitch.length > CHANGES_MAX) throw invalidArgument("config.vswitch", `there are more than ${CHANGES_MAX} changes`);
  if (portgroup.length > CHANGES_MAX) throw invalidArgument("config.portgroup", `there are more than ${CHANGES_MAX} changes`);
  switch (changeMode) {
    case "modify":
      return modify(network, { vswitch, portgroup }, facts);
    case "replace":
      return modify(cleared(network, config), asChanges(network, config), facts);
    default:
      throw invalidArgument("changeMode", "it is modify or replace");
  }
}

interface Changes {
  readonly vswitch: readonly HostVirtualSwitchConfig[];
  readonly portgroup: readonly HostPortGroupConfig[];
}

/** Port groups that go, go first, and switches last: a port group may leave one that goes. Adapters that change hands are free in between. */
function modify(network: VirtualNetwork, { vswitch, portgroup }: Changes, facts: NetworkFacts): VirtualNetwork {
  let planned = network;
  for (const { spec } of portgroup.filter(goes)) planned = removePortGroup(planned, spec?.name ?? "", facts);
  planned = { ...planned, switches: planned.switches.map((one) => letGo(one, vswitch, facts)) };
  for (const { changeOperation, name, spec } of vswitch.filter((change) => !goes(change))) {
    const request = { name, spec, at: "config.vswitch.spec" };
    planned = (isAdd(changeOperation, "config.vswitch") ? addSwitch : updateSwitch)(planned, request, facts);
  }
  for (const { changeOperation, spec } of portgroup.filter((change) => !goes(change))) {
    if (spec === undefined) throw invalidArgument("config.portgroup.spec", "it is missing");
    const at = "config.portgroup.spec";
    planned = isAdd(changeOperation, "config.portgroup")
      ? addPortGroup(planned, spec, facts, at)
      : updatePortGroup(planned, { name: spec.name, spec, at }, facts);
  }
  for (const { name } of vswitch.filter(goes)) planned = removeSwitch(planned, name, facts);
  return planned;
}

function goes({ changeOperation }: { readonly changeOperation?: string | undefined }): boolean {
  return changeOperation === "remove";
}

function isAdd(changeOperation: string | undefined, at: string): boolean {
  if (changeOperation !== "add" && changeOperation !== "edit") throw invalidArgument(`${at}.changeOperation`, "it is add, edit or remove");
  return changeOperation === "add";
}

/** A switch without the adapters that its own change does not name any more: another may have them. */
function letGo(vswitch: VirtualSwitch, changes: readonly HostVirtualSwitchConfig[], { adapters }: NetworkFacts): VirtualSwitch {
  const change = changes.findLast(({ name }) => name === vswitch.name);
  if (change !== undefined && goes(change)) return withUplinks(vswitch, []);
  const bridge = change?.spec?.bridge;
  if (bridge === undefined) return vswitch;
  const devices = devicesOf(bridge, "config.vswitch.spec");
  const kept = vswitch.uplinks.filter((name) => adapters.some((adapter) => adapter.name === name && devices.includes(adapter.device)));
  return withUplinks(vswitch, kept);
}

/** Every switch that stays begins anew, with its port groups: a spec that replaces says all that is not as by default. */
function cleared(network: VirtualNetwork, { vswitch }: HostNetworkConfig): VirtualNetwork {
  if (vswitch === undefined) return network;
  return {
    ...network,
    switches: network.switches.map((one) => {
      const change = vswitch.find(({ name }) => name === one.name);
      if (change === undefined) return one; // it goes, if nothing is connected
      const fresh = { ...newSwitch(one.name), portGroups: one.portGroups };
      return withUplinks(fresh, change.spec?.bridge === undefined ? [] : one.uplinks);
    }),
  };
}

/** The changes that lead from the network to the lists that shall take its place; a list that is not there stays as it is. */
function asChanges(network: VirtualNetwork, { vswitch, portgroup }: HostNetworkConfig): Changes {
  const switchNames = network.switches.map(({ name }) => name);
  const groupNames = portGroupsOf(network).map(({ portGroup }) => portGroup.name);
  const operation = (exists: boolean) => ({ changeOperation: exists ? "edit" : "add" });
  const wantedSwitches = vswitch?.map((change) => ({ ...change, ...operation(switchNames.includes(change.name)) })) ?? [];
  const wantedGroups = portgroup?.map((change) => ({ ...change, ...operation(groupNames.includes(change.spec?.name ?? "")) })) ?? [];
  const goneSwitches = switchNames.filter((name) => vswitch !== undefined && !vswitch.some((change) => change.name === name));
  const goneGroups = portGroupsOf(network).filter(
    ({ portGroup }) => portgroup !== undefined && !portgroup.some(({ spec }) => spec?.name === portGroup.name),
  );
  return {
    vswitch: [...wantedSwitches, ...goneSwitches.map((name) => ({ changeOperation: "remove", name }))],
    portgroup: [
      ...wantedGroups,
      ...goneGroups.map(({ vswitch: { name: vswitchName }, portGroup: { name, vlanId } }) => ({
        changeOperation: "remove",
        spec: { name, vlanId, vswitchName, policy: {} },
      })),
    ],
  };
}

function refuseOtherParts(config: HostNetworkConfig, current: HostNetworkConfig): void {
  const absent = ABSENT.find((part) => (config[part]?.length ?? 0) > 0);
  if (absent !== undefined) throw notSupported(`config.${absent}`);
  const changed = UNCHANGED.find((part) => config[part] !== undefined && !isSame(config[part], current[part]));
  if (changed !== undefined) throw notSupported(`config.${changed}`);
  if (config.pnic?.some(({ spec }) => spec?.linkSpeed !== undefined)) throw notSupported("config.pnic.spec.linkSpeed");
  const unknown = config.pnic?.find(({ device }) => !(current.pnic ?? []).some((one) => one.device === device));
  if (unknown !== undefined)
    throw fault("NotFound", `The object or item referred to could not be found: physical adapter ${unknown.device.slice(0, 32)}.`, {});
}

/** As JSON, without what a client's library adds or leaves out: types, fields that are not set, lists without anything. */
function isSame(one: unknown, other: unknown): boolean {
  const plain = (value: unknown): string =>
    JSON.stringify(value, (key, item: unknown) => {
      if (key === "$type" || (Array.isArray(item) && item.length === 0)) return undefined;
      if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
      return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? "";
  return plain(one) === plain(other);
}
