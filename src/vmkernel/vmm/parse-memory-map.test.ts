import { expect, test } from "vitest";
import { parseHostAddress, parseMemoryMap } from "./parse-memory-map.ts";

const MEMORY = ["address-space: cpu-memory-0", "address-space: memory", "  0000000000000000-ffffffffffffffff (prio 0, i/o): system"];
/** As QEMU 7.2 wrote it for a machine of 4 GiB with a module, cut short. */
const TEXT = [
  "address-space: I/O",
  "  0000000000000000-000000000000ffff (prio 0, i/o): io",
  "    0000000000000000-0000000000000007 (prio 0, ram): other",
  "",
  ...MEMORY,
  "    0000000000000000-00000000bfffffff (prio 0, ram): alias ram-below-4g @pc.ram 0000000000000000-00000000bfffffff KVM",
  "    0000000000000000-ffffffffffffffff (prio -1, i/o): pci",
  "      00000000000e0000-00000000000fffff (prio 1, rom): alias isa-bios @pc.bios 0000000000020000-000000000003ffff",
  "      00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram [disabled]",
  "    00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic",
  "    0000000100000000-000000013fffffff (prio 0, ram): alias ram-above-4g @pc.ram 00000000c0000000-00000000ffffffff",
  "    0000000140000000-000000026fffffff (prio 0, i/o): device-memory",
  "      0000000140000000-0000000147ffffff (prio 0, ram): memory0",
  "",
  "address-space: cpu-smm-0",
  "    0000000000000000-00000000000bffff (prio 0, ram): other",
  "",
].join("\r\n");

test("the memory that processors see is read, with its holes, and no device and no other space is taken for it", () => {
  expect(parseMemoryMap(TEXT)).toEqual([
    { guestStart: 0, bytes: 0xa0000, kind: "ram", region: "pc.ram" },
    { guestStart: 0xe0000, bytes: 0x20000, kind: "rom", region: "pc.bios" },
    { guestStart: 0x100000, bytes: 0xbff00000, kind: "ram", region: "pc.ram" },
    { guestStart: 0x100000000, bytes: 0x40000000, kind: "ram", region: "pc.ram" },
    { guestStart: 0x140000000, bytes: 0x8000000, kind: "ram", region: "memory0" },
  ]);
});

const inMemory = (line: string) => [...MEMORY, line].join("\n");

test.each([
  ["nothing", undefined],
  ["no space of memory", "address-space: I/O\n    0000000000000000-00000000000bffff (prio 0, ram): pc.ram"],
  ["a range that ends before it begins", inMemory("    00000000000bffff-0000000000000000 (prio 0, ram): pc.ram")],
  ["addresses that no processor has", inMemory("    0000000000000000-ffffffffffffffff (prio 0, ram): pc.ram")],
])("%s is no memory", (_, text) => {
  expect(parseMemoryMap(text)).toEqual([]);
});

test.each<[string, unknown, number | undefined]>([
  ["an address", "Host virtual address for 0x100000 (pc.ram) is 0x7f68c7e00000\r\n", 0x7f68c7e00000],
  ["none", "No memory is mapped at address 0xfe000000\r\n", undefined],
  ["one that no process has", "Host virtual address for 0x0 (pc.ram) is 0xffffffffffffffff", undefined],
  ["something else", { return: 1 }, undefined],
])("of %s", (_, text, expected) => {
  expect(parseHostAddress(text)).toBe(expected);
});
