/** `esxcli network ip connection`: TCP and UDP of the machine, as `netstat` tells them. */
import { command, oneOf, struct, table } from "../command.ts";

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const written = ({ address, port }: Endpoint): string => `${address.includes(":") ? `[${address}]` : address}:${port}`;

export const connectionCommands = [
  command("network ip connection list", {
    help: "List the connections of the machine, and which process has each.",
    privilege: "Global.Diagnostics", // as its logs: it tells of all that runs on the machine, and not of the host alone
    params: { type: oneOf(["ip", "tcp", "udp", "all"], "-t", "--type", "Only those of a kind: ip and all are both, tcp, udp.") },
    result: table(
      struct("IpConnection", {
        Proto: "string",
        "Recv Q": "long",
        "Send Q": "long",
        "Local Address": "string",
        "Foreign Address": "string",
        State: "string",
        "World ID": "long",
        "CC Algo": "string",
        "World Name": "string",
      }),
    ),
    async run(host, { type = "all" }) {
      const found = await host.connections();
      return found
        .filter(({ protocol }) => type === "all" || type === "ip" || protocol === type)
        .map(({ protocol, receiveQueue, sendQueue, local, remote, state, owner }) => ({
          Proto: protocol,
          "Recv Q": receiveQueue,
          "Send Q": sendQueue,
          "Local Address": written(local),
          "Foreign Address": written(remote),
          State: state,
          "World ID": owner?.pid ?? 0,
          "CC Algo": undefined,
          "World Name": owner?.name,
        }));
    },
  }),
];
