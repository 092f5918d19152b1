/** vim25 VirtualDiskManager: disks as disks, a descriptor with its data. */
import type { DatastorePath } from "../../base/index.ts";
import type { MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import {
  changeDisk,
  copyDisk,
  createChildDisk,
  createDisk,
  defragmentDisk,
  deleteDisk,
  describeDisk,
  fragmentationOf,
  moveDisk,
  queryDiskInfo,
  setDiskUuid,
} from "../disks/disk-deeds.ts";
import { formatDiskUuid, parseCapacityKb, parseCopySpec, parseDiskUuid, parseNewDiskSpec } from "../disks/disk-spec.ts";
import { parseClientPath, requireDatacenter } from "../files/client-path.ts";
import type { ManagedObjectType } from "../managed-object.ts";

interface NamedDisk {
  readonly name: string;
  readonly datacenter?: MoRef | undefined;
}

interface TwoDisks {
  readonly sourceName: string;
  readonly sourceDatacenter?: MoRef | undefined;
  readonly destName: string;
  readonly destDatacenter?: MoRef | undefined;
}

function diskNamed(agent: HostAgent, { name, datacenter }: NamedDisk): DatastorePath {
  requireDatacenter(datacenter);
  return parseClientPath(agent, name);
}

function placesNamed(agent: HostAgent, { sourceName, sourceDatacenter, destName, destDatacenter }: TwoDisks) {
  requireDatacenter(sourceDatacenter, destDatacenter);
  return { from: parseClientPath(agent, sourceName), to: parseClientPath(agent, destName) };
}

export const virtualDiskManager = {
  type: "VirtualDiskManager",
  properties: {},
  methods: {
    CreateVirtualDisk_Task: async (agent, { spec, ...named }, call) =>
      (await createDisk(call, diskNamed(agent, named), parseNewDiskSpec(spec))).ref,
    // The documentation says of force that it is ignored: what is there is never overwritten.
    CopyVirtualDisk_Task: async (agent, { destSpec, ...named }, call) =>
      (await copyDisk(call, placesNamed(agent, named), parseCopySpec(destSpec))).ref,
    MoveVirtualDisk_Task: async (agent, { force, ...named }, call) =>
      (await moveDisk(call, placesNamed(agent, named), { force: force === true })).ref,
    CreateChildDisk_Task: async (agent, { childName, childDatacenter, parentName, parentDatacenter, isLinkedClone }, call) => {
      const child = diskNamed(agent, { name: childName, datacenter: childDatacenter });
      const parent = diskNamed(agent, { name: parentName, datacenter: parentDatacenter });
      return (await createChildDisk(call, child, { parent, isLinkedClone })).ref;
    },
    DeleteVirtualDisk_Task: (agent, named, call) => deleteDisk(call, diskNamed(agent, named)).ref,
    ExtendVirtualDisk_Task(agent, { newCapacityKb, eagerZero, ...named }, call) {
      const capacityBytes = parseCapacityKb(newCapacityKb, "newCapacityKb");
      const change = { kind: "extend", capacityBytes, ...(eagerZero === undefined ? {} : { eager: eagerZero }) } as const;
      return changeDisk(call, diskNamed(agent, named), change).ref;
    },
    InflateVirtualDisk_Task: (agent, named, call) => changeDisk(call, diskNamed(agent, named), { kind: "inflate" }).ref,
    EagerZeroVirtualDisk_Task: (agent, named, call) => changeDisk(call, diskNamed(agent, named), { kind: "eagerZero" }).ref,
    // In place always: what is given back is a hole, and the file system keeps no second copy for it.
    ShrinkVirtualDisk_Task: (agent, { name, datacenter }, call) =>
      changeDisk(call, diskNamed(agent, { name, datacenter }), { kind: "shrink" }).ref,
    ZeroFillVirtualDisk_Task: (agent, named, call) => changeDisk(call, diskNamed(agent, named), { kind: "zeroFill" }).ref,
    DefragmentVirtualDisk_Task: (agent, named, call) => defragmentDisk(call, diskNamed(agent, named)).ref,
    QueryVirtualDiskFragmentation: (agent, named) => fragmentationOf(agent, diskNamed(agent, named)),
    QueryVirtualDiskInfo_Task: (agent, { includeParents, ...named }, call) =>
      queryDiskInfo(call, diskNamed(agent, named), includeParents).ref,
    QueryVirtualDiskUuid: async (agent, named) => formatDiskUuid((await describeDisk(agent, diskNamed(agent, named))).uuid),
    SetVirtualDiskUuid: (agent, { uuid, ...named }, call) => setDiskUuid(call, diskNamed(agent, named), parseDiskUuid(uuid)),
    async QueryVirtualDiskGeometry(agent, named) {
      const { cylinders, heads, sectors } = (await describeDisk(agent, diskNamed(agent, named))).geometry;
      return { cylinder: cylinders, head: heads, sector: sectors };
    },
  },
} as const satisfies ManagedObjectType<"VirtualDiskManager", HostAgent>;
