/** `esxcli hardware`: what the machine is made of, as far as it tells. */
import type { HostHardwareInfo, MoRef } from "../../../wire/index.ts";
import { HOST_MANAGERS, HOST as INVENTORY_HOST } from "../../inventory-tree.ts";
import { aString, blocks, command, one, struct } from "../command.ts";
import type { Host } from "../host.ts";

const HOST = INVENTORY_HOST as MoRef<"HostSystem">;
const SCHEDULER: MoRef<"HostCpuSchedulerSystem"> = HOST_MANAGERS.cpuScheduler;
const DATE_TIME: MoRef<"HostDateTimeSystem"> = HOST_MANAGERS.dateTimeSystem;

async function readHardware(host: Host): Promise<HostHardwareInfo> {
  const hardware = await host.read(HOST, "hardware");
  if (hardware === undefined) throw new Error("the host has no hardware");
  return hardware;
}

const cpu = struct("CPU", {
  CPU: "string",
  Id: "long",
  "Package Id": "long",
  Brand: "string",
  Description: "string",
  "Core Speed": "long",
  Node: "long",
});
const BRANDS: Readonly<Record<string, string>> = { intel: "GenuineIntel", amd: "AuthenticAMD" };

const processors = [
  command("hardware cpu list", {
    help: "List the processors of the machine, a record for each thread.",
    result: blocks(cpu, "%CPU%"),
    async run(host) {
      const { cpuPkg, numaInfo } = await readHardware(host);
      return cpuPkg.flatMap(({ index, vendor, description, hz, threadId = [] }) =>
        threadId.map((id) => ({
          CPU: `CPU:${id}`,
          Id: id,
          "Package Id": index,
          Brand: BRANDS[vendor] ?? vendor,
          Description: description,
          "Core Speed": hz,
          Node: numaInfo?.numaNode?.find(({ cpuID = [] }) => cpuID.includes(id))?.typeId ?? 0,
        })),
      );
    },
  }),
  command("hardware cpu global get", {
    help: "Show how many processors the machine has, and whether their cores have threads.",
    result: one(
      struct("CPUGlobal", {
        "CPU Packages": "long",
        "CPU Cores": "long",
        "CPU Threads": "long",
        "Hyperthreading Active": "boolean",
        "Hyperthreading Supported": "boolean",
        "Hyperthreading Enabled": "boolean",
      }),
    ),
    async run(host) {
      const [{ cpuInfo }, threads] = await Promise.all([readHardware(host), host.read(SCHEDULER, "hyperthreadInfo")]);
      return {
        "CPU Packages": cpuInfo.numCpuPackages,
        "CPU Cores": cpuInfo.numCpuCores,
        "CPU Threads": cpuInfo.numCpuThreads,
        "Hyperthreading Active": threads?.active,
        "Hyperthreading Supported": threads?.available,
        "Hyperthreading Enabled": threads?.config,
      };
    },
  }),
];

/** "0x56 0x4d …" */
function bytesOf(uuid: string): string {
  const bytes = uuid.replaceAll("-", "").match(/../g) ?? [];
  return bytes.map((byte) => `0x${byte}`).join(" ");
}

/** vim25 shows these numbers as if they had a sign. */
const hex = (value: number, digits: number): string => `0x${(value & (16 ** digits - 1)).toString(16).padStart(digits, "0")}`;

const rest = [
  command("hardware memory get", {
    help: "Show how much memory the machine has.",
    result: one(struct("Memory", { "Physical Memory": "long", "NUMA Node Count": "long" }, { "Physical Memory": "Bytes" })),
    async run(host) {
      const { memorySize, numaInfo } = await readHardware(host);
      return { "Physical Memory": memorySize, "NUMA Node Count": Math.max(1, numaInfo?.numNodes ?? 1) };
    },
  }),
  command("hardware platform get", {
    help: "Show what machine it is.",
    result: one(struct("PlatformGet", { UUID: "string", "Product Name": "string", "Vendor Name": "string" }), "Platform Information"),
    async run(host) {
      const { uuid, model, vendor } = (await readHardware(host)).systemInfo;
      return { UUID: bytesOf(uuid), "Product Name": model, "Vendor Name": vendor };
    },
  }),
  command("hardware clock get", {
    help: "Show the date and time of the machine, in UTC.",
    result: aString,
    run: async (host) => (await host.call(DATE_TIME, "QueryDateTime", {})).toISOString().replace(/\.\d+Z$/, "Z"),
  }),
  command("hardware pci list", {
    help: "List the PCI devices of the machine.",
    result: blocks(
      struct("PciDevice", {
        Address: "string",
        Segment: "string",
        Bus: "string",
        Slot: "string",
        Function: "string",
        "Vendor Name": "string",
        "Device Name": "string",
        "Vendor ID": "string",
        "Device ID": "string",
        "SubVendor ID": "string",
        "SubDevice ID": "string",
        "Device Class": "string",
        "Passthru Capable": "boolean",
      }),
      "%Address%",
    ),
    run: async (host) =>
      ((await readHardware(host)).pciDevice ?? []).map((device) => ({
        Address: device.id,
        Segment: `0x${device.id.split(":")[0] ?? ""}`,
        Bus: hex(device.bus, 2),
        Slot: hex(device.slot, 2),
        Function: hex(device.function, 1),
        "Vendor Name": device.vendorName,
        "Device Name": device.deviceName,
        "Vendor ID": hex(device.vendorId, 4),
        "Device ID": hex(device.deviceId, 4),
        "SubVendor ID": hex(device.subVendorId, 4),
        "SubDevice ID": hex(device.subDeviceId, 4),
        "Device Class": hex(device.classId, 4),
        "Passthru Capable": false, // a monitor gets descriptors of files and sockets, and no device
      })),
  }),
];

export const hardwareCommands = [...processors, ...rest];
