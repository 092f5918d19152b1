/**
 * vim25 HostStorageSystem and HostDatastoreSystem: the machine's disks, and the folders on them that are its datastores. They are
 * the administrator's to make and to give up: this host uses what is there, so what would change them is not performed.
 */
import {
  faultToLocalized,
  type HostDatastoreSystemDatastoreResult,
  type HostFileSystemVolumeInfo,
  type HostHostBusAdapter,
  type HostMultipathInfoLogicalUnit,
  type HostScsiDisk,
  type HostStorageDeviceInfo,
  type MoRef,
} from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { createLocalDatastore, removeDatastore, requireDatastore } from "../datastores/datastore-deeds.ts";
import { faultOf } from "../faults.ts";
import type { ManagedObjectType } from "../managed-object.ts";

type Disk = ReturnType<HostAgent["machine"]>["disks"][number];

const BLOCK_BYTES = 512; // in what capacities are told; most disks still speak of it, whatever they are made of

export const hostStorageSystem = {
  type: "HostStorageSystem",
  properties: {
    value: () => [],
    availableField: () => [],
    storageDeviceInfo: (agent) => storageDevice(agent),
    fileSystemVolumeInfo: (agent) => fileSystemVolume(agent),
    systemFile: () => [],
  },
  methods: {
    RefreshStorageSystem: (agent) => refresh(agent),
    RescanAllHba: (agent) => refresh(agent),
    RescanVmfs: (agent) => refresh(agent),
  },
} as const satisfies ManagedObjectType<"HostStorageSystem", HostAgent>;

/** The kernel tells of a new disk by itself: to look is all that a rescan has to do. */
async function refresh(agent: HostAgent): Promise<void> {
  await Promise.all([agent.refreshMachine(), agent.refreshDatastores()]);
}

export const hostDatastoreSystem = {
  type: "HostDatastoreSystem",
  properties: {
    datastore: ({ inventory }) => inventory.datastoreRefs(),
    capabilities: () => datastoreCapabilities,
  },
  methods: {
    CreateLocalDatastore: (agent, { name, path }, call) => createLocalDatastore(agent, name, path, call),
    RemoveDatastore: (agent, { datastore }, call) => removeDatastore(agent, requireDatastore(agent, datastore), call),
    RemoveDatastoreEx_Task: (agent, { datastore }, call) => removeDatastores(agent, datastore, call),
    // The machine's disks are its administrator's: none is offered for a file system of VMware's, and none has one on it.
    QueryAvailableDisksForVmfs(agent, { datastore }) {
      if (datastore !== undefined) requireDatastore(agent, datastore);
      return [];
    },
    QueryVmfsDatastoreExtendOptions: (agent, { datastore }) => noOptions(agent, datastore),
    QueryVmfsDatastoreExpandOptions: (agent, { datastore }) => noOptions(agent, datastore),
    QueryUnresolvedVmfsVolumes: () => [],
  },
} as const satisfies ManagedObjectType<"HostDatastoreSystem", HostAgent>;

/** A datastore grows with the file system that it is on. */
function noOptions(agent: HostAgent, datastore: MoRef): readonly [] {
  requireDatastore(agent, datastore);
  return [];
}

/** Each by itself: that one stays keeps none of the others. */
function removeDatastores(agent: HostAgent, datastores: readonly MoRef<"Datastore">[], call: Call): MoRef<"Task"> {
  return call.startTask(agent.identity.hostName, { kind: "none" }, async () => {
    const results: HostDatastoreSystemDatastoreResult[] = [];
    for (const key of datastores) {
      try {
        await removeDatastore(agent, requireDatastore(agent, key), call);
        results.push({ key });
      } catch (error) {
        results.push({ key, fault: faultToLocalized(faultOf(error)) });
      }
    }
    return { anyType: "HostDatastoreSystemDatastoreResult[]", value: results };
  }).ref;
}

export const datastoreCapabilities = {
  nfsMountCreationRequired: true,
  nfsMountCreationSupported: false,
  localDatastoreSupported: true,
  vmfsExtentExpansionSupported: false,
};

export function storageDevice({ machine }: HostAgent): HostStorageDeviceInfo {
  const { disks } = machine();
  const controllers = [...new Set(disks.map(controllerName))];
  const adapters = controllers.map((name, index) => ({ name, key: `key-vim.host.BlockHba-vmhba${index}`, index }));
  return {
    hostBusAdapter: adapters.map(({ name, key, index }): HostHostBusAdapter => {
      const [first] = disks.filter((disk) => controllerName(disk) === name);
      const pci = first?.controller;
      const model = first?.driver === "" ? "Block adapter" : `Block adapter (${first?.driver})`;
      return {
        $type: "HostBlockHba",
        key,
        device: `vmhba${index}`,
        bus: Number.parseInt(pci?.split(":")[1] ?? "0", 16),
        status: "online",
        model,
        ...(first === undefined ? {} : { driver: first.driver }),
        ...(pci === undefined ? {} : { pci }),
      };
    }),
    scsiLun: disks.map(scsiDisk),
    scsiTopology: {
      adapter: adapters.map(({ name, key, index }) => ({
        key: `key-vim.host.ScsiTopology.Interface-vmhba${index}`,
        adapter: key,
        target: disks
          .filter((disk) => controllerName(disk) === name)
          .map((disk, target) => ({
            key: `key-vim.host.ScsiTopology.Target-vmhba${index}:0:${target}`,
            target,
            lun: [{ key: `key-vim.host.ScsiTopology.Lun-${disk.name}`, lun: 0, scsiLun: keyOf(disk) }],
          })),
      })),
    },
    multipathInfo: {
      lun: adapters.flatMap(({ name, key: adapter, index }) =>
        disks
          .filter((disk) => controllerName(disk) === name)
          .map((disk, target) => onePath(disk, { adapter, name: `vmhba${index}:C0:T${target}:L0` })),
      ),
    },
    softwareInternetScsiEnabled: false,
  };
}

/** The one way to a disk of the machine itself. */
function onePath(disk: Disk, { adapter, name }: { readonly adapter: string; readonly name: string }): HostMultipathInfoLogicalUnit {
  const key = `key-vim.host.MultipathInfo.LogicalUnit-${disk.name}`;
  const path = {
    key: `key-vim.host.MultipathInfo.Path-${name}`,
    name,
    pathState: "active",
    state: "active",
    isWorkingPath: true,
    adapter,
    lun: key,
  };
  return { key, id: disk.name, lun: keyOf(disk), path: [path], policy: { policy: "VMW_PSP_FIXED" } };
}

/** A disk that is no PCI device's is its own controller. */
const controllerName = ({ controller, name }: Disk): string => controller ?? name;
const keyOf = ({ name }: Disk): string => `key-vim.host.ScsiDisk-${name}`;

function scsiDisk(disk: Disk): HostScsiDisk {
  const { name, vendor, model, serial, sizeBytes, isRotational } = disk;
  return {
    $type: "HostScsiDisk",
    deviceName: `/dev/${name}`,
    deviceType: "disk",
    key: keyOf(disk),
    uuid: serial === "" ? name : serial, // as lasting as anything that the disk tells of itself
    canonicalName: name,
    displayName: model === "" ? `Local disk (${name})` : `${model} (${name})`,
    lunType: "disk",
    vendor,
    model,
    ...(serial === "" ? {} : { serialNumber: serial }),
    operationalState: ["ok"],
    capabilities: { updateDisplayNameSupported: false },
    capacity: { blockSize: BLOCK_BYTES, block: Math.floor(sizeBytes / BLOCK_BYTES) },
    devicePath: `/dev/${name}`,
    ssd: !isRotational,
    localDisk: true,
  };
}

export function fileSystemVolume(agent: HostAgent): HostFileSystemVolumeInfo {
  return {
    volumeTypeList: ["OTHER"],
    mountInfo: agent.datastores().map(({ name, uuid, root, capacityBytes }) => ({
      mountInfo: { path: `/vmfs/volumes/${uuid}`, accessMode: "readWrite", mounted: true, accessible: true },
      volume: { $type: "HostLocalFileSystemVolume", type: "OTHER", name, capacity: capacityBytes, device: root },
    })),
  };
}
