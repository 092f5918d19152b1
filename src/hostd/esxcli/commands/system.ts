/** `esxcli system`: what the host is, what it is called, how long it has been up. */
import type { MoRef } from "../../../wire/index.ts";
import { HOST_MANAGERS, HOST as INVENTORY_HOST } from "../../inventory-tree.ts";
import { aLong, aString, command, one, struct } from "../command.ts";

const HOST = INVENTORY_HOST as MoRef<"HostSystem">;
const SERVICE: MoRef<"ServiceInstance"> = { type: "ServiceInstance", value: "ServiceInstance" };
const DATE_TIME: MoRef<"HostDateTimeSystem"> = HOST_MANAGERS.dateTimeSystem;
const NETWORK: MoRef<"HostNetworkSystem"> = HOST_MANAGERS.networkSystem;
const MICROSECONDS = 1_000_000;

/** "2024-05-01T12:00:00Z" */
const withoutFraction = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

export const systemCommands = [
  command("system version get", {
    help: "Show what product and version the host is.",
    result: one(struct("VersionGet", { Product: "string", Version: "string", Build: "string", Update: "string", Patch: "string" })),
    async run(host) {
      const { name, version, build, patchLevel } = (await host.read(SERVICE, "content")).about;
      return { Product: name, Version: version, Build: `Releasebuild-${build}`, Update: version.split(".")[2], Patch: patchLevel };
    },
  }),
  command("system hostname get", {
    help: "Show what the host is called.",
    result: one(
      struct("FullyQualifiedHostName", { "Domain Name": "string", "Fully Qualified Domain Name": "string", "Host Name": "string" }),
    ),
    async run(host) {
      const { hostName = "", domainName = "" } = (await host.read(NETWORK, "dnsConfig")) ?? {};
      return {
        "Domain Name": domainName,
        "Fully Qualified Domain Name": domainName === "" ? hostName : `${hostName}.${domainName}`,
        "Host Name": hostName,
      };
    },
  }),
  command("system uuid get", {
    help: "Show the UUID of the host.",
    result: aString,
    run: async (host) => (await host.read(HOST, "hardware"))?.systemInfo.uuid ?? "",
  }),
  command("system stats uptime get", {
    help: "Show how long the machine has been up, in microseconds.",
    result: aLong,
    run: async (host) => (await host.call(HOST, "RetrieveHardwareUptime", {})) * MICROSECONDS,
  }),
  command("system time get", {
    help: "Show the date and time of the host, in UTC.",
    result: aString,
    run: async (host) => withoutFraction(await host.call(DATE_TIME, "QueryDateTime", {})),
  }),
  command("system maintenanceMode get", {
    help: "Tell whether the host is in maintenance mode.",
    result: aString,
    run: async (host) => ((await host.read(HOST, "runtime")).inMaintenanceMode ? "Enabled" : "Disabled"),
  }),
];
