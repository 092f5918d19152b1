/**
 * What QEMU's `info mtree` and `gpa2hva` tell of a guest's memory: where each piece of it lies for the guest, and where for the monitor.
 * Pure. Source: QEMU 7.2 softmmu/memory.c mtree_info, monitor/misc.c hmp_gpa2hva. Never of `info mtree -f`, which says the same flat: QEMU
 * keeps what it has listed there, so a device whose memory was in it is never told to be gone. A guest that broke out may have written
 * it: what does not fit is not there.
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
/** Where a PC has its screen and ROMs, whatever RAM is beneath them. */
const HOLE = { from: 0xa0000, to: 0x100000 };

/** `    0000000000000000-000000000fffffff (prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-000000000fffffff` */
const REGION =
  /^ {4,}([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom)\): (?:alias \S+ @(\S+) [0-9a-f]{16}-[0-9a-f]{16}|(\S+))(?: KVM)?$/;

/** The ranges of the memory that processors see, ascending; devices are none of it, nor what is switched off. */
export function parseMemoryMap(text: unknown): readonly GuestMemoryRange[] {
  const spaces = String(text).slice(0, TEXT_LENGTH_MAX).replaceAll("\r", "").split("\n\n");
  const space = spaces.find((part) => /^address-space: memory$/m.test(part)) ?? "";
  const ranges = space.split("\n").flatMap((line) => {
    const [, from = "", to = "", kind, aliased, named = ""] = REGION.exec(line) ?? [];
    const [start, last] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    if (kind === undefined || !(last >= start) || last >= ADDRESS_MAX) return [];
    const range = { guestStart: start, bytes: last - start + 1, kind: kind === "ram" ? "ram" : "rom", region: aliased ?? named } as const;
    return range.kind === "ram" ? aroundHole(range) : [range];
  });
  return ranges.sort((one, other) => one.guestStart - other.guestStart);
}

function aroundHole(range: GuestMemoryRange): readonly GuestMemoryRange[] {
  const end = range.guestStart + range.bytes;
  if (range.guestStart >= HOLE.to || end <= HOLE.from) return [range];
  return [
    { ...range, bytes: HOLE.from - range.guestStart },
    { ...range, guestStart: HOLE.to, bytes: end - HOLE.to },
  ].filter(({ bytes }) => bytes > 0);
}

/** @returns where a guest's address lies for the monitor; undefined when it says that there is nothing */
export function parseHostAddress(text: unknown): number | undefined {
  const [, address] = /^Host virtual address for 0x[0-9a-f]+ \([^)]*\) is 0x([0-9a-f]{1,16})\s*$/.exec(String(text)) ?? [];
  const value = Number.parseInt(address ?? "", 16);
  return Number.isNaN(value) || value >= ADDRESS_MAX ? undefined : value;
}
