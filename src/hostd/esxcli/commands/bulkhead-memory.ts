/** `esxcli bulkhead memory`: what ESXi's esxcli has no words for. Paper «Memory Isolation»: the pmap that the VMM keeps. */
import { PAGE_RUNS_MAX, type PageRun } from "../../../vmkernel/index.ts";
import { CommandFailed, command, long, one, required, struct, table, text } from "../command.ts";
import { type Host, objectRef } from "../host.ts";

/** Of one answer: esxcli's clients read no more elements of XML. */
const RANGES_MAX = 100_000;

const MIB = 2 ** 20;
const inMib = (bytes: number): number => Math.round(bytes / MIB);

const sharingOfMachine = struct(
  "MemorySharing",
  { "VMs Sharing": "long", Shared: "long", Common: "long", Saved: "long" },
  { Shared: "MB", Common: "MB", Saved: "MB" },
);

export const bulkheadMemoryCommands = [
  command("bulkhead memory sharing get", {
    help: "Show what the kernel keeps once for several: where that much memory is shared, what it takes, and what it saves.",
    result: one(sharingOfMachine),
    async run(host) {
      const { ofMachine, vms } = await host.sharing();
      return {
        "VMs Sharing": vms.filter(({ group }) => group !== undefined).length,
        ...{ Shared: inMib(ofMachine.sharedBytes), Common: inMib(ofMachine.commonBytes), Saved: inMib(ofMachine.savedBytes) },
      };
    },
  }),
  command("bulkhead memory sharing list", {
    help: "List with whom each running virtual machine shares equal pages, and how much of its memory is shared; Saved is its part of what all save.",
    result: table(struct("VMSharing", { VM: "string", Name: "string", Group: "string", "Shared MB": "long", "Saved MB": "long" })),
    async run(host) {
      const { ofMachine, vms } = await host.sharing();
      const part = ofMachine.savedBytes / Math.max(1, ofMachine.sharedBytes);
      return Promise.all(
        vms.map(async ({ vm, group = "", sharedBytes }) => {
          const Name = await host.read(objectRef("VirtualMachine", vm), "name");
          return { VM: vm, Name, Group: group, "Shared MB": inMib(sharedBytes), "Saved MB": inMib(sharedBytes * part) };
        }),
      );
    },
  }),
  command("bulkhead memory pmap list", {
    help: "List which machine pages are behind a running guest's memory: guest physical, monitor virtual, machine; in bytes, hexadecimal.",
    privilege: "Global.Diagnostics", // where things lie in the machine's memory is worth something to whoever attacks it
    params: {
      vm: required(text("-v", "--vm", "The virtual machine, by its number.")),
      from: text("-f", "--from", "Begin at this physical address of the guest: 0x100000, or decimal."),
      count: long("-c", "--count", `List no more ranges than that, at most ${RANGES_MAX}.`),
    },
    result: table(
      struct("PageRange", {
        "Guest Physical": "string",
        "Monitor Virtual": "string",
        Machine: "string",
        Bytes: "long",
        Region: "string",
      }),
    ),
    async run(host, { vm, from = "0", count }) {
      if (count !== undefined && (count < 1 || count > RANGES_MAX)) throw new CommandFailed(`Ranges are from 1 to ${RANGES_MAX}.`);
      const found = await readRanges(host, vm, { fromByte: parseAddress(from), count: count ?? RANGES_MAX + 1 });
      if (found.length > RANGES_MAX)
        throw new CommandFailed(`The memory of ${vm} lies in more than ${RANGES_MAX} ranges: ask for parts of it, by --from and --count.`);
      return found.map(({ guestStart, hostStart, machine, bytes, region }) => ({
        "Guest Physical": hex(guestStart),
        "Monitor Virtual": hex(hostStart),
        Machine: machine.kind === "at" ? hex(machine.start) : machine.kind,
        Bytes: bytes,
        Region: region,
      }));
    },
  }),
];

async function readRanges(host: Host, vm: string, part: { readonly fromByte: number; readonly count: number }): Promise<PageRun[]> {
  const found: PageRun[] = [];
  for (let { fromByte } = part; found.length < part.count; ) {
    const runsMax = Math.min(PAGE_RUNS_MAX, part.count - found.length);
    const runs = await host.pages(vm, { fromByte, runsMax });
    for (const run of runs) found.push(run);
    const last = runs.at(-1);
    if (last === undefined || runs.length < runsMax) break;
    fromByte = last.guestStart + last.bytes;
  }
  return found;
}

const hex = (address: number): string => `0x${address.toString(16)}`;

/** @throws {CommandFailed} */
function parseAddress(text: string): number {
  const address = /^(?:0x[0-9a-f]{1,16}|\d{1,16})$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(address) || address % PAGE_BYTES !== 0) throw new CommandFailed(`${text} is no address of a page.`);
  return address;
}

const PAGE_BYTES = 4096;
