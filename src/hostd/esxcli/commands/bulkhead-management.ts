/**
 * `esxcli bulkhead network management`: the host's own interface for management, on a network of its own that no virtual machine is on and
 * no adapter leads to. Paper «Virtual Networking Layer». ESXi's installer makes one; here it is one command, for every host.
 */
import { Undo } from "../../../base/index.ts";
import type { HostNetworkConfig } from "../../../wire/index.ts";
import { CommandFailed, command, nothing, text } from "../command.ts";
import { NETWORK_SYSTEM, NIC_MANAGER, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

const PORT_GROUP = "Management Network";
const SWITCH = "Management";
/** Of a network that nobody hands out addresses on: RFC 3927. */
const ADDRESS = { ipAddress: "169.254.1.1", subnetMask: "255.255.0.0" };

export const managementCommands = [
  command("bulkhead network management add", {
    help: `Give a host that has no interface of its own one for management: on the port group ${PORT_GROUP} and a new switch without an uplink.`,
    privilege,
    params: {
      ipv4: text("-I", "--ipv4", `Its address, ${ADDRESS.ipAddress} when left out.`),
      netmask: text("-N", "--netmask", `The mask of its network, ${ADDRESS.subnetMask} when left out.`),
      vswitchname: text("-v", "--vswitch-name", `The name of the switch, ${SWITCH} when left out.`),
    },
    result: nothing,
    async run(host, { ipv4, netmask, vswitchname = SWITCH }) {
      const { vnic = [], portgroup = [] } = await readNetwork(host);
      const [existing] = vnic;
      if (existing !== undefined) throw new CommandFailed(`The host has an interface of its own: ${existing.device}`);
      const before = portgroup.find(({ spec }) => spec.name === PORT_GROUP)?.spec;
      const update = (config: HostNetworkConfig) => host.call(NETWORK_SYSTEM, "UpdateNetworkConfig", { config, changeMode: "modify" });
      const ip = { dhcp: false, ipAddress: ipv4 ?? ADDRESS.ipAddress, subnetMask: netmask ?? ADDRESS.subnetMask };
      const spec = { name: PORT_GROUP, vlanId: 0, vswitchName: vswitchname, policy: {} };
      const { vnicDevice: [device = ""] = [] } = await update({
        vswitch: [{ changeOperation: "add", name: vswitchname, spec: { numPorts: 128 } }],
        portgroup: [{ changeOperation: before === undefined ? "add" : "edit", spec }],
        vnic: [{ changeOperation: "add", portgroup: PORT_GROUP, spec: { ip } }],
      });
      await using undo = new Undo();
      undo.add(async () => {
        await update({
          vnic: [{ changeOperation: "remove", device, portgroup: PORT_GROUP }],
          portgroup: [{ changeOperation: before === undefined ? "remove" : "edit", spec: before ?? spec }],
          vswitch: [{ changeOperation: "remove", name: vswitchname }],
        });
      });
      await host.call(NIC_MANAGER, "SelectVnicForNicType", { nicType: "management", device });
      undo.release();
    },
  }),
];
