/**
 * A VM's folder as an ESXi host leaves it, made by hand from the facts of the formats: a .vmx, a base disk, two snapshots with their COWD
 * deltas, the .vmsd, and a second disk that is independent and nonpersistent. What the guest boots from is spread over all three files
 * of its disk, sector by sector, and what lies under a sector that is not its own is not what it should be.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatVmsn, makeCowd } from "../src/wire/index.ts";

const SECTOR = 512;
export const SCRATCH_BYTES = 1024 * 1024;

interface Chain {
  readonly content: string;
  readonly parent?: { readonly content: string; readonly name: string };
  readonly sectors: number;
  readonly extent: string;
}

function descriptor({ content, parent, sectors, extent }: Chain, uuid: string): string {
  return `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=${content}
parentCID=${parent?.content ?? "ffffffff"}
isNativeSnapshot="no"
createType="${parent === undefined ? "vmfs" : "vmfsSparse"}"
${parent === undefined ? "" : `parentFileNameHint="${parent.name}"\n`}# Extent description
RW ${sectors} ${extent}

# The Disk Data Base
#DDB

ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "8"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
ddb.longContentID = "0123456789abcdef01234567${content}"
ddb.uuid = "${uuid}"
ddb.virtualHWVersion = "13"
`;
}

const vmx = (name: string, disk: string): string => `.encoding = "UTF-8"
config.version = "8"
virtualHW.version = "13"
nvram = "${name}.nvram"
pciBridge0.present = "TRUE"
svga.present = "TRUE"
vmci0.present = "TRUE"
hpet0.present = "TRUE"
floppy0.present = "FALSE"
memSize = "128"
powerType.powerOff = "default"
tools.upgrade.policy = "manual"
sched.cpu.units = "mhz"
scsi0.virtualDev = "pvscsi"
scsi0.present = "TRUE"
scsi0:0.deviceType = "scsi-hardDisk"
scsi0:0.fileName = "${disk}"
scsi0:0.present = "TRUE"
scsi0:0.redo = ""
scsi0:1.deviceType = "scsi-hardDisk"
scsi0:1.fileName = "scratch.vmdk"
scsi0:1.mode = "independent-nonpersistent"
scsi0:1.present = "TRUE"
scsi0:1.redo = ""
serial0.fileType = "file"
serial0.fileName = "console.log"
serial0.yieldOnMsrRead = "TRUE"
serial0.present = "TRUE"
displayName = "${name}"
guestOS = "other3xlinux-64"
uuid.bios = "56 4d a1 b2 c3 d4 e5 f6-07 18 29 3a 4b 5c 6d 7e"
uuid.location = "56 4d a1 b2 c3 d4 e5 f6-07 18 29 3a 4b 5c 6d 7e"
vc.uuid = "52 a1 b2 c3 d4 e5 f6 07-18 29 3a 4b 5c 6d 7e 8f"
cleanShutdown = "TRUE"
`;

const snapshot = (index: number, name: string, disk: string): string => `snapshot${index}.uid = "${index + 1}"
snapshot${index}.filename = "${name}-Snapshot${index + 1}.vmsn"
${index === 0 ? "" : `snapshot${index}.parent = "${index}"\n`}snapshot${index}.displayName = "step ${index + 1}"
snapshot${index}.description = ""
snapshot${index}.type = "0"
snapshot${index}.createTimeHigh = "377246"
snapshot${index}.createTimeLow = "-2012345678"
snapshot${index}.numDisks = "1"
snapshot${index}.disk0.fileName = "${disk}"
snapshot${index}.disk0.node = "scsi0:0"
`;

/** @param image what the guest boots from @param datastore its folder on the host */
export function layEsxiFolder(datastore: string, { name, image }: { readonly name: string; readonly image: string }): void {
  const folder = join(datastore, name);
  const put = (file: string, data: string | Buffer) => writeFileSync(join(folder, file), data);
  mkdirSync(folder);
  const whole = readFileSync(image);
  const sectors = whole.length / SECTOR;
  const base = Buffer.alloc(whole.length);
  const first = new Map<number, Buffer>();
  const second = new Map<number, Buffer>();
  for (let at = 0; at < sectors; at++) {
    const own = whole.subarray(at * SECTOR, (at + 1) * SECTOR);
    if (own.every((byte) => byte === 0)) continue;
    if (at % 3 === 1) own.copy(base, at * SECTOR);
    else base.fill(0xee, at * SECTOR, (at + 1) * SECTOR);
    if (at % 3 === 2) first.set(at, own);
    if (at % 3 === 0) {
      first.set(at, Buffer.alloc(SECTOR, 0xdd));
      second.set(at, own);
    }
  }
  const disk = "60 00 C2 91 a1 b2 c3 d4-e5 f6 07 18 29 3a 4b 5c";
  put(`${name}-flat.vmdk`, base);
  put(`${name}.vmdk`, descriptor({ content: "a1b2c3d4", sectors, extent: `VMFS "${name}-flat.vmdk"` }, disk));
  const children = [
    { file: `${name}-000001`, content: "b1b2c3d4", parent: { content: "a1b2c3d4", name: `${name}.vmdk` }, grains: first },
    { file: `${name}-000002`, content: "c1b2c3d4", parent: { content: "b1b2c3d4", name: `${name}-000001.vmdk` }, grains: second },
  ];
  for (const { file, content, parent, grains } of children) {
    put(`${file}-delta.vmdk`, makeCowd(sectors, grains));
    put(`${file}.vmdk`, descriptor({ content, parent, sectors, extent: `VMFSSPARSE "${file}-delta.vmdk"` }, disk));
  }
  const scratch = "60 00 C2 92 a1 b2 c3 d4-e5 f6 07 18 29 3a 4b 5c";
  put("scratch-flat.vmdk", Buffer.alloc(SCRATCH_BYTES, "kept "));
  put("scratch.vmdk", descriptor({ content: "d1b2c3d4", sectors: SCRATCH_BYTES / SECTOR, extent: 'VMFS "scratch-flat.vmdk"' }, scratch));
  put(`${name}.vmx`, vmx(name, `${name}-000002.vmdk`));
  put(`${name}-Snapshot1.vmsn`, formatVmsn(vmx(name, `${name}.vmdk`)));
  put(`${name}-Snapshot2.vmsn`, formatVmsn(vmx(name, `${name}-000001.vmdk`)));
  const list = ['snapshot.lastUID = "2"', 'snapshot.current = "2"', 'snapshot.numSnapshots = "2"', 'snapshot.mru0.uid = "2"'];
  put(
    `${name}.vmsd`,
    ['.encoding = "UTF-8"', ...list, snapshot(0, name, `${name}.vmdk`) + snapshot(1, name, `${name}-000001.vmdk`)].join("\n"),
  );
}
