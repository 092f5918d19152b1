/**
 * Descriptors of base disks (no parent), as ESXi writes them: one flat extent beside the descriptor. Pure.
 * Source: ESXi's VM files.
 */
import { formatSpacedUuid } from "../vmx/index.ts";
import { capacityBytesOf, NO_PARENT, SECTOR_BYTES, type VmdkDescriptor } from "./descriptor.ts";

export interface BaseDisk {
  /** A multiple of 512. */
  readonly capacityBytes: number;
  readonly thin: boolean;
  readonly adapterType: "lsilogic" | "buslogic" | "ide";
  /** 32 hex digits, "6000c29…". */
  readonly uuid: string;
  /** 32 hex digits; the last eight are the CID. */
  readonly longContentId: string;
  readonly hardwareVersion: number;
  /** The extent's name, beside the descriptor. */
  readonly extentFile: string;
}

/** CID of a disk that nothing has written to yet. */
export const FRESH_CONTENT_ID = "fffffffe";

export function makeBaseDescriptor(disk: BaseDisk): VmdkDescriptor {
  const sectors = disk.capacityBytes / SECTOR_BYTES;
  const geometry = geometryOf(disk);
  return {
    version: 1,
    contentId: disk.longContentId.slice(-8),
    parentContentId: NO_PARENT,
    createType: "vmfs",
    extents: [{ access: "RW", sectors, type: "VMFS", file: disk.extentFile, offset: 0 }],
    ddb: new Map([
      ["adapterType", disk.adapterType],
      ["encoding", "UTF-8"],
      ["geometry.cylinders", String(geometry.cylinders)],
      ["geometry.heads", String(geometry.heads)],
      ["geometry.sectors", String(geometry.sectors)],
      ["longContentID", disk.longContentId],
      ...(disk.thin ? ([["thinProvisioned", "1"]] as const) : []),
      // NAA identifiers are written with their company id (6000C29) in capitals.
      ["uuid", formatSpacedUuid(disk.uuid).replace(/^60 00 c2/, "60 00 C2")],
      ["virtualHWVersion", String(disk.hardwareVersion)],
    ]),
  };
}

export function formatVmdkDescriptor(descriptor: VmdkDescriptor): string {
  const extents = descriptor.extents.map(({ access, sectors, type, file, offset }) => {
    // A flat extent has an offset always; a VMFS one never; the others only where it is not at the start.
    const place = type === "FLAT" || (type !== "VMFS" && offset > 0) ? ` ${offset}` : "";
    return `${access} ${sectors} ${type}${file === undefined ? "" : ` "${file}"`}${place}`;
  });
  const parent = descriptor.parentFileNameHint === undefined ? [] : [`parentFileNameHint="${descriptor.parentFileNameHint}"`];
  const ddb = [...descriptor.ddb].map(([key, value]) => `ddb.${key} = "${value}"`);
  return [
    "# Disk DescriptorFile",
    `version=${descriptor.version}`,
    'encoding="UTF-8"',
    `CID=${descriptor.contentId}`,
    `parentCID=${descriptor.parentContentId}`,
    'isNativeSnapshot="no"',
    `createType="${descriptor.createType}"`,
    ...parent,
    "",
    "# Extent description",
    ...extents,
    "",
    "# The Disk Data Base",
    "#DDB",
    "",
    ...ddb,
    "",
  ].join("\n");
}

export interface DiskGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** What BIOS and old guests address a disk by: as its data base says, and where that says nothing, as a new disk would have it. */
export function geometryIn(descriptor: VmdkDescriptor): DiskGeometry {
  const capacityBytes = capacityBytesOf(descriptor);
  const adapterType = descriptor.ddb.get("adapterType") ?? "lsilogic";
  const fresh = geometryOf({ capacityBytes, adapterType });
  const written = (key: keyof DiskGeometry) => Number(/^[1-9][0-9]{0,9}$/.exec(descriptor.ddb.get(`geometry.${key}`) ?? "")?.[0]);
  const [cylinders, heads, sectors] = [written("cylinders"), written("heads"), written("sectors")];
  return cylinders > 0 && heads > 0 && sectors > 0 ? { cylinders, heads, sectors } : fresh;
}

/** The same disk with another size: heads and sectors stay, for what is on it was laid out by them. */
export function growGeometry(descriptor: VmdkDescriptor, capacityBytes: number): DiskGeometry {
  const { heads, sectors } = geometryIn(descriptor);
  const cylinders = Math.floor(capacityBytes / SECTOR_BYTES / heads / sectors);
  return { heads, sectors, cylinders: descriptor.ddb.get("adapterType") === "ide" ? Math.min(cylinders, IDE_CYLINDERS_MAX) : cylinders };
}

/** It never says more than the disk holds. */
function geometryOf({ capacityBytes, adapterType }: { readonly capacityBytes: number; readonly adapterType: string }): DiskGeometry {
  const { heads, sectors } =
    adapterType === "ide"
      ? { heads: 16, sectors: 63 }
      : capacityBytes >= 1024 ** 3
        ? { heads: 255, sectors: 63 }
        : { heads: 64, sectors: 32 };
  const cylinders = Math.floor(capacityBytes / SECTOR_BYTES / heads / sectors);
  return { heads, sectors, cylinders: adapterType === "ide" ? Math.min(cylinders, IDE_CYLINDERS_MAX) : cylinders };
}

const IDE_CYLINDERS_MAX = 16_383; // ATA: larger disks are addressed by LBA alone
