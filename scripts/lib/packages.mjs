/** The Debian packages that the host and its tests need, each with its reason; and which of them are missing. */
import { execFileSync } from "node:child_process";

/** @type {Readonly<Record<string, string>>} */
export const HOST_PACKAGES = {
  "qemu-system-x86": "the monitor of each virtual machine",
  ovmf: "UEFI firmware of virtual machines",
  seabios: "BIOS and VGA firmware of virtual machines",
  bubblewrap: "the sandbox around each monitor and around hostd",
  "util-linux": "setpriv: another user, for good",
  nftables: "the host's firewall",
  // the tiny guest
  "busybox-static": "the guest's user space",
  syslinux: "starts the guest's kernel by BIOS",
  "systemd-boot-efi": "starts the guest's kernel by UEFI",
  binutils: "objcopy: kernel and initramfs in one file for UEFI",
  dosfstools: "mkfs.vfat: the guest's disk",
  mtools: "mcopy: files onto the guest's disk, without mounting it",
  // its agent runs on libraries of this machine
  "libglib2.0-0": "of the guest agent",
  libnuma1: "of the guest agent",
  liburing2: "of the guest agent",
  "python3-pyvmomi": "the first session that the demonstration proposes, by an unmodified client of the vSphere API",
};

/** @type {Readonly<Record<string, string>>} */
export const TEST_PACKAGES = {
  "libvirt-clients": "virsh, another one",
  ansible: "another: playbooks, by the modules of community.vmware",
  packer: "another: builds VMs by vsphere-iso",
  "ruby-rbvmomi": "another, for Ruby",
  xorriso: "makes the CD that Packer's VM boots from",
  "qemu-utils": "qemu-img, another reader and writer of disks",
  curl: "an ordinary HTTP client, for files of the datastores",
  kmod: "depmod and modprobe: modules of a machine with Debian's stock kernel",
  xfsprogs: "mkfs.xfs: a datastore whose files can share blocks",
  openssl: "looks at the host's certificate from outside",
};

/** @type {Readonly<Record<string, string>>} */
export const BENCH_PACKAGES = {
  "nginx-light": "serves the same files for comparison",
  iproute2: "makes the bridges that the switch is compared with",
  "openvswitch-switch": "another virtual switch for comparison",
};

/** Pure. @param status lines of dpkg-query: "<package> <status>" */
export function missingPackages(wanted, status) {
  const installed = new Set(status.split("\n").flatMap((line) => /^(\S+) installed$/.exec(line)?.[1] ?? []));
  return wanted.filter((name) => !installed.has(name));
}

/** @param {string[]} wanted */
export function findMissing(wanted) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = "-f=${Package} ${db:Status-Status}\\n";
  return missingPackages(wanted, execFileSync("dpkg-query", ["-W", format], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }));
}
