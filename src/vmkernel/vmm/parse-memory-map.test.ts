import { expect, test } from "vitest";
import { parseHostAddress, parseMemoryMap } from "./parse-memory-map.ts";

/** As QEMU 7.2 wrote it for a machine of 4 GiB, cut short. */
const TEXT = [
  "FlatView #0",
  ' AS "I/O", root: io',
  " Root memory region: io",
  "  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan",
  "",
  "FlatView #1",
  ' AS "memory", root: system',
  ' AS "cpu-memory-0", root: system',
  " Root memory region: system",
  "  0000000000000000-00000000000bffff (prio 0, ram): pc.ram",
  "  00000000000e0000-00000000000fffff (prio 0, rom): pc.bios @0000000000020000",
  "  0000000000100000-00000000bfffffff (prio 0, ram): pc.ram @0000000000100000 KVM",
  "  00000000fec00000-00000000fec00fff (prio 0, i/o): ioapic",
  "  0000000100000000-000000013fffffff (prio 0, ram): pc.ram @00000000c0000000",
  "",
  "FlatView #2",
  ' AS "cpu-smm-0", root: memory',
  "  0000000000000000-00000000000bffff (prio 0, ram): other",
  "",
].join("\r\n");

test("the memory that processors see is read, with its holes, and no device and no other view is taken for it", () => {
  expect(parseMemoryMap(TEXT)).toEqual([
    { guestStart: 0, bytes: 0xc0000, kind: "ram", region: "pc.ram" },
    { guestStart: 0xe0000, bytes: 0x20000, kind: "rom", region: "pc.bios" },
    { guestStart: 0x100000, bytes: 0xbff00000, kind: "ram", region: "pc.ram" },
    { guestStart: 0x100000000, bytes: 0x40000000, kind: "ram", region: "pc.ram" },
  ]);
});

test.each([
  ["nothing", undefined],
  ["no view of memory", 'FlatView #0\n AS "I/O", root: io\n  0000000000000000-00000000000bffff (prio 0, ram): pc.ram'],
  [
    "a range that ends before it begins",
    'FlatView #0\n AS "memory", root: system\n  00000000000bffff-0000000000000000 (prio 0, ram): pc.ram',
  ],
  ["addresses that no processor has", 'FlatView #0\n AS "memory", root: system\n  0000000000000000-ffffffffffffffff (prio 0, ram): pc.ram'],
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
