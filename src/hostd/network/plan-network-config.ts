/**
 * UpdateNetworkConfig: many changes of the network in one, all of them or none. Pure.
 * Source: vim25 HostNetworkConfig, HostConfigChangeMode, HostConfigChangeOperation.
 */
import {
  fault,
  type HostNetworkConfig,
  type HostPortGroupConfig,
  type HostVirtualNicConfig,
  type HostVirtualSwitchConfig,
} from "../../wire/index.ts";
import { portGroupsOf, type VirtualNetwork, type VirtualSwitch } from "./network-config.ts";
import { invalidArgument, notSupported } from "./parse-policy.ts";
import { addHostNic, DEFAULT_STACK, removeHostNic, updateHostNic } from "./plan-host-nics.ts";
import { updateDns, updateNetstack, updateRoutes, updateRouteTable } from "./plan-netstacks.ts";
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
import { isSame } from "./same-config.ts";
import { withInbound } from "./unsaid.ts";

const CHANGES_MAX = 1000; // as many as the host can have port groups

/** Parts of the configuration that are the machine's own: they can be said again as they are. */
const UNCHANGED = ["consoleIpRouteConfig", "ipV6Enabled"] as const;
const ABSENT = ["proxySwitch", "consoleVnic", "dhcp", "nat"] as const;

/**
 * @param current the configuration as the host shows it
 * @throws {Fault} InvalidArgument, NotSupported, and whatever each change by itself would throw
 */
export function updateNetwork(
  network: VirtualNetwork,
  { config, changeMode, current, newMac }: ConfigRequest,
  facts: NetworkFacts,
): VirtualNetwork {
  refuseOtherParts(config, current);
  const { vswitch = [], portgroup = [], vnic = [] } = config;
  if (vnic.length > CHANGES_MAX) throw invalidArgument("config.vnic", `there are more than ${CHANGES_MAX} changes`);
  if (vswitch.length > CHANGES_MAX) throw invalidArgument("config.vswitch", `there are more than ${CHANGES_MAX} changes`);
  if (portgroup.length > CHANGES_MAX) throw invalidArgument("config.portgroup", `there are more than ${CHANGES_MAX} changes`);
  switch (changeMode) {
    case "modify":
      return withStacks(modify(network, { vswitch, portgroup, vnic }, { facts, newMac }), config, current);
    case "replace":
      return withStacks(modify(cleared(network, config), asChanges(network, config), { facts, newMac }), config, current);
    default:
      throw invalidArgument("changeMode", "it is modify or replace");
  }
}

interface ConfigRequest {
  readonly config: HostNetworkConfig;
  readonly changeMode: string;
  readonly current: HostNetworkConfig;
  /** For an interface that is added without one. */
  readonly newMac: () => string;
}

/** Ways on and name servers, said again as they are shown or changed. */
function withStacks(network: VirtualNetwork, config: HostNetworkConfig, current: HostNetworkConfig): VirtualNetwork {
  const { dnsConfig, ipRouteConfig, routeTableConfig, netStackSpec = [] } = config;
  const isNew = <Part extends "dnsConfig" | "ipRouteConfig" | "routeTableConfig">(part: Part): boolean => {
    return config[part] !== undefined && !isSame(config[part], current[part]);
  };
  let planned = network;
  for (const spec of netStackSpec) planned = updateNetstack(planned, spec, current.dnsConfig);
  if (isNew("ipRouteConfig") && ipRouteConfig !== undefined)
    planned = updateRoutes(planned, { netstack: DEFAULT_STACK, config: ipRouteConfig, at: "config.ipRouteConfig" });
  if (isNew("routeTableConfig") && routeTableConfig !== undefined)
    planned = updateRouteTable(planned, { netstack: DEFAULT_STACK, config: routeTableConfig, at: "config.routeTableConfig" });
  if (isNew("dnsConfig") && dnsConfig !== undefined && current.dnsConfig !== undefined)
    planned = updateDns(planned, dnsConfig, current.dnsConfig);
  return planned;
}

interface Changes {
  readonly vnic: readonly HostVirtualNicConfig[];
  readonly vswitch: readonly HostVirtualSwitchConfig[];
  readonly portgroup: readonly HostPortGroupConfig[];
}

/**
 * Interfaces of the host and port groups that go, go first, and switches last: a port group may leave one that goes. Adapters that
 * change hands are free in between.
 */
function modify(
  network: VirtualNetwork,
  { vswitch, portgroup, vnic }: Changes,
  { facts, newMac }: { readonly facts: NetworkFacts } & Pick<ConfigRequest, "newMac">,
): VirtualNetwork {
  let planned = network;
  for (const { device = "" } of vnic.filter(goes)) planned = removeHostNic(planned, device);
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
  for (const { changeOperation, device = "", portgroup: on, spec } of vnic.filter((change) => !goes(change))) {
    if (spec === undefined) throw invalidArgument("config.vnic.spec", "it is missing");
    const place = on === "" ? spec.portgroup : on;
    planned = isAdd(changeOperation, "config.vnic")
      ? addHostNic(planned, { portgroup: place ?? "", nic: spec, mac: newMac() }, facts)
      : updateHostNic(planned, { device, nic: { ...spec, ...(place !== undefined && { portgroup: place }) } }, facts);
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
      const fresh = withInbound({ ...newSwitch(one.name), portGroups: one.portGroups }, one.policy.shaping.inbound);
      return withUplinks(fresh, change.spec?.bridge === undefined ? [] : one.uplinks);
    }),
  };
}

/** The changes that lead from the network to the lists that shall take its place; a list that is not there stays as it is. */
function asChanges(network: VirtualNetwork, { vswitch, portgroup, vnic }: HostNetworkConfig): Changes {
  const devices = network.hostNics.map(({ device }) => device);
  const wantedNics = vnic?.map((change) => ({ ...change, ...operation(devices.includes(change.device ?? "")) })) ?? [];
  const goneNics = devices.filter((device) => vnic !== undefined && !vnic.some((change) => change.device === device));
  const switchNames = network.switches.map(({ name }) => name);
  const groupNames = portGroupsOf(network).map(({ portGroup }) => portGroup.name);
  const wantedSwitches = vswitch?.map((change) => ({ ...change, ...operation(switchNames.includes(change.name)) })) ?? [];
  const wantedGroups = portgroup?.map((change) => ({ ...change, ...operation(groupNames.includes(change.spec?.name ?? "")) })) ?? [];
  const goneSwitches = switchNames.filter((name) => vswitch !== undefined && !vswitch.some((change) => change.name === name));
  const goneGroups = portGroupsOf(network).filter(
    ({ portGroup }) => portgroup !== undefined && !portgroup.some(({ spec }) => spec?.name === portGroup.name),
  );
  return {
    vnic: [...wantedNics, ...goneNics.map((device) => ({ changeOperation: "remove", device, portgroup: "" }))],
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

function operation(exists: boolean) {
  return { changeOperation: exists ? "edit" : "add" };
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
