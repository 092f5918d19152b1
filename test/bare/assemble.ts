/** Programs that a machine runs with nothing beneath them: a boot sector each, assembled from what lies here. Needs binutils. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A word that is in the memory of the program that adds up, and that the other looks for. */
export const SECRET = 0x51ced0e5;

/** @param memoryMib of the machine that it is for, as far as it asks */
export function assemble(name: "fill" | "reach" | "sum", memoryMib = 16): Buffer {
  const work = mkdtempSync(join(tmpdir(), "bulkhead-bare-"));
  const [object, program] = [join(work, "object"), join(work, "program")];
  try {
    execFileSync("as", ["--32", "--defsym", `SECRET=${SECRET}`, "--defsym", `MEMORY=${memoryMib}`, `${name}.S`, "-o", object], {
      cwd: import.meta.dirname,
    });
    execFileSync("ld", ["-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-e", "_start", object, "-o", program]);
    return readFileSync(program);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Jumps to itself for ever. */
export function spin(): Buffer {
  const sector = Buffer.alloc(512);
  sector.writeUInt16BE(0xebfe, 0);
  sector.writeUInt16BE(0x55aa, 510);
  return sector;
}

/** What `sum` writes when nobody else writes to its memory. */
export function expectedSum(): string {
  let sum = 0;
  for (let word = 0; word < 0x40000; word++) sum = (((sum << 1) | (sum >>> 31)) + SECRET) >>> 0;
  return sum.toString(16).padStart(8, "0");
}
