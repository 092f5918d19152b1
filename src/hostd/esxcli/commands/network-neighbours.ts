/** `esxcli network ip neighbor`: whom the host's own interfaces have met on their networks, by ARP and by neighbour discovery. */
import { command, oneOf, struct, table } from "../command.ts";
import { findInterfaces, interfacename, netstack } from "./find-interface.ts";

export const neighbourCommands = [
  command("network ip neighbor list", {
    help: "List the neighbors of the host's interfaces.",
    params: {
      interfacename,
      netstack,
      version: oneOf(["4", "6", "all"], "-v", "--version", "Only those of a version of IP: 4, 6, or all."),
    },
    result: table(
      struct("Neighbor", {
        Neighbor: "string",
        "Mac Address": "string",
        Vmknic: "string",
        Expiry: "string",
        State: "string",
        Type: "string",
      }),
    ),
    async run(host, args) {
      const devices = new Set((await findInterfaces(host, args)).map(({ device }) => device));
      const { version = "all" } = args;
      return (await host.neighbours())
        .filter(({ device, address }) => devices.has(device) && (version === "all" || (version === "6") === address.includes(":")))
        .map(({ device, address, mac, state, isRouter }) => ({
          Neighbor: address,
          "Mac Address": mac,
          Vmknic: device,
          Expiry: undefined, // the kernel keeps no time for it: it asks again when it next sends there
          State: state,
          Type: isRouter ? "Router" : "Unknown",
        }));
    },
  }),
];
