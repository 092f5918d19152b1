/**
 * Where the guest's parts are on this machine: a kernel of Debian's and its modules, busybox, the guest agent, PAM's check of
 * passwords, and their libraries.
 * A part whose package is not installed is downloaded and unpacked beside the image, never installed: a second kernel in /boot could
 * become the one that this machine starts, and the agent would answer the hypervisor below us.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

/** What the guest can drive; none needs another, and what they share is found in the modules themselves. NVMe is built into the kernel. */
const DRIVERS = [
  ...["virtio_console", "vmw_pvscsi", "ata_piix", "sd_mod", "sr_mod", "vmxnet3", "virtio_net", "virtio_balloon", "virtio_pci"],
  ...["button", "evdev", "qemu_fw_cfg"],
];
/** What nothing needs until somebody in the guest loads it: a second address on an adapter, and VLAN tags. */
const SPARE = ["macvlan", "8021q"];
/** Debian's kernel for machines in clouds is the smaller one, and has drivers for what clouds have; its usual one knows real hardware too. */
export const KERNELS = {
  cloud: { release: /^vmlinuz-(\d.*-cloud-amd64)$/, package: "linux-image-cloud-amd64", drivers: [] },
  usual: { release: /^vmlinuz-(\d[\d.-]*-amd64)$/, package: "linux-image-amd64", drivers: ["e1000", "e1000e"] },
};

/**
 * @param {string} packagesFolder where packages that are not installed are unpacked, and found again
 * @param {(line: string) => void} report
 * @param {"cloud" | "usual"} kernelKind
 * @returns {{ kernel: string, stub: string, files: ({ path: string, source: string } | { path: string, text: string })[] }}
 *   `kernel` and `stub` (what UEFI starts, before the kernel) are paths; `files` go into the initramfs, `source` or `text` is their content
 */
export function findParts(packagesFolder, report, kernelKind = "cloud") {
  const kind = KERNELS[kernelKind];
  const { kernel, modulesFolder } = findKernel(packagesFolder, report, kernelKind);
  const agent = findProgram("usr/sbin/qemu-ga", "qemu-guest-agent", { packagesFolder, report });
  const passwordCheck = findProgram("sbin/unix_chkpwd", "libpam-modules-bin", { packagesFolder, report });
  return {
    kernel,
    stub: "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
    files: [
      { path: "bin/busybox", source: "/bin/busybox" },
      { path: "sbin/qemu-ga", source: agent },
      { path: "sbin/unix_chkpwd", source: passwordCheck },
      ...librariesOf(agent, passwordCheck).map((library) => ({ path: library.slice(1), source: library })),
      ...moduleFiles(modulesFolder, [...DRIVERS, ...kind.drivers], SPARE),
    ],
  };
}

/**
 * @param {string} packagesFolder where packages that are not installed are unpacked, and found again
 * @param {(line: string) => void} report
 * @param {"cloud" | "usual"} kernelKind
 * @returns {{ kernel: string, modulesFolder: string }} `modulesFolder` is the folder `kernel` of its release
 */
export function findKernel(packagesFolder, report, kernelKind) {
  const kind = KERNELS[kernelKind];
  const installed = newestKernel(kind, "/");
  if (installed !== undefined) return installed;
  const folder = unpack({ packagesFolder, name: newestKernelPackage(kind), report });
  const unpacked = newestKernel(kind, folder);
  if (unpacked === undefined) throw new Error(`no kernel in ${folder}`);
  return unpacked;
}

function newestKernel(kind, root) {
  const boot = join(root, "boot");
  const releases = existsSync(boot) ? readdirSync(boot).flatMap((name) => kind.release.exec(name)?.[1] ?? []) : [];
  const newest = releases
    .filter((release) => existsSync(join(root, "lib/modules", release, "kernel")))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1);
  return newest && { kernel: join(boot, `vmlinuz-${newest}`), modulesFolder: join(root, "lib/modules", newest, "kernel") };
}

/** The kind's package is only a name for it. */
function newestKernelPackage(kind) {
  const depends = execFileSync("apt-cache", ["depends", "--important", kind.package], { encoding: "utf8" });
  const name = /Depends: (linux-image-\d\S*-amd64)\b/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`Debian's package lists name no kernel for ${kind.package}; is \`apt-get update\` working?`);
  return name;
}

export function findProgram(path, name, { packagesFolder, report }) {
  return existsSync(`/${path}`) ? `/${path}` : join(unpack({ packagesFolder, name, report }), path);
}

/** Downloads and unpacks a package once; in one step, so that a half-unpacked one is never found again. */
export function unpack({ packagesFolder, name, report }) {
  const folder = join(packagesFolder, name);
  if (existsSync(folder)) return folder;
  report(`downloading Debian's ${name}`);
  mkdirSync(packagesFolder, { recursive: true });
  const work = mkdtempSync(join(packagesFolder, "unpacking-"));
  try {
    execFileSync("apt-get", ["download", "-q", "-o", "APT::Sandbox::User=root", name], { cwd: work, stdio: ["ignore", "ignore", "pipe"] });
    const [archive] = readdirSync(work);
    execFileSync("dpkg-deb", ["-x", join(work, archive ?? ""), join(work, "unpacked")]);
    placeUnlessThere(join(work, "unpacked"), folder);
  } catch (cause) {
    throw new Error(`downloading Debian's package ${name} failed: ${String(cause.stderr ?? cause.message).trim()}`, { cause });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

export function librariesOf(...programs) {
  return [...new Set(programs.flatMap(librariesOfOne))];
}

function librariesOfOne(program) {
  const listed = execFileSync("ldd", [program], { encoding: "utf8" });
  const missing = /^\s*(\S+) => not found/m.exec(listed)?.[1];
  if (missing !== undefined) throw new Error(`the guest's ${basename(program)} needs ${missing}, which this machine does not have`);
  return listed.match(/\/\S+/g)?.filter((path) => !path.endsWith(":")) ?? [];
}

/** @param {string} modulesFolder @param {string[]} drivers @param {string[]} spareDrivers */
export function moduleFiles(modulesFolder, drivers, spareDrivers = []) {
  const { files, needs } = modulesOf(modulesFolder);
  const ordered = inLoadOrder(drivers, needs);
  const spare = inLoadOrder(spareDrivers, needs).filter((name) => !ordered.includes(name));
  return [
    ...[...ordered, ...spare].map((name) => ({ path: `modules/${name}.ko`, source: files.get(name) ?? "" })),
    { path: "modules/spare", text: lines(spare) },
    { path: "modules/libraries", text: lines(ordered.filter((name) => !drivers.includes(name))) },
    { path: "modules/drivers", text: lines(drivers) },
  ];
}

function modulesOf(modulesFolder) {
  const files = new Map(
    readdirSync(modulesFolder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ko"))
      .map((path) => [basename(path, ".ko").replaceAll("-", "_"), join(modulesFolder, path)]),
  );
  const needs = (name) => {
    const file = files.get(name);
    if (file === undefined) throw new Error(`the kernel in ${modulesFolder} has no module ${name}`);
    return dependenciesOf(readFileSync(file));
  };
  return { files, needs };
}

/**
 * @param {string} modulesFolder
 * @param {readonly string[]} wanted
 * @returns {string[]} the files of these modules and of what they need, in the order in which they can be loaded
 */
export function filesOfModules(modulesFolder, wanted) {
  const { files, needs } = modulesOf(modulesFolder);
  return inLoadOrder(wanted, needs).map((name) => files.get(name) ?? "");
}

function lines(modules) {
  return modules.map((name) => `${name}.ko\n`).join("");
}

/** What a module says it needs: `depends=a,b` among the zero-terminated strings of its .modinfo section. */
export function dependenciesOf(moduleBytes) {
  const match = /\0depends=([^\0]*)\0/.exec(moduleBytes.toString("latin1"));
  return (match?.[1] ?? "")
    .split(",")
    .filter(Boolean)
    .map((name) => name.replaceAll("-", "_"));
}

/** Every module after those that it needs, each once. */
export function inLoadOrder(wanted, dependencies) {
  const ordered = new Set();
  const visit = (name) => {
    if (ordered.has(name)) return;
    for (const needed of dependencies(name)) visit(needed);
    ordered.add(name);
  };
  for (const name of wanted) visit(name);
  return [...ordered];
}

/** Two that build at one time unpack the same package: the first one's stays. */
function placeUnlessThere(unpacked, folder) {
  try {
    renameSync(unpacked, folder);
  } catch (error) {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}
