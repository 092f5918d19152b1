/** What machine this is, as its kernel tells. */
import { readFile } from "node:fs/promises";
import { hostname, release, totalmem, type } from "node:os";
import { memoryLimitOfMachine } from "../cgroups/index.ts";
import { type Processors, parseCpuinfo } from "./parse-cpuinfo.ts";

export interface Hardware {
  readonly hostName: string;
  /** From SMBIOS, canonical lower case; undefined where the firmware gives none. */
  readonly uuid: string | undefined;
  readonly vendor: string;
  readonly model: string;
  /** "Linux 6.1.0-28-amd64". */
  readonly kernel: string;
  readonly cpu: Processors;
  /** What can be used of it: in a container no more than that has. */
  readonly memoryBytes: number;
  readonly bootedAtMs: number;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the machine has, whatever of it can be used. */
export const machineMemoryBytes = (): number => totalmem();

export async function readHardware(): Promise<Hardware> {
  const [uuid, vendor, model, cpuinfo, stat] = await Promise.all([
    readDmi("product_uuid"),
    readDmi("sys_vendor"),
    readDmi("product_name"),
    readFile("/proc/cpuinfo", "utf8"),
    readFile("/proc/stat", "utf8"),
  ]);
  return {
    hostName: machineName(),
    uuid: UUID.test(uuid.toLowerCase()) ? uuid.toLowerCase() : undefined,
    vendor: vendor || "unknown",
    model: model || "unknown",
    kernel: `${type()} ${release()}`,
    cpu: parseCpuinfo(cpuinfo),
    memoryBytes: Math.min(totalmem(), memoryLimitOfMachine() ?? Number.POSITIVE_INFINITY),
    bootedAtMs: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000,
  };
}

/** "" where there is no SMBIOS, as in some virtual machines. */
async function readDmi(name: string): Promise<string> {
  return (await readFile(`/sys/class/dmi/id/${name}`, "utf8").catch(() => "")).trim();
}

/** Another one after each start of the machine. */
export async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

/** What the machine is called in its network. */
export function machineName(): string {
  return hostname();
}
