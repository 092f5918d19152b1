/**
 * A guest with Debian's stock kernel, which has the drivers of every disk controller, and Debian's sg3-utils, which ask a disk what any
 * guest can ask it. What it does is the caller's script. Tests alone boot it; it is downloaded and made when one of them needs it.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { DEFAULT_OUT } from "./build.mjs";
import { packCpio } from "./cpio.mjs";
import { makeDisk } from "./disk.mjs";
import { findKernel, findProgram, librariesOf, moduleFiles, unpack } from "./parts.mjs";

const DRIVERS = [
  ...["sym53c8xx", "mptspi", "mptsas", "vmw_pvscsi", "ahci", "nvme", "ata_piix", "sd_mod", "sr_mod", "sg"],
  ...["virtio_console", "virtio_pci", "crc32c_generic", "ext4", "button"],
];
const TOOLS = ["sg_luns", "sg_inq", "sg_vpd"];
const MOUNT_POINTS = ["dev", "proc", "run", "sys", "tmp", "mnt"];
const COMMAND_LINE = "console=tty0 console=ttyS0 quiet cryptomgr.notests";

/** What comes before the caller's script: /dev, /proc, /sys, busybox's applets by their names, and every driver. */
const PROLOGUE = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
busybox --install -s /bin
export PATH=/bin:/sbin
while read -r module; do insmod "/modules/$module"; done < /modules/libraries
while read -r module; do insmod "/modules/$module" & done < /modules/drivers
wait
`;

/** @param {{ script: string, out?: string }} options @returns {{ image: string }} a disk of 64 MiB that BIOS and UEFI start */
export function buildStockGuest({ script, out = DEFAULT_OUT }) {
  const packages = { packagesFolder: join(out, "packages"), report: () => {} };
  const { kernel, modulesFolder } = findKernel(packages.packagesFolder, packages.report, "usual");
  const tools = toolFiles(packages);
  const agent = findProgram("usr/sbin/qemu-ga", "qemu-guest-agent", packages);
  const files = [
    { path: "init", content: PROLOGUE + script },
    ...[
      { path: "bin/busybox", source: "/bin/busybox" },
      { path: "sbin/qemu-ga", source: agent },
      ...librariesOf(agent).map((library) => ({ path: library.slice(1), source: library })),
      ...tools,
      ...moduleFiles(modulesFolder, DRIVERS),
    ].map(({ path, source, text }) => ({ path, content: text ?? readFileSync(source) })),
  ];
  const folder = join(out, `stock-${hashOf(kernel, files)}`);
  if (!existsSync(folder)) buildInto(folder, { kernel, files });
  return { image: join(folder, "guest.img") };
}

/** A library that is in no place where the loader of this machine looks is put where the guest's does. */
function toolFiles(packages) {
  const folder = unpack({ ...packages, name: "sg3-utils" });
  const depends = execFileSync("apt-cache", ["depends", "--important", "sg3-utils"], { encoding: "utf8" });
  const own = unpack({ ...packages, name: /Depends: (libsgutils\S+)/.exec(depends)?.[1] ?? "libsgutils2-2" });
  const libraries = join(own, "usr/lib/x86_64-linux-gnu");
  const ownFiles = readdirSync(libraries).filter((name) => name.includes(".so."));
  return [
    ...TOOLS.map((name) => ({ path: `bin/${name}`, source: join(folder, "usr/bin", name) })),
    ...ownFiles.map((name) => ({ path: `usr/lib/x86_64-linux-gnu/${name}`, source: join(libraries, name) })),
    // Theirs is the C library, which the agent needs too.
  ];
}

function hashOf(kernel, files) {
  const hash = createHash("sha256").update(basename(kernel)).update(COMMAND_LINE);
  for (const { path, content } of files) hash.update(`\0${path}\0`).update(content);
  return hash.digest("hex").slice(0, 16);
}

function buildInto(folder, { kernel, files }) {
  const work = mkdtempSync(`${folder}-building-`);
  try {
    const initramfs = join(work, "initramfs");
    writeFileSync(initramfs, gzipSync(packCpio({ folders: MOUNT_POINTS, files }), { level: 9 }));
    const done = join(work, "done");
    mkdirSync(done);
    const stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
    makeDisk({ kernel, stub, initramfs, disk: join(done, "guest.img"), commandLine: COMMAND_LINE, work });
    renameSync(done, folder);
  } catch (error) {
    if (!existsSync(folder)) throw new Error(`building ${basename(folder)}`, { cause: error }); // another build was faster
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
