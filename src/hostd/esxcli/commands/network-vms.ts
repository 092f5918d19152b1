/** `esxcli network vm`: what VMs that run are plugged into. A world's id is that of its monitor's process. */
import type { GuestNicInfo } from "../../../wire/index.ts";
import { blocks, CommandFailed, command, long, required, struct, table } from "../command.ts";
import type { Host, VmPort, World } from "../host.ts";

const NO_ADDRESS = "0.0.0.0"; // as ESXi says of a port whose guest has not told
const NO_UPLINK = "void";

/** @throws {CommandFailed} */
export function findWorld(host: Host, id: number): World {
  const found = host.worlds().find((world) => world.id === id);
  if (found === undefined) throw new CommandFailed(`Unable to find a virtual machine with World ID ${id}`);
  return found;
}

const portsOf = (host: Host, { vm }: World): readonly VmPort[] => host.ports().filter((port) => port.vm.value === vm.value);

/** Where the balancing decides frame by frame, how many there are to choose from. */
function teamUplink({ uplinks }: VmPort): { readonly name: string; readonly port: number } {
  const [only, ...others] = uplinks;
  if (only === undefined) return { name: NO_UPLINK, port: 0 };
  return others.length === 0 ? { name: only.device, port: only.port } : { name: `all(${uplinks.length})`, port: 0 };
}

function addressOf(nics: readonly GuestNicInfo[], { mac }: VmPort): string {
  const addresses = nics.filter(({ macAddress }) => macAddress?.toLowerCase() === mac).flatMap(({ ipAddress }) => ipAddress ?? []);
  return addresses.find((address) => address.includes(".")) ?? NO_ADDRESS;
}

export const networkVmCommands = [
  command("network vm list", {
    help: "List the virtual machines that run and are plugged into a virtual switch.",
    result: table(struct("VM", { "World ID": "long", Name: "string", "Num Ports": "long", Networks: "string[]" })),
    async run(host) {
      const rows = host.worlds().map(async (world) => {
        const ports = portsOf(host, world);
        const networks = [...new Set(ports.flatMap(({ portGroup }) => portGroup ?? []))];
        return { "World ID": world.id, Name: await host.read(world.vm, "name"), "Num Ports": ports.length, Networks: networks };
      });
      return (await Promise.all(rows)).filter((row) => row["Num Ports"] > 0);
    },
  }),
  command("network vm port list", {
    help: "List the ports of a virtual machine that runs.",
    params: { worldid: required(long("-w", "--world-id", "The world of the virtual machine, as `network vm list` shows it.")) },
    result: blocks(
      struct("Port", {
        "Port ID": "long",
        vSwitch: "string",
        Portgroup: "string",
        "DVPort ID": "string",
        "MAC Address": "string",
        "IP Address": "string",
        "Team Uplink": "string",
        "Uplink Port ID": "long",
        "Active Filters": "string[]",
      }),
    ),
    async run(host, args) {
      const world = findWorld(host, args.worldid);
      const guest = await host.read(world.vm, "guest");
      return portsOf(host, world).map((port) => ({
        "Port ID": port.id,
        vSwitch: port.vswitch,
        Portgroup: port.portGroup,
        "DVPort ID": "",
        "MAC Address": port.mac,
        "IP Address": addressOf(guest?.net ?? [], port),
        "Team Uplink": teamUplink(port).name,
        "Uplink Port ID": teamUplink(port).port,
        "Active Filters": [],
      }));
    },
  }),
];
