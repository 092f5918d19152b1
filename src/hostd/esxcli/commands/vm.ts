/** `esxcli vm process`: the virtual machines that run. A world's id is that of its monitor's process. */
import { formatSpacedUuid } from "../../../wire/index.ts";
import { blocks, command, long, nothing, oneOf, required, struct } from "../command.ts";
import { findWorld } from "./network-vms.ts";

const process = struct("VirtualMachine", {
  "World ID": "long",
  "Process ID": "long",
  "VMX Cartel ID": "long",
  UUID: "string",
  "Display Name": "string",
  "Config File": "string",
});

export const vmCommands = [
  command("vm process list", {
    help: "List the virtual machines that run.",
    result: blocks(process, "%Display Name%"),
    run: async (host) =>
      Promise.all(
        host.worlds().map(async ({ vm, id }) => {
          const config = (await host.read(vm, "summary")).config;
          return {
            "World ID": id,
            "Process ID": 0, // there is one for each only on ESXi's own kernel
            "VMX Cartel ID": id,
            UUID: config.uuid === undefined ? undefined : formatSpacedUuid(config.uuid.replaceAll("-", "")),
            "Display Name": config.name,
            "Config File": config.vmPathName === undefined ? undefined : pathOf(config.vmPathName),
          };
        }),
      ),
  }),
  command("vm process kill", {
    help: "End a virtual machine that runs: soft powers it off, hard and force end its monitor at once.",
    params: {
      type: required(oneOf(["soft", "hard", "force"], "-t", "--type", "How it is ended: soft, hard, force.")),
      worldid: required(long("-w", "--world-id", "The world of the virtual machine, as `vm process list` shows it.")),
    },
    result: nothing,
    async run(host, { type, worldid }) {
      const { vm } = findWorld(host, worldid);
      if (type === "soft") await host.perform(vm, "PowerOffVM_Task", {});
      else await host.call(vm, "TerminateVM", {});
    },
  }),
];

/** "[datastore1] web/web.vmx" lies at /vmfs/volumes/datastore1/web/web.vmx. */
function pathOf(datastorePath: string): string {
  const [, datastore = "", path = ""] = /^\[([^\]]*)\] ?(.*)$/s.exec(datastorePath) ?? [];
  return `/vmfs/volumes/${datastore}/${path}`;
}
