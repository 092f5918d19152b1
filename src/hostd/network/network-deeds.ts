/** What a client does to the host's virtual network, with the events that tell of it. Source: vim25 HostNetworkSystem. */
import { randomBytes } from "node:crypto";
import { messageWithCauses } from "../../base/index.ts";
import {
  type HostDnsConfig,
  type HostIpRouteConfig,
  type HostIpRouteTableConfig,
  type HostNetworkConfig,
  type HostPortGroupSpec,
  type HostVirtualNicSpec,
  type HostVirtualSwitchSpec,
  readVmx,
} from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { PORTS } from "../vm-config/index.ts";
import { changeVmx } from "../vm-files.ts";
import type { ChangeParts, PortGroupRenaming } from "./networks.ts";
import { addHostNic, type Choice, DEFAULT_STACK, deselectHostNic, removeHostNic, selectHostNic, updateHostNic } from "./plan-host-nics.ts";
import { updateDns, updateRoutes, updateRouteTable } from "./plan-netstacks.ts";
import { addPortGroup, addSwitch, removePortGroup, removeSwitch, updatePortGroup, updateSwitch } from "./plan-network.ts";
import { updateNetwork } from "./plan-network-config.ts";
import { type InboundChange, type InboundPlace, setInbound, setTrunk } from "./plan-trunks.ts";
import { networksOfVm } from "./port-group-users.ts";

interface SwitchRequest {
  readonly name: string;
  readonly spec: HostVirtualSwitchSpec | undefined;
}

export async function addVirtualSwitch(call: Call, request: SwitchRequest): Promise<void> {
  await call.agent.networks.change((network, facts) => addSwitch(network, request, facts), { by: managerOf(call) });
  post(call, `Virtual switch ${request.name} was added`);
}

export async function updateVirtualSwitch(call: Call, request: SwitchRequest): Promise<void> {
  await call.agent.networks.change((network, facts) => updateSwitch(network, request, facts), { by: managerOf(call) });
  post(call, `Virtual switch ${request.name} was changed`);
}

export async function removeVirtualSwitch(call: Call, name: string): Promise<void> {
  await call.agent.networks.change((network, facts) => removeSwitch(network, name, facts), { by: managerOf(call) });
  post(call, `Virtual switch ${name} was removed`);
}

export async function addPortGroupTo(call: Call, spec: HostPortGroupSpec): Promise<void> {
  await call.agent.networks.change((network, facts) => addPortGroup(network, spec, facts), { by: managerOf(call) });
  post(call, `Port group ${spec.name} was added to ${spec.vswitchName}`);
}

/** VMs that are off and name it follow it to its new name; while one that is on is connected, it keeps its own. */
export async function changePortGroup(call: Call, name: string, spec: HostPortGroupSpec): Promise<void> {
  const renaming = spec.name === name ? undefined : { from: name, to: spec.name };
  await call.agent.networks.change((network, facts) => updatePortGroup(network, { name, spec }, facts), { renaming, by: managerOf(call) });
  post(call, renaming === undefined ? `Port group ${name} was changed` : `Port group ${name} was changed, and is now ${spec.name}`);
  if (renaming !== undefined) await renameInVms(call.agent, renaming);
}

export async function removePortGroupFrom(call: Call, name: string): Promise<void> {
  await call.agent.networks.change((network, facts) => removePortGroup(network, name, facts), { by: managerOf(call) });
  post(call, `Port group ${name} was removed`);
}

/** @param request its VLANs, "1-10,30"; all where there are none */
export async function setTrunkVlans(call: Call, request: { readonly name: string; readonly ranges: string | undefined }): Promise<void> {
  await call.agent.networks.change((network) => setTrunk(network, request), { by: managerOf(call) });
  post(call, `The VLANs that port group ${request.name} carries were changed`);
}

export async function setInboundShaping(call: Call, place: InboundPlace, change: InboundChange): Promise<void> {
  await call.agent.networks.change((network) => setInbound(network, place, change), { by: managerOf(call) });
  post(call, `The shaping of what ports of ${place.name} receive was changed`);
}

/** @returns the devices of interfaces that were added */
export async function updateNetworkConfig(
  call: Call,
  request: { readonly config: HostNetworkConfig; readonly changeMode: string; readonly current: HostNetworkConfig },
): Promise<readonly string[]> {
  let before: readonly string[] = [];
  await call.agent.networks.change(
    (network, facts) => {
      before = network.hostNics.map(({ device }) => device);
      return updateNetwork(network, { ...request, newMac }, facts);
    },
    { by: managerOf(call) },
  );
  post(call, "The network configuration was changed");
  return call.agent.networks.network.hostNics.map(({ device }) => device).filter((device) => !before.includes(device));
}

/** Of the netstack that interfaces have unless another is said. */
export async function updateIpRoutes(call: Call, config: HostIpRouteConfig): Promise<void> {
  const request = { netstack: DEFAULT_STACK, config, at: "config" };
  await call.agent.networks.change((network) => updateRoutes(network, request), { by: managerOf(call) });
  post(call, "The default gateway of the host's interfaces was changed");
}

export async function updateIpRouteTable(call: Call, config: HostIpRouteTableConfig): Promise<void> {
  const request = { netstack: DEFAULT_STACK, config, at: "config" };
  await call.agent.networks.change((network) => updateRouteTable(network, request), { by: managerOf(call) });
  post(call, "The routes of the host's interfaces were changed");
}

export async function updateDnsConfig(call: Call, config: HostDnsConfig, current: HostDnsConfig): Promise<void> {
  await call.agent.networks.change((network) => updateDns(network, config, current), { by: managerOf(call) });
  post(call, "The name servers that the host asks were changed");
}

/** @returns the device that it got */
export async function addVirtualNic(
  call: Call,
  request: { readonly portgroup: string; readonly nic: HostVirtualNicSpec },
): Promise<string> {
  const mac = newMac();
  let device = "";
  await call.agent.networks.change(
    (network, facts) => {
      const wanted = addHostNic(network, { ...request, mac }, facts);
      device = wanted.hostNics.at(-1)?.device ?? "";
      return wanted;
    },
    { by: managerOf(call) },
  );
  post(call, `Virtual network adapter ${device} was added on ${request.portgroup}`);
  return device;
}

export async function updateVirtualNic(call: Call, request: { readonly device: string; readonly nic: HostVirtualNicSpec }): Promise<void> {
  await call.agent.networks.change((network, facts) => updateHostNic(network, request, facts), { by: managerOf(call) });
  post(call, `Virtual network adapter ${request.device} was changed`);
}

export async function removeVirtualNic(call: Call, device: string): Promise<void> {
  await call.agent.networks.change((network) => removeHostNic(network, device), { by: managerOf(call) });
  post(call, `Virtual network adapter ${device} was removed`);
}

export async function selectVirtualNic(call: Call, choice: Choice): Promise<void> {
  await call.agent.networks.change((network) => selectHostNic(network, choice), { by: managerOf(call) });
  post(call, `Virtual network adapter ${choice.device} was chosen for ${choice.nicType}`);
}

export async function deselectVirtualNic(call: Call, choice: Choice): Promise<void> {
  await call.agent.networks.change((network) => deselectHostNic(network, choice), { by: managerOf(call) });
  post(call, `Virtual network adapter ${choice.device} is not for ${choice.nicType} any more`);
}

/** ESXi gives its interfaces addresses from 00:50:56:60:00:00 to 00:50:56:6f:ff:ff. */
function newMac(): string {
  const [fourth = 0, ...last] = randomBytes(3);
  return ["00", "50", "56", ...[0x60 | (fourth & 0xf), ...last].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

/** A VM that is missed (the host agent dies, its datastore is full) has an adapter that leads nowhere: that is shown, and harms nobody. */
async function renameInVms({ vms, log }: HostAgent, { from, to }: PortGroupRenaming): Promise<void> {
  for (const vm of vms.list().filter((one) => networksOfVm(one).has(from))) {
    await changeVmx(vms, vm, renamedKeys(vm, { from, to })).catch((error: unknown) => {
      log(`${vm.name} still names the port group ${from}, which is ${to} now: ${messageWithCauses(error)}`);
    });
  }
}

function renamedKeys({ files }: Vm, { from, to }: PortGroupRenaming): Readonly<Record<string, string>> {
  if (files.kind !== "readable") return {};
  const keys = Array.from({ length: PORTS.ethernet.count }, (_, number) => `ethernet${number}.networkName`);
  return Object.fromEntries(keys.filter((key) => readVmx(files.vmx, key) === from).map((key) => [key, to]));
}

function managerOf({ session, client, method }: Call): ChangeParts["by"] & object {
  return { address: client.address, session: session?.key ?? "", methodName: method };
}

function post({ agent, session }: Call, message: string): void {
  agent.events.post("GeneralHostInfoEvent", message, { userName: session?.userName ?? "" }, { message });
}
