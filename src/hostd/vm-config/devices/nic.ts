/** Network adapters. Pure. */
import type { NicModel } from "../../../vmkernel/index.ts";
import {
  readVmx,
  type VirtualDevice,
  type VirtualDeviceBackingInfo,
  type VirtualEthernetCard,
  type VirtualEthernetCardResourceAllocation,
  type Vmx,
  type VmxChanges,
} from "../../../wire/index.ts";
import { catalogueRow, typesOf } from "../device-catalogue.ts";
import { type Fields, integer, readFields, writeFields } from "../fields.ts";
import { biosUuidOf } from "../identity.ts";
import { PORTS } from "../limits.ts";
import { generatedOffset, generateMac, isForeignMac, type MacKind, parseMac, refuseManualMac } from "../mac-address.ts";
import type { VmPlace } from "../place.ts";
import { limit, NIC_SHARES, shares } from "../shares.ts";
import {
  acceptConnectable,
  backingNotSupported,
  backingOf,
  type DeviceFamily,
  describe,
  deviceNotSupported,
  invalidBacking,
  invalidDevice,
  isPresent,
  readConnectable,
  readFlag,
  readSlot,
  type Wish,
  writeConnectable,
} from "./family.ts";

const NIC_MODELS: readonly NicModel[] = ["e1000", "e1000e", "vmxnet3", "virtio"];
/** Of a model that nobody knows: there is none of this type either. */
const UNKNOWN_NIC = "VirtualVmxnet";
const DEFAULT_NIC = "vlance"; // what a .vmx without virtualDev means
const MAC_TYPES: Readonly<Record<MacKind, string>> = { manual: "static", generated: "generated", assigned: "vpx" };
const NETWORK_NAME_MAX = 256;

export const nicFamily: DeviceFamily = {
  read: (vmx, place) =>
    Array.from({ length: PORTS.ethernet.count }, (_, number) => number)
      .filter((number) => isPresent(vmx, `ethernet${number}`))
      .map((number) => readNic(vmx, number, place)),
  accept: acceptNic,
  write: (device) => writeNic(device as VirtualEthernetCard),
  prefixOf: ({ key }) => `ethernet${key - PORTS.ethernet.key}`,
  toMachine: (device, { networks }) => {
    const virtualDev = catalogueRow(device.$type)?.virtualDev;
    const model = NIC_MODELS.find((candidate) => candidate === virtualDev);
    if (model === undefined)
      throw deviceNotSupported(device, `there is no ${catalogueRow(device.$type)?.name ?? device.$type} adapter here`);
    const mac = parseMac((device as VirtualEthernetCard).macAddress ?? "");
    if (mac === undefined) throw deviceNotSupported(device, "it has no proper MAC address");
    const name = networkNameOf(device);
    const network = /^\P{Cc}+$/u.test(name) && name.length <= NETWORK_NAME_MAX ? { network: name } : {};
    // A VM that comes from elsewhere may name a network that this host has not: it runs, and its cable leads nowhere.
    const isConnected = device.connectable?.startConnected !== false && (networks?.includes(name) ?? true);
    return { kind: "nic", key: device.key, model, mac, ...network, ...(isConnected && { connected: true }) };
  },
};

function readNic(vmx: Vmx, number: number, place: VmPlace): VirtualDevice {
  const prefix = `ethernet${number}`;
  const virtualDev = readVmx(vmx, `${prefix}.virtualDev`)?.toLowerCase() ?? DEFAULT_NIC;
  const type = typesOf("nic").find(([, row]) => row.virtualDev === virtualDev)?.[0] ?? UNKNOWN_NIC;
  const written = readVmx(vmx, `${prefix}.addressType`)?.toLowerCase();
  const addressType = (["manual", "assigned"] as const).find((kind) => MAC_TYPES[kind] === written) ?? "generated";
  const backing = readBacking(vmx, prefix);
  const card: VirtualEthernetCard = {
    ...nicAt(number, type),
    deviceInfo: describe(`Network adapter ${number + 1}`, readVmx(vmx, `${prefix}.networkName`) ?? ""),
    backing,
    connectable: readConnectable(vmx, prefix),
    ...readSlot(vmx, prefix),
    addressType,
    macAddress: readMac(vmx, number, addressType, place),
    wakeOnLanEnabled: readFlag(vmx, `${prefix}.wakeOnPcktRcv`, true),
    resourceAllocation: { ...defaultAllocation, ...readFields(allocationFields(prefix), vmx) },
    uptCompatibilityEnabled: readFlag(vmx, `${prefix}.uptCompatibility`, false),
    ...externalIdOf(readVmx(vmx, `${prefix}.externalID`)),
  };
  return card;
}

/** A card that was never powered on where it was made has no address yet: it gets the one that it would get. */
function readMac(vmx: Vmx, number: number, kind: MacKind, place: VmPlace): string {
  const written = readVmx(vmx, kind === "manual" ? `ethernet${number}.address` : `ethernet${number}.generatedAddress`) ?? "";
  return parseMac(written) ?? generateMac(biosUuidOf(vmx, place), number);
}

function readBacking(vmx: Vmx, prefix: string): VirtualDeviceBackingInfo {
  const switchUuid = readVmx(vmx, `${prefix}.dvs.switchId`);
  if (switchUuid === undefined) return networkBacking(readVmx(vmx, `${prefix}.networkName`) ?? "");
  const portgroupKey = readVmx(vmx, `${prefix}.dvs.portgroupId`);
  const portKey = readVmx(vmx, `${prefix}.dvs.portId`);
  const port = {
    $type: "DistributedVirtualSwitchPortConnection",
    switchUuid,
    ...(portgroupKey && { portgroupKey }),
    ...(portKey && { portKey }),
  };
  return { $type: "VirtualEthernetCardDistributedVirtualPortBackingInfo", port } as VirtualDeviceBackingInfo;
}

function acceptNic(device: VirtualDevice, wish: Wish): VirtualEthernetCard {
  const given = device as VirtualEthernetCard;
  const number = device.key - PORTS.ethernet.key;
  const backing = acceptBacking(device, wish);
  const addressType = acceptAddressType(given, wish);
  return {
    ...nicAt(number, device.$type ?? ""),
    deviceInfo: describe(`Network adapter ${number + 1}`, networkNameOf({ key: 0, backing })),
    backing,
    connectable: acceptConnectable(device),
    ...(device.slotInfo && { slotInfo: device.slotInfo }),
    addressType,
    macAddress: acceptMac(given, addressType, wish),
    wakeOnLanEnabled: given.wakeOnLanEnabled ?? true,
    resourceAllocation: acceptAllocation(given, wish),
    uptCompatibilityEnabled: given.uptCompatibilityEnabled ?? false,
    ...externalIdOf(given.externalId),
  };
}

function networkNameOf(device: VirtualDevice): string {
  return backingOf(device, "VirtualEthernetCardNetworkBackingInfo")?.deviceName ?? "";
}

function acceptBacking(device: VirtualDevice, wish: Wish): VirtualDeviceBackingInfo {
  if (device.backing === undefined) return networkBacking("");
  const network = backingOf(device, "VirtualEthernetCardNetworkBackingInfo");
  if (network === undefined) throw backingNotSupported(device, `only networks of this host can be chosen, not ${device.backing.$type}`);
  if (network.deviceName.length > NETWORK_NAME_MAX || network.inPassthroughMode === true)
    throw invalidBacking(wish, "The network cannot be had so.");
  const isKept = wish.before !== undefined && networkNameOf(wish.before) === network.deviceName;
  if (!isKept && wish.place.networks?.includes(network.deviceName) === false)
    throw invalidBacking(wish, `The host has no network '${network.deviceName}'.`);
  return networkBacking(network.deviceName);
}

function acceptAddressType({ addressType, macAddress }: VirtualEthernetCard, wish: Wish): MacKind {
  // Terraform and Ansible leave it empty, with an address where they mean a manual one.
  const text = (addressType ?? "").toLowerCase();
  if (text === "") return (macAddress ?? "") === "" ? "generated" : "manual";
  const kind = (["manual", "generated", "assigned"] as const).find((candidate) => candidate === text);
  if (kind === undefined) throw invalidDevice(wish, `There is no address type '${addressType}'.`, "addressType");
  // "assigned" means that vCenter gives the address. Without one this host does.
  return kind === "assigned" && (macAddress ?? "") === "" ? "generated" : kind;
}

/** The caller has filled in a generated address already. */
function acceptMac({ macAddress = "" }: VirtualEthernetCard, kind: MacKind, wish: Wish): string {
  const mac = parseMac(macAddress);
  if (mac === undefined) throw invalidDevice(wish, `'${macAddress}' is no MAC address of a network adapter.`, "macAddress");
  const because = kind === "manual" ? refuseManualMac(mac) : undefined;
  if (because !== undefined) throw invalidDevice(wish, because, "macAddress");
  return mac;
}

function writeNic(card: VirtualEthernetCard): VmxChanges {
  const prefix = nicFamily.prefixOf(card);
  const number = card.key - PORTS.ethernet.key;
  const kind = (card.addressType ?? "generated") as MacKind;
  const network = backingOf(card, "VirtualEthernetCardNetworkBackingInfo");
  const mac = card.macAddress ?? "";
  return {
    [`${prefix}.present`]: "TRUE",
    [`${prefix}.virtualDev`]: catalogueRow(card.$type)?.virtualDev,
    ...(network !== undefined && { [`${prefix}.networkName`]: network.deviceName }),
    [`${prefix}.addressType`]: MAC_TYPES[kind],
    [`${prefix}.address`]: kind === "manual" ? mac : undefined,
    [`${prefix}.generatedAddress`]: kind === "manual" ? undefined : mac,
    [`${prefix}.generatedAddressOffset`]: kind === "generated" ? String(generatedOffset(number)) : undefined,
    [`${prefix}.checkMACAddress`]: kind === "manual" && isForeignMac(mac) ? "FALSE" : undefined,
    [`${prefix}.wakeOnPcktRcv`]: card.wakeOnLanEnabled === false ? "FALSE" : undefined,
    [`${prefix}.uptCompatibility`]: card.uptCompatibilityEnabled === true ? "TRUE" : undefined,
    [`${prefix}.externalID`]: card.externalId,
    ...writeFields(allocationFields(prefix), allocationOf(card.resourceAllocation), "virtualDeviceSpec.device.resourceAllocation"),
    ...writeConnectable(prefix, card),
  };
}

function nicAt(number: number, type: string): VirtualEthernetCard {
  const { key, unit, controllerKey } = PORTS.ethernet;
  return { $type: type, key: key + number, controllerKey, unitNumber: unit + number };
}

function networkBacking(deviceName: string): VirtualDeviceBackingInfo {
  return {
    $type: "VirtualEthernetCardNetworkBackingInfo",
    deviceName,
    useAutoDetect: false,
    inPassthroughMode: false,
  } as VirtualDeviceBackingInfo;
}

function externalIdOf(externalId: string | undefined): Pick<VirtualEthernetCard, "externalId"> {
  return externalId === undefined || externalId === "" ? {} : { externalId };
}

const defaultAllocation: VirtualEthernetCardResourceAllocation = {
  $type: "VirtualEthernetCardResourceAllocation",
  reservation: 0,
  share: { $type: "SharesInfo", shares: NIC_SHARES.normal, level: "normal" },
  limit: -1,
};

function allocationFields(prefix: string): Fields<VirtualEthernetCardResourceAllocation> {
  return {
    reservation: { key: `${prefix}.reservation`, codec: integer({ min: 0, max: 2 ** 31 }) },
    share: { key: `${prefix}.shares`, codec: shares(NIC_SHARES) },
    limit: { key: `${prefix}.limit`, codec: limit("unlimited") },
  };
}

/** A part of an uplink's bandwidth only a distributed switch gives. What the .vmx of another host says of it can be said again. */
function acceptAllocation(given: VirtualEthernetCard, { before }: Wish): VirtualEthernetCardResourceAllocation {
  const wanted = given.resourceAllocation;
  if (wanted === undefined || isDefaultAllocation(wanted)) return defaultAllocation;
  const had = (before as VirtualEthernetCard | undefined)?.resourceAllocation;
  const isKept =
    had !== undefined &&
    (wanted.reservation ?? 0) === (had.reservation ?? 0) &&
    (wanted.limit ?? -1) === (had.limit ?? -1) &&
    wanted.share.level === had.share.level &&
    (wanted.share.level !== "custom" || wanted.share.shares === had.share.shares);
  if (isKept) return had;
  throw deviceNotSupported(given, "it has no shares, limit or reservation of its own here; its port group can be shaped");
}

function isDefaultAllocation({ reservation = 0, limit: most = -1, share }: VirtualEthernetCardResourceAllocation): boolean {
  return reservation === 0 && most === -1 && share.level === "normal";
}

/** Only what differs from the default is worth a line in the .vmx. */
function allocationOf(allocation: VirtualEthernetCardResourceAllocation | undefined): Partial<VirtualEthernetCardResourceAllocation> {
  return allocation === undefined || isDefaultAllocation(allocation) ? {} : allocation;
}
