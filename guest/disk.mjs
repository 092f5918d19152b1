/**
 * The guest's disk: one FAT file system without a partition table, which BIOSes start by SYSLINUX and UEFI by a unified kernel image.
 * Written into a plain file: no loop device, no mount.
 */
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DISK_BYTES = 64 * 1024 * 1024; // two copies of kernel and initramfs (BIOS, UEFI) and room to spare
const STUB_END = 0x40000; // above every section of the UEFI stub itself, which takes about half of it
const PAGE_BYTES = 4096;

/**
 * @param {{ disk: string, kernel: string, initramfs: string, stub: string, commandLine: string, work: string }} parts
 *   paths; `work` is an empty folder for what is made on the way
 */
export function makeDisk({ disk, kernel, initramfs, stub, commandLine, work }) {
  const unified = join(work, "unified.efi");
  makeUnifiedKernel({ unified, kernel, initramfs, stub, commandLine, work });
  const bootMenu = join(work, "syslinux.cfg");
  writeFileSync(bootMenu, `DEFAULT guest\nLABEL guest\n  KERNEL vmlinuz\n  INITRD initrd\n  APPEND ${commandLine}\n`);
  makeEmptyFile(disk, DISK_BYTES);
  run("mkfs.vfat", ["-F", "32", "-n", "GUEST", "-i", "62756c6b", disk]);
  run("mmd", ["-i", disk, "::EFI", "::EFI/BOOT"]);
  run("mcopy", ["-i", disk, kernel, "::vmlinuz"]);
  run("mcopy", ["-i", disk, initramfs, "::initrd"]);
  run("mcopy", ["-i", disk, bootMenu, "::syslinux.cfg"]);
  run("mcopy", ["-i", disk, unified, "::EFI/BOOT/BOOTX64.EFI"]);
  run("syslinux", ["--install", disk]);
}

/** Source: the Unified Kernel Image specification, "UKI Components". */
function makeUnifiedKernel({ unified, kernel, initramfs, stub, commandLine, work }) {
  const text = (name, content) => {
    const file = join(work, name);
    writeFileSync(file, content);
    return file;
  };
  const sections = [
    { name: ".osrel", file: text("osrel", "ID=bulkhead-guest\n") },
    { name: ".cmdline", file: text("cmdline", `${commandLine}\0`) },
    { name: ".linux", file: kernel },
    { name: ".initrd", file: initramfs },
  ];
  // One right after the other: the firmware loads the whole range into memory, gaps included, and a small guest has none to give away.
  let address = STUB_END;
  const options = sections.flatMap(({ name, file }) => {
    const option = ["--add-section", `${name}=${file}`, "--change-section-vma", `${name}=0x${address.toString(16)}`];
    address += Math.ceil(statSync(file).size / PAGE_BYTES) * PAGE_BYTES;
    return option;
  });
  run("objcopy", [...options, stub, unified]);
}

function makeEmptyFile(path, bytes) {
  const file = openSync(path, "wx");
  ftruncateSync(file, bytes);
  closeSync(file);
}

function run(command, args) {
  try {
    execFileSync(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
  } catch (cause) {
    throw new Error(`${command} failed while making the guest's disk: ${String(cause.stderr ?? cause.message).trim()}`, { cause });
  }
}
