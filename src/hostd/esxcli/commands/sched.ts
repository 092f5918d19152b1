/** `esxcli sched`: how the host's own memory and its pools are kept. Source: ESXi's esxcli; vim25 ResourcePool. */
import { Fault } from "../../../base/index.ts";
import type { MoRef, ResourceAllocationInfo } from "../../../wire/index.ts";
import { ROOT_POOL } from "../../inventory-tree.ts";
import { aBoolean, bool, CommandFailed, command, elementName, long, nothing, one, type Row, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";

const systemSwap = struct("SystemSwap", {
  "Datastore Active": "boolean",
  "Datastore Enabled": "boolean",
  "Datastore Name": "string",
  "Datastore Order": "long",
  "Hostcache Active": "boolean",
  "Hostcache Enabled": "boolean",
  "Hostcache Order": "long",
  "Hostlocalswap Active": "boolean",
  "Hostlocalswap Enabled": "boolean",
  "Hostlocalswap Order": "long",
});

const SYSTEM_SWAP: Row<typeof systemSwap.fields> = {
  ...{ "Datastore Active": false, "Datastore Enabled": false, "Datastore Name": "", "Datastore Order": 1 },
  ...{ "Hostcache Active": false, "Hostcache Enabled": false, "Hostcache Order": 0 },
  ...{ "Hostlocalswap Active": false, "Hostlocalswap Enabled": false, "Hostlocalswap Order": 2 },
};

const group = struct("Group", {
  Group: "string",
  Kind: "string",
  "CPU Shares": "long",
  "CPU Min MHz": "long",
  "CPU Max MHz": "long",
  "CPU Used MHz": "long",
  "Memory Shares": "long",
  "Memory Min MB": "long",
  "Memory Max MB": "long",
  "Memory Used MB": "long",
});

export const schedCommands = [
  command("sched swap system get", {
    help: "Show where processes of the host itself are swapped to: this host swaps none of them.",
    result: one(systemSwap),
    run: () => SYSTEM_SWAP,
  }),
  command("sched swap system set", {
    help: "Set where processes of the host itself are swapped to: nowhere is all that there is.",
    privilege: "Host.Config.AdvancedConfig",
    params: {
      datastoreenabled: bool("-d", "--datastore-enabled", "Whether to a datastore."),
      datastorename: text("-n", "--datastore-name", "To which."),
      datastoreorder: long("-D", "--datastore-order", "In which turn."),
      hostcacheenabled: bool("-c", "--hostcache-enabled", "Whether to the host cache."),
      hostcacheorder: long("-C", "--hostcache-order", "In which turn."),
      hostlocalswapenabled: bool("-l", "--hostlocalswap-enabled", "Whether to the host's local swap."),
      hostlocalswaporder: long("-L", "--hostlocalswap-order", "In which turn."),
    },
    result: nothing,
    run(_, args) {
      const asIs: Readonly<Record<string, unknown>> = Object.fromEntries(
        Object.entries(SYSTEM_SWAP).map(([field, value]) => [elementName(field).toLowerCase(), value]),
      );
      const changed = Object.entries(args).find(([name, value]) => value !== undefined && value !== asIs[name]);
      if (changed === undefined) return;
      throw new CommandFailed(
        `This host swaps none of its own processes, and guests to its own folder: ${changed[0]} cannot be ${changed[1]}.`,
      );
    },
  }),
  command("sched reliablemem get", {
    help: "Show whether memory that the machine calls reliable is used before other: it is not.",
    result: aBoolean,
    run: () => false,
  }),
  command("sched group list", {
    help: "List resource pools and the virtual machines that run in them, with what each is given and uses. A maximum of -1 is no limit.",
    result: table(group),
    run: (host) => listGroups(host, ROOT_POOL as MoRef<"ResourcePool">),
  }),
];

/** A pool, its VMs that run and that the caller may see, and the pools in it. @param above what it lies in, with a slash */
async function listGroups(host: Host, pool: MoRef<"ResourcePool">, above = ""): Promise<readonly Row<typeof group.fields>[]> {
  const summary = await host.read(pool, "summary");
  const path = above + summary.name;
  const { cpu, memory } = summary.runtime;
  const used = { cpuMhz: cpu.overallUsage, memoryMb: Math.round(memory.overallUsage / 2 ** 20) };
  const rows = [rowOf(path, "pool", { ...(await host.read(pool, "config")), used })];
  const members = new Set((await host.read(pool, "vm"))?.map(({ value }) => value));
  for (const { vm } of host.worlds().filter((world) => members.has(world.vm.value))) {
    const { config, quickStats } = await host.read(vm, "summary");
    const allocations = await host.read(vm, "config");
    const usedByVm = { cpuMhz: quickStats.overallCpuUsage ?? 0, memoryMb: quickStats.hostMemoryUsage ?? 0 };
    if (allocations !== undefined) rows.push(rowOf(`${path}/${config.name}`, "vm", { ...allocations, used: usedByVm }));
  }
  for (const child of (await host.read(pool, "resourcePool")) ?? []) rows.push(...(await ifReadable(listGroups(host, child, `${path}/`))));
  return rows;
}

/** A pool that the caller may not see is not listed, nor what lies in it. */
function ifReadable<T>(listing: Promise<readonly T[]>): Promise<readonly T[]> {
  return listing.catch((error: unknown) => {
    if (error instanceof Fault && error.fault === "NoPermission") return [];
    throw error;
  });
}

interface Allocated {
  readonly cpuAllocation?: ResourceAllocationInfo | undefined;
  readonly memoryAllocation?: ResourceAllocationInfo | undefined;
  readonly used: { readonly cpuMhz: number; readonly memoryMb: number };
}

function rowOf(path: string, kind: "pool" | "vm", { cpuAllocation, memoryAllocation, used }: Allocated): Row<typeof group.fields> {
  return {
    ...{ Group: path, Kind: kind },
    ...{ "CPU Shares": cpuAllocation?.shares?.shares, "CPU Min MHz": cpuAllocation?.reservation, "CPU Max MHz": cpuAllocation?.limit },
    ...{ "CPU Used MHz": used.cpuMhz, "Memory Shares": memoryAllocation?.shares?.shares },
    ...{ "Memory Min MB": memoryAllocation?.reservation, "Memory Max MB": memoryAllocation?.limit, "Memory Used MB": used.memoryMb },
  };
}
