/** A CD that stands for an installer: it boots by BIOS, waits for a key, and powers the machine off. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const CD_SECTOR_BYTES = 2048;

// 16-bit code, started at 0:7c00 by El Torito without emulation.
const PROGRAM = Buffer.of(
  ...[0xb4, 0x00], //             mov ah, 0
  ...[0xcd, 0x16], //             int 0x16: waits for a key
  ...[0xba, 0x04, 0x06], //       mov dx, 0x604: where SeaBIOS puts the power management control register
  ...[0xb8, 0x00, 0x20], //       mov ax, 0x2000: S5, and go
  0xef, //                        out dx, ax
  ...[0xf4, 0xeb, 0xfd], //       halt, for good
);

/** @param path of the image that is made */
export async function makeInstallerIso(path: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-iso-"));
  try {
    const boot = Buffer.alloc(CD_SECTOR_BYTES);
    PROGRAM.copy(boot);
    writeFileSync(join(folder, "boot.img"), boot);
    await run("xorriso", ["-as", "mkisofs", "-quiet", "-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4", "-o", path, folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
