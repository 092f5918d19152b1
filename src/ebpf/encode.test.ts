import { expect, test } from "vitest";
import { assembleProgram } from "./encode.ts";
import { ProgramBuilder } from "./program-builder.ts";

const FDS = new Map([
  ["fdb", 7],
  ["counters", 0x102],
]);

/** The bytes of what `write` writes; where nothing else ends the program, the exit behind it is cut off. */
function bytesOf(write: (builder: ProgramBuilder) => ProgramBuilder): string {
  const bytes = assembleProgram(write(new ProgramBuilder()).exit().build(), FDS).toString("hex");
  return (bytes.match(/.{16}/g) ?? [])
    .map((slot) => slot.replace(/..(?!$)/g, "$& "))
    .slice(0, -1)
    .join(" | ");
}

type Write = (builder: ProgramBuilder) => ProgramBuilder;

// RFC 9669 §4.1: | operation:4 | source:1 | class:3 |, class 7 for 64 bits, 4 for 32
test.each<[string, Write, string]>([
  ["r1 += r2", (b) => b.add("r1", "r2"), "0f 21 00 00 00 00 00 00"],
  ["r1 += 5", (b) => b.add("r1", 5), "07 01 00 00 05 00 00 00"],
  ["w1 += 5", (b) => b.add("r1", 5, 32), "04 01 00 00 05 00 00 00"],
  ["w1 += w2", (b) => b.add("r1", "r2", 32), "0c 21 00 00 00 00 00 00"],
  ["r3 -= r4", (b) => b.sub("r3", "r4"), "1f 43 00 00 00 00 00 00"],
  ["r3 -= -1", (b) => b.sub("r3", -1), "17 03 00 00 ff ff ff ff"],
  ["r3 *= 10", (b) => b.mul("r3", 10), "27 03 00 00 0a 00 00 00"],
  ["r3 /= 10", (b) => b.div("r3", 10), "37 03 00 00 0a 00 00 00"],
  ["r0 /= r9", (b) => b.div("r0", "r9"), "3f 90 00 00 00 00 00 00"],
  ["r2 |= r3", (b) => b.or("r2", "r3"), "4f 32 00 00 00 00 00 00"],
  ["r2 &= 4095", (b) => b.and("r2", 4095), "57 02 00 00 ff 0f 00 00"],
  ["w2 &= 0xffffffff", (b) => b.and("r2", 0xffffffff, 32), "54 02 00 00 ff ff ff ff"],
  ["r9 <<= 16", (b) => b.lsh("r9", 16), "67 09 00 00 10 00 00 00"],
  ["r9 >>= 63", (b) => b.rsh("r9", 63), "77 09 00 00 3f 00 00 00"],
  ["w9 >>= 31", (b) => b.rsh("r9", 31, 32), "74 09 00 00 1f 00 00 00"],
  ["r9 s>>= 8", (b) => b.arsh("r9", 8), "c7 09 00 00 08 00 00 00"],
  ["r9 %= 3", (b) => b.mod("r9", 3), "97 09 00 00 03 00 00 00"],
  ["r9 ^= r1", (b) => b.xor("r9", "r1"), "af 19 00 00 00 00 00 00"],
  ["r6 = r1", (b) => b.mov("r6", "r1"), "bf 16 00 00 00 00 00 00"],
  ["r0 = 2", (b) => b.mov("r0", 2), "b7 00 00 00 02 00 00 00"],
  ["r0 = -2147483648", (b) => b.mov("r0", -0x80000000), "b7 00 00 00 00 00 00 80"],
  ["w0 = 4294967295", (b) => b.mov("r0", 0xffffffff, 32), "b4 00 00 00 ff ff ff ff"],
  ["r2 = r10", (b) => b.mov("r2", "r10"), "bf a2 00 00 00 00 00 00"],
  ["r5 = -r5", (b) => b.neg("r5"), "87 05 00 00 00 00 00 00"],
  ["w5 = -w5", (b) => b.neg("r5", 32), "84 05 00 00 00 00 00 00"],
])("%s", (_, write, bytes) => {
  expect(bytesOf(write)).toBe(bytes);
});

// RFC 9669 §4.2: class 4, the source bit for big endian, the width as immediate
test.each<[string, Write, string]>([
  ["r2 = be16 r2", (b) => b.be16("r2"), "dc 02 00 00 10 00 00 00"],
  ["r2 = be32 r2", (b) => b.be32("r2"), "dc 02 00 00 20 00 00 00"],
  ["r2 = be64 r2", (b) => b.be64("r2"), "dc 02 00 00 40 00 00 00"],
])("%s", (_, write, bytes) => {
  expect(bytesOf(write)).toBe(bytes);
});

// RFC 9669 §5: | mode:3 | width:2 | class:3 |, mode 3 for memory, 6 for atomic operations, 0 for constants of 64 bits
test.each<[string, Write, string]>([
  ["r2 = *(u8 *)(r7 + 0)", (b) => b.load(1, "r2", "r7", 0), "71 72 00 00 00 00 00 00"],
  ["r2 = *(u16 *)(r7 + 12)", (b) => b.load(2, "r2", "r7", 12), "69 72 0c 00 00 00 00 00"],
  ["r7 = *(u32 *)(r6 + 76)", (b) => b.load(4, "r7", "r6", 76), "61 67 4c 00 00 00 00 00"],
  ["r9 = *(u64 *)(r7 - 32768)", (b) => b.load(8, "r9", "r7", -32768), "79 79 00 80 00 00 00 00"],
  ["*(u8 *)(r10 - 1) = r2", (b) => b.store(1, "r10", -1, "r2"), "73 2a ff ff 00 00 00 00"],
  ["*(u16 *)(r10 - 2) = r2", (b) => b.store(2, "r10", -2, "r2"), "6b 2a fe ff 00 00 00 00"],
  ["*(u32 *)(r6 + 48) = r1", (b) => b.store(4, "r6", 48, "r1"), "63 16 30 00 00 00 00 00"],
  ["*(u64 *)(r10 - 8) = r9", (b) => b.store(8, "r10", -8, "r9"), "7b 9a f8 ff 00 00 00 00"],
  ["*(u8 *)(r1 + 1) = 255", (b) => b.storeImmediate(1, "r1", 1, 255), "72 01 01 00 ff 00 00 00"],
  ["*(u16 *)(r1 + 2) = 8", (b) => b.storeImmediate(2, "r1", 2, 8), "6a 01 02 00 08 00 00 00"],
  ["*(u32 *)(r1 + 4) = 0xffffffff", (b) => b.storeImmediate(4, "r1", 4, 0xffffffff), "62 01 04 00 ff ff ff ff"],
  ["*(u64 *)(r1 + 8) = -1", (b) => b.storeImmediate(8, "r1", 8, -1), "7a 01 08 00 ff ff ff ff"],
  ["lock *(u32 *)(r1 + 4) += r2", (b) => b.atomicAdd(4, "r1", 4, "r2"), "c3 21 04 00 00 00 00 00"],
  ["lock *(u64 *)(r1 + 16) += r2", (b) => b.atomicAdd(8, "r1", 16, "r2"), "db 21 10 00 00 00 00 00"],
  ["r3 = 0x1122334455667788", (b) => b.load64("r3", 0x1122334455667788n), "18 03 00 00 88 77 66 55 | 00 00 00 00 44 33 22 11"],
  ["r3 = -1 in 64 bits", (b) => b.load64("r3", -1n), "18 03 00 00 ff ff ff ff | 00 00 00 00 ff ff ff ff"],
  ["r1 = map fdb", (b) => b.loadMap("r1", "fdb"), "18 11 00 00 07 00 00 00 | 00 00 00 00 00 00 00 00"],
  ["r1 = map counters[0] + 64", (b) => b.loadMapValue("r1", "counters", 64), "18 21 00 00 02 01 00 00 | 00 00 00 00 40 00 00 00"],
])("%s", (_, write, bytes) => {
  expect(bytesOf(write)).toBe(bytes);
});

/** Jumps over one instruction. */
const over = (jump: Write) => (b: ProgramBuilder) => jump(b).mov("r0", 0).label("there");

// RFC 9669 §4.3: | operation:4 | source:1 | class:3 |, class 5 for 64 bits, 6 for 32
test.each<[string, Write, string]>([
  ["if r1 == 22", over((b) => b.jumpIf("eq", "r1", 22, "there")), "15 01 01 00 16 00 00 00"],
  ["if r1 == r2", over((b) => b.jumpIf("eq", "r1", "r2", "there")), "1d 21 01 00 00 00 00 00"],
  ["if w1 == w2", over((b) => b.jumpIf("eq", "r1", "r2", "there", 32)), "1e 21 01 00 00 00 00 00"],
  ["if w1 == 0xffffffff", over((b) => b.jumpIf("eq", "r1", 0xffffffff, "there", 32)), "16 01 01 00 ff ff ff ff"],
  ["if r1 > r3", over((b) => b.jumpIf("gt", "r1", "r3", "there")), "2d 31 01 00 00 00 00 00"],
  ["if r1 >= 5", over((b) => b.jumpIf("ge", "r1", 5, "there")), "35 01 01 00 05 00 00 00"],
  ["if r1 & 1", over((b) => b.jumpIf("set", "r1", 1, "there")), "45 01 01 00 01 00 00 00"],
  ["if r1 != 0", over((b) => b.jumpIf("ne", "r1", 0, "there")), "55 01 01 00 00 00 00 00"],
  ["if r1 s> -1", over((b) => b.jumpIf("sgt", "r1", -1, "there")), "65 01 01 00 ff ff ff ff"],
  ["if r1 s>= 0", over((b) => b.jumpIf("sge", "r1", 0, "there")), "75 01 01 00 00 00 00 00"],
  ["if r1 < 5", over((b) => b.jumpIf("lt", "r1", 5, "there")), "a5 01 01 00 05 00 00 00"],
  ["if r1 <= 5", over((b) => b.jumpIf("le", "r1", 5, "there")), "b5 01 01 00 05 00 00 00"],
  ["if r1 s< 0", over((b) => b.jumpIf("slt", "r1", 0, "there")), "c5 01 01 00 00 00 00 00"],
  ["if r1 s<= 0", over((b) => b.jumpIf("sle", "r1", 0, "there")), "d5 01 01 00 00 00 00 00"],
])("%s goto +1", (_, write, bytes) => {
  expect(bytesOf(write)).toBe(`${bytes} | b7 00 00 00 00 00 00 00`);
});

test.each<[string, Write, string]>([
  ["may goto +1", over((b) => b.mayJump("there")), "e5 00 01 00 00 00 00 00 | b7 00 00 00 00 00 00 00"], // BPF_JMP | BPF_JCOND, src BPF_MAY_GOTO
  ["call bpf_clone_redirect", (b) => b.call("cloneRedirect"), "85 00 00 00 0d 00 00 00"],
  ["exit", (b) => b.jumpIf("eq", "r1", 0, "end").exit().label("end"), "15 01 01 00 00 00 00 00 | 95 00 00 00 00 00 00 00"],
  [
    "goto back",
    (b) => b.label("loop").jumpIf("eq", "r1", 0, "end").jump("loop").label("end"),
    "15 01 01 00 00 00 00 00 | 05 00 fe ff 00 00 00 00",
  ],
])("%s", (_, write, bytes) => {
  expect(bytesOf(write)).toBe(bytes);
});

test("a jump over a constant of 64 bits counts both its slots", () => {
  expect(bytesOf((b) => b.jumpIf("eq", "r1", 0, "there").load64("r3", 0n).label("there"))).toMatch(/^15 01 02 00/);
});

test("a map without a descriptor is a bug of the caller's, and nothing is assembled", () => {
  const program = new ProgramBuilder().loadMap("r1", "unheard-of").exit().build();
  expect(() => assembleProgram(program, FDS)).toThrow("the map unheard-of has a descriptor");
});
