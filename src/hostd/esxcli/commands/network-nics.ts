/** `esxcli network nic`: the machine's own adapters. Their links are the machine's to set, so they are only shown. */
import type { HostNetworkInfo, PhysicalNic } from "../../../wire/index.ts";
import { CommandFailed, command, one, required, struct, table, text } from "../command.ts";
import { nameOfKey, readNetwork } from "./network-system.ts";

const nic = struct("NetworkNIC", {
  Name: "string",
  "PCI Device": "string",
  Driver: "string",
  "Admin Status": "string",
  "Link Status": "string",
  Speed: "long",
  Duplex: "string",
  "MAC Address": "string",
  MTU: "long",
  Description: "string",
});

const isUp = ({ linkSpeed }: PhysicalNic): boolean => linkSpeed !== undefined;
const duplexOf = ({ linkSpeed }: PhysicalNic): string | undefined => linkSpeed && (linkSpeed.duplex ? "Full" : "Half");

/** Its switch's, when it is one's uplink; of another the host knows none. */
function mtuOf({ vswitch = [] }: HostNetworkInfo, { device }: PhysicalNic): number | undefined {
  return vswitch.find(({ pnic = [] }) => pnic.map(nameOfKey).includes(device))?.mtu;
}

const driverInfo = struct("DriverInfo", { "Bus Info": "string", Driver: "string" });

export const nicCommands = [
  command("network nic list", {
    help: "List the physical network adapters of this host.",
    result: table(nic),
    async run(host) {
      const network = await readNetwork(host);
      const up = new Set(host.adapters().flatMap(({ device, isUp }) => (isUp ? [device] : [])));
      return (network.pnic ?? []).map((adapter) => ({
        Name: adapter.device,
        "PCI Device": adapter.pci,
        Driver: adapter.driver,
        "Admin Status": up.has(adapter.device) ? "Up" : "Down",
        "Link Status": isUp(adapter) ? "Up" : "Down",
        Speed: adapter.linkSpeed?.speedMb ?? 0,
        Duplex: duplexOf(adapter),
        "MAC Address": adapter.mac,
        MTU: mtuOf(network, adapter),
        Description: adapter.driver === undefined || adapter.driver === "" ? "" : `Network adapter (${adapter.driver})`,
      }));
    },
  }),
  command("network nic get", {
    help: "Show a physical network adapter.",
    params: { nicname: required(text("-n", "--nic-name", "The name of the adapter: vmnic0.")) },
    result: one(
      struct("NicInfo", {
        Name: "string",
        "Driver Info": driverInfo,
        "Link Detected": "boolean",
        "Link Status": "string",
        "Virtual Address": "string",
      }),
    ),
    async run(host, args) {
      const found = (await readNetwork(host)).pnic?.find(({ device }) => device === args.nicname);
      if (found === undefined) throw new CommandFailed(`No such network adapter: ${args.nicname.slice(0, 64)}`);
      return {
        Name: found.device,
        "Driver Info": { "Bus Info": found.pci, Driver: found.driver },
        "Link Detected": isUp(found),
        "Link Status": isUp(found) ? "Up" : "Down",
        "Virtual Address": found.mac,
      };
    },
  }),
];
