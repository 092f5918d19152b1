/**
 * The host's own interface of the demonstration: vmk0, on a management network of its own, which no virtual machine is on and no
 * adapter leads to. The API is served on it, too. Paper «Virtual Networking Layer».
 */
import { moRef, type VimClient } from "../../interfaces/index.ts";
import type { HostNetworkInfo } from "../../wire/index.ts";
import { readProperty } from "./vim.ts";

const SYSTEM = moRef("HostNetworkSystem", "networkSystem");
const NIC_MANAGER = moRef("HostVirtualNicManager", "ha-vnic-mgr");
const SWITCH = "Management";
const PORT_GROUP = "Management Network";
/** Of a network that nobody hands out addresses on: RFC 3927. */
const ADDRESS = { dhcp: false, ipAddress: "169.254.1.1", subnetMask: "255.255.0.0" };

/** Where the host has no interface of its own yet. @returns a line that says where it is, and where it leads; none where there was one */
export async function makeManagementNic(client: VimClient): Promise<string | undefined> {
  const { vnic = [], vswitch = [], portgroup = [] } = (await readProperty(client, SYSTEM, "networkInfo")) as HostNetworkInfo;
  if (vnic.length > 0 || vswitch.some(({ name }) => name === SWITCH)) return undefined;
  const changeOperation = portgroup.some(({ spec }) => spec.name === PORT_GROUP) ? "edit" : "add";
  const spec = { name: PORT_GROUP, vlanId: 0, vswitchName: SWITCH, policy: {} };
  const config = {
    vswitch: [{ changeOperation: "add", name: SWITCH, spec: { numPorts: 128 } }],
    portgroup: [{ changeOperation, spec }],
    vnic: [{ changeOperation: "add", portgroup: PORT_GROUP, spec: { ip: ADDRESS } }],
  };
  const { vnicDevice = [] } = await client.call(SYSTEM, "UpdateNetworkConfig", { config, changeMode: "modify" });
  const [device] = vnicDevice;
  if (device === undefined) return undefined;
  await client.call(NIC_MANAGER, "SelectVnicForNicType", { nicType: "management", device });
  return `${device} is ${ADDRESS.ipAddress} on ${PORT_GROUP}, a switch of its own without an adapter: no VM reaches the API by it`;
}
