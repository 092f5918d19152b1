/** `esxcli system maintenanceMode set` and `esxcli system shutdown`: what ends the host's work, for a while or for good. */
import type { MoRef } from "../../../wire/index.ts";
import { HOST as INVENTORY_HOST } from "../../inventory-tree.ts";
import { bool, command, long, nothing, required, text } from "../command.ts";
import type { Host } from "../host.ts";

const HOST = INVENTORY_HOST as MoRef<"HostSystem">;
const privilege = "Host.Config.Maintenance";
const reason = required(text("-r", "--reason", "Why, for the audit and for people who read it."));

/** Refused, as on ESXi, unless the host is in maintenance mode. */
const end = (method: "RebootHost_Task" | "ShutdownHost_Task") => (host: Host) => host.perform(HOST, method, { force: false });

export const powerCommands = [
  command("system maintenanceMode set", {
    help: "Put the host into maintenance mode once no virtual machine runs, or end it.",
    privilege,
    params: {
      enable: required(bool("-e", "--enable", "Whether it shall be in maintenance mode.")),
      timeout: long("-t", "--timeout", "Seconds to wait for virtual machines to end; 0 waits as long as it takes."),
    },
    result: nothing,
    run: (host, { enable, timeout = 0 }) =>
      host.perform(HOST, enable ? "EnterMaintenanceMode_Task" : "ExitMaintenanceMode_Task", { timeout }),
  }),
  command("system shutdown poweroff", {
    help: "Power the machine off; the host is in maintenance mode.",
    privilege,
    params: { reason },
    result: nothing,
    run: end("ShutdownHost_Task"),
  }),
  command("system shutdown reboot", {
    help: "Start the machine again; the host is in maintenance mode.",
    privilege,
    params: { reason },
    result: nothing,
    run: end("RebootHost_Task"),
  }),
];
