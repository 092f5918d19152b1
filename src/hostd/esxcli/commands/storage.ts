/** `esxcli storage` and `esxcli iscsi software`: the machine's disks, and the datastores on them. */
import type { HostBlockHba, HostScsiDisk, HostStorageDeviceInfo, MoRef } from "../../../wire/index.ts";
import { HOST, HOST_MANAGERS } from "../../inventory-tree.ts";
import { aBoolean, blocks, CommandFailed, command, flag, nothing, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";

const STORAGE: MoRef<"HostStorageSystem"> = HOST_MANAGERS.storageSystem;
const BYTES_PER_MIB = 2 ** 20;

async function readDevices(host: Host): Promise<HostStorageDeviceInfo> {
  const info = await host.read(STORAGE, "storageDeviceInfo");
  if (info === undefined) throw new Error("the host's storage system has no storageDeviceInfo");
  return info;
}

/** The disks, or the one that is named. @throws {CommandFailed} */
async function disks(host: Host, device: string | undefined): Promise<readonly HostScsiDisk[]> {
  const all = ((await readDevices(host)).scsiLun ?? []) as readonly HostScsiDisk[];
  const found = all.filter(({ canonicalName }) => (device ?? canonicalName) === canonicalName);
  if (device !== undefined && found.length === 0) throw new CommandFailed(`Unable to find device with name ${device.slice(0, 64)}`);
  return found;
}

function showDisk({
  canonicalName = "",
  displayName,
  capacity,
  lunType,
  devicePath,
  vendor,
  model,
  ssd,
  localDisk,
  operationalState,
}: HostScsiDisk) {
  return {
    Device: canonicalName,
    "Display Name": displayName,
    "Has Settable Display Name": false,
    Size: Math.floor((capacity.block * capacity.blockSize) / BYTES_PER_MIB),
    "Device Type": lunType === "disk" ? "Direct-Access" : lunType,
    "Devfs Path": devicePath,
    Vendor: vendor,
    Model: model,
    Status: operationalState.includes("ok") ? "on" : "off",
    "Is Local": localDisk,
    "Is SSD": ssd,
  };
}

const adapters = [
  command("storage core adapter list", {
    help: "List the adapters that the host's disks hang at.",
    result: table(struct("Adapter", { "HBA Name": "string", Driver: "string", "Link State": "string", Description: "string" })),
    run: async (host) =>
      (((await readDevices(host)).hostBusAdapter ?? []) as readonly HostBlockHba[]).map(({ device, driver, status, model, pci }) => ({
        "HBA Name": device,
        Driver: driver,
        "Link State": status,
        Description: pci === undefined ? model : `(${pci}) ${model}`,
      })),
  }),
  command("storage core adapter rescan", {
    help: "Look for disks that have come or gone.",
    privilege: "Host.Config.Storage",
    params: { all: required(flag("-a", "--all", "At all adapters.")) },
    result: nothing,
    run: (host) => host.call(STORAGE, "RescanAllHba", {}),
  }),
];

const device = text("-d", "--device", "The name of the disk.");

const devices = [
  command("storage core device list", {
    help: "List the disks of the host.",
    params: { device },
    result: blocks(
      struct("ScsiDevice", {
        Device: "string",
        "Display Name": "string",
        "Has Settable Display Name": "boolean",
        Size: "long",
        "Device Type": "string",
        "Devfs Path": "string",
        Vendor: "string",
        Model: "string",
        Status: "string",
        "Is Local": "boolean",
        "Is SSD": "boolean",
      }),
      "%Device%",
    ),
    run: async (host, args) => (await disks(host, args.device)).map(showDisk),
  }),
  command("storage core path list", {
    help: "List the ways to the disks of the host.",
    params: { device },
    result: blocks(
      struct("Path", { "Runtime Name": "string", Device: "string", "Device Display Name": "string", Adapter: "string", State: "string" }),
      "%Runtime Name%",
    ),
    async run(host, args) {
      const wanted = await disks(host, args.device);
      const { multipathInfo, hostBusAdapter = [] } = await readDevices(host);
      return (multipathInfo?.lun ?? []).flatMap(({ lun, path }) => {
        const disk = wanted.find(({ key }) => key === lun);
        if (disk === undefined) return [];
        return path.map(({ name, adapter, state, pathState }) => ({
          "Runtime Name": name,
          Device: disk.canonicalName,
          "Device Display Name": disk.displayName,
          Adapter: hostBusAdapter.find(({ key }) => key === adapter)?.device,
          State: state ?? pathState,
        }));
      });
    },
  }),
];

const volumes = [
  command("storage filesystem list", {
    help: "List the datastores of the host.",
    result: table(
      struct("FileSystemVolume", {
        "Mount Point": "string",
        "Volume Name": "string",
        UUID: "string",
        Mounted: "boolean",
        Type: "string",
        Size: "long",
        Free: "long",
      }),
    ),
    async run(host) {
      const datastores = (await host.read(HOST, "datastore")) as readonly MoRef<"Datastore">[];
      return Promise.all(
        datastores.map(async (datastore) => {
          const { name, capacity, freeSpace, accessible, type } = await host.read(datastore, "summary");
          return {
            "Mount Point": `/vmfs/volumes/${datastore.value}`,
            "Volume Name": name,
            UUID: datastore.value,
            Mounted: accessible,
            Type: type,
            Size: capacity,
            Free: freeSpace,
          };
        }),
      );
    },
  }),
];

const iscsi = [
  command("iscsi software get", {
    help: "Tell whether the host speaks iSCSI by itself.",
    result: aBoolean,
    run: async (host) => (await readDevices(host)).softwareInternetScsiEnabled,
  }),
];

export const storageCommands = [...adapters, ...devices, ...volumes, ...iscsi];
