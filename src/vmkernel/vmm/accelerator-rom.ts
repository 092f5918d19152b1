/**
 * The self-test guest as bytes: a 64-KiB ROM. Pure; made by `tools/selftest-rom.sh` from `tools/selftest-rom.S`, so that no
 * assembler is needed on a user's machine. In order, it
 *
 *   1. leaves real mode for protected mode (its own GDT),
 *   2. maps the first 8 MiB in pages of 2 MiB, and enters long mode with PAE and paging,
 *   3. fills 512 KiB with a pattern, copies it from its end to its start, and compares both from start to end,
 *   4. counts a register down from a million,
 *   5. executes an undefined instruction and takes #UD through its IDT,
 *   6. writes 0x21 to port 0xf4, or 0x22 when a comparison failed or nothing trapped.
 */

const ROM_BYTES = 64 * 1024;

/** Everything from the start of the ROM on: code, GDT, and the pointers to GDT and IDT. */
const CODE = [
  "+vwuZg8BFlABDyDAZoPIAQ8iwGbqGwAPAAgAuBAAAACO2I7AjtC8APABAL8AAAEAMcC5AAwAAPOrxwUAAAEAAxABAMcFABABAAMgAQC4gwAAAL8AIAEAuQQA",
  "AACJBwUAACAAg8cI4vQPIOCDyCAPIuC4AAABAA8i2LmAAADADzINAAEAAA8wDyDADQAAAIAPIsDqmQAPABgAvwAAIAC5AAABAEi6FXxKf7l5N55ID6/CSAHI",
  "SKvi9b74/ycAv/j/RwC5AAABAP3zSKX8vgAAIAC/AABAALkAAAEA80insCJ1Q7lAQg8A/8l1/LgjAQ8Av2BAAQBmiQdmx0cCGABmx0cEAI7B6BCJwmaJVwZI",
  "x0cIAAAAAA8BHCVWAQ8ADwuwIusCsCHm9PTr/Y20AABmkAAAAAAAAAAA//8AAACazwD//wAAAJLPAP//AAAAmq8AHwAwAQ8AbwAAQAEAAAAAAA==",
].join("");

/** What the processor executes first, 16 bytes below the top: a far jump to the start of the ROM. */
const ENTRY = "6gAAAPAAAAAAAAAAAAAAAA==";

/** What QEMU ends with when the guest writes 0x21 to isa-debug-exit: (value << 1) | 1. */
export const SELF_TEST_PASSED = (0x21 << 1) | 1;

export function selfTestRom(): Buffer {
  const rom = Buffer.alloc(ROM_BYTES);
  Buffer.from(CODE, "base64").copy(rom);
  const entry = Buffer.from(ENTRY, "base64");
  entry.copy(rom, ROM_BYTES - entry.length);
  return rom;
}
