/** IDE, SCSI, SATA and NVMe controllers. The board has the two IDE channels always. Pure. */
import { assert } from "../../../base/index.ts";
import type { ScsiModel } from "../../../vmkernel/index.ts";
import { readVmx, type VirtualController, type VirtualDevice, type VirtualSCSIController, type Vmx } from "../../../wire/index.ts";
import { catalogueRow, type DeviceType, typesOf } from "../device-catalogue.ts";
import { BUSES, type Bus, busNames, busOf, KEY, SCSI_CONTROLLER_UNIT } from "../limits.ts";
import { type DeviceFamily, describe, deviceNotSupported, invalidDevice, isPresent, readSlot } from "./family.ts";

const SCSI_MODELS: readonly ScsiModel[] = ["lsilogic", "lsisas1068", "pvscsi"];
const DEFAULT_SCSI = "lsilogic"; // what an old .vmx without virtualDev means
const LABELS = { ide: "IDE", scsi: "SCSI controller", sata: "SATA controller", nvme: "NVME controller" } as const;
const SINGLE_TYPES = { ide: "VirtualIDEController", sata: "VirtualAHCIController", nvme: "VirtualNVMEController" } as const;
const SHARED_BUS = { noSharing: "none", virtualSharing: "virtual", physicalSharing: "physical" } as const;

export const storageControllerFamily: DeviceFamily = {
  read: (vmx) =>
    busNames.flatMap((bus) =>
      Array.from({ length: BUSES[bus].count }, (_, number) => number)
        .filter((number) => bus === "ide" || isPresent(vmx, `${bus}${number}`))
        .map((number) => readController(vmx, bus, number)),
    ),
  accept: (device, wish) => {
    const { sharedBus = "noSharing" } = device as Partial<VirtualSCSIController>;
    if (sharedBus !== "noSharing") throw invalidDevice(wish, "Buses that several VMs share are not offered on this host.", "sharedBus");
    const bus = busOfType(device.$type);
    return { ...makeController(bus, device.key - BUSES[bus].key, device.$type), ...(device.slotInfo && { slotInfo: device.slotInfo }) };
  },
  write: (device) => {
    const prefix = storageControllerFamily.prefixOf(device);
    if (prefix.startsWith("ide")) return {};
    const virtualDev = catalogueRow(device.$type)?.virtualDev;
    return { [`${prefix}.present`]: "TRUE", ...(virtualDev !== undefined && { [`${prefix}.virtualDev`]: virtualDev }) };
  },
  prefixOf: ({ key }) => {
    const bus = busOf(key);
    assert(bus !== undefined, `${key} is the key of a storage controller`);
    return `${bus}${key - BUSES[bus].key}`;
  },
  toMachine: (device) => {
    const bus = busOfType(device.$type);
    const at = { key: device.key, bus: device.key - BUSES[bus].key };
    if (bus !== "scsi") return { kind: bus === "sata" ? "ahci" : bus, ...at };
    if ((device as VirtualSCSIController).sharedBus !== "noSharing") throw deviceNotSupported(device, "its bus is shared with other VMs");
    const virtualDev = catalogueRow(device.$type)?.virtualDev;
    const model = SCSI_MODELS.find((candidate) => candidate === virtualDev);
    if (model === undefined) throw deviceNotSupported(device, `there is no ${catalogueRow(device.$type)?.name} here`);
    return { kind: "scsi", model, ...at };
  },
};

/** Which bus a controller of that type is. */
export function busOfType(type: string | undefined): Bus {
  const single = (["ide", "sata", "nvme"] as const).find((bus) => SINGLE_TYPES[bus] === type);
  return single ?? "scsi";
}

function readController(vmx: Vmx, bus: Bus, number: number): VirtualDevice {
  const prefix = `${bus}${number}`;
  const device = { ...makeController(bus, number, bus === "scsi" ? scsiTypeOf(vmx, prefix) : SINGLE_TYPES[bus]), ...readSlot(vmx, prefix) };
  if (bus !== "scsi") return device;
  const written = readVmx(vmx, `${prefix}.sharedBus`)?.toLowerCase() ?? "none";
  const sharedBus = (["virtualSharing", "physicalSharing"] as const).find((name) => SHARED_BUS[name] === written) ?? "noSharing";
  return { ...device, sharedBus } as VirtualSCSIController;
}

function scsiTypeOf(vmx: Vmx, prefix: string): DeviceType {
  const virtualDev = readVmx(vmx, `${prefix}.virtualDev`)?.toLowerCase() ?? DEFAULT_SCSI;
  return typesOf("storageController").find(([, row]) => row.virtualDev === virtualDev)?.[0] ?? "VirtualLsiLogicController";
}

function makeController(bus: Bus, number: number, type: string | undefined): VirtualController {
  const name = catalogueRow(type)?.name ?? "";
  const label = `${LABELS[bus]} ${number}`;
  const common = {
    $type: type ?? "",
    key: BUSES[bus].key + number,
    deviceInfo: describe(label, bus === "ide" ? label : name),
    busNumber: number,
  };
  if (bus === "ide") return common;
  const onPci = { ...common, controllerKey: KEY.pci, unitNumber: BUSES[bus].pciUnit + number };
  if (bus !== "scsi") return onPci;
  const scsi: VirtualSCSIController = { ...onPci, hotAddRemove: true, sharedBus: "noSharing", scsiCtlrUnitNumber: SCSI_CONTROLLER_UNIT };
  return scsi;
}
