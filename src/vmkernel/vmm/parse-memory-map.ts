/**
 * What QEMU's `info mtree -f` and `gpa2hva` tell of a guest's memory: where each piece of it lies for the guest, and where for the
 * monitor. Pure. Source: QEMU 7.2 softmmu/memory.c mtree_print_flatview, monitor/misc.c hmp_gpa2hva. A guest that broke out may have
 * written it: what does not fit is not there.
 */

/** A piece of what the guest sees as memory. Addresses are bytes. */
export interface GuestMemoryRange {
  /** In the guest's "physical" memory. */
  readonly guestStart: number;
  readonly bytes: number;
  readonly kind: "ram" | "rom";
  /** QEMU's name for what is behind it: "pc.ram", "pc.bios" … */
  readonly region: string;
}

/** Far more than a machine with all its devices has lines. */
const TEXT_LENGTH_MAX = 1024 * 1024;
const ADDRESS_MAX = 2 ** 52; // what x86-64 can address

/** `  0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM` */
const RANGE = /^ {2}([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom)\): (\S+)(?: @[0-9a-f]{16})?(?: KVM)?$/;

/** The ranges of the memory that processors see, ascending; devices are none of it. */
export function parseMemoryMap(text: unknown): readonly GuestMemoryRange[] {
  const views = String(text)
    .slice(0, TEXT_LENGTH_MAX)
    .split(/^FlatView #\d+\r?$/m);
  const view = views.find((part) => /^ AS "memory", root: system\r?$/m.test(part)) ?? "";
  return view.split(/\r?\n/).flatMap((line) => {
    const [, from = "", to = "", kind, region = ""] = RANGE.exec(line) ?? [];
    const [start, last] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    if (kind === undefined || !(last >= start) || last >= ADDRESS_MAX) return [];
    return [{ guestStart: start, bytes: last - start + 1, kind: kind === "ram" ? "ram" : "rom", region } as const];
  });
}

/** @returns where a guest's address lies for the monitor; undefined when it says that there is nothing */
export function parseHostAddress(text: unknown): number | undefined {
  const [, address] = /^Host virtual address for 0x[0-9a-f]+ \([^)]*\) is 0x([0-9a-f]{1,16})\s*$/.exec(String(text)) ?? [];
  const value = Number.parseInt(address ?? "", 16);
  return Number.isNaN(value) || value >= ADDRESS_MAX ? undefined : value;
}
