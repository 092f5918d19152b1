/**
 * Where a new device of a VM stands: its controller, unit and key, as the client asks or the first that is free. Pure.
 * A key follows from the place alone (limits.ts), so a device keeps it as long as it stays where it is.
 */
import { fault, type VirtualController, type VirtualDevice } from "../../wire/index.ts";
import { catalogueRow } from "./device-catalogue.ts";
import { familyOf, invalidDevice } from "./devices/index.ts";
import { busOfType } from "./devices/storage-controller.ts";
import { BUSES, busOf, KEY, nodeAt, PORTS, type Port, unitsOf } from "./limits.ts";

/** The devices so far, by key, and the keys that the client's own temporary ones stand for. */
export interface Surroundings {
  readonly devices: ReadonlyMap<number, VirtualDevice>;
  readonly links: ReadonlyMap<number, number>;
}

const PORT_OF_FAMILY: Readonly<Record<string, Port>> = { nic: "ethernet", floppy: "floppy", serial: "serial" };

/**
 * @param index of the change, for faults
 * @throws {Fault} InvalidDeviceSpec or one of its kin; TooManyDevices when there is no room
 */
export function placeDevice(device: VirtualDevice, surroundings: Surroundings, index: number): VirtualDevice {
  const family = catalogueRow(device.$type)?.family;
  if (family === "storageController") return placeController(device, surroundings);
  if (family === "disk" || family === "cdrom") return placeOnController(device, surroundings, index);
  if (family === "xhci") return placeSingle(device, KEY.xhci, surroundings);
  if (family === "usb") return placeSingle(device, KEY.usb, surroundings);
  const port = PORT_OF_FAMILY[family ?? ""];
  if (port === undefined) throw invalidDevice({ index }, `A ${device.$type} cannot be added.`);
  return placeAtPort(device, port, surroundings, index);
}

/** The key that a client's controllerKey means: one that it gave in this change itself, or an existing one. */
export function resolveKey(key: number, { links }: Surroundings): number {
  return links.get(key) ?? key;
}

// Clients that do not care send bus 0 always.
function placeController(device: VirtualDevice, { devices }: Surroundings): VirtualDevice {
  const { key: first, count } = BUSES[busOfType(device.$type)];
  const wanted = first + (device as VirtualController).busNumber;
  const keys = Array.from({ length: count }, (_, number) => first + number);
  const key = [wanted, ...keys].find((candidate) => keys.includes(candidate) && !devices.has(candidate));
  if (key === undefined) throw tooMany(device, count);
  return { ...device, key };
}

function placeOnController(device: VirtualDevice, surroundings: Surroundings, index: number): VirtualDevice {
  if (device.controllerKey === undefined) {
    const message = `Invalid configuration for device '${index}'. It needs a controller.`;
    throw fault("MissingController", message, { deviceIndex: index, property: "virtualDeviceSpec.device.controllerKey" });
  }
  const controllerKey = resolveKey(device.controllerKey, surroundings);
  const controller = surroundings.devices.get(controllerKey);
  const bus = busOf(controllerKey);
  if (controller === undefined || bus === undefined) {
    const message = `Invalid configuration for device '${index}'. There is no controller ${device.controllerKey} that it could hang on.`;
    throw fault("InvalidController", message, {
      deviceIndex: index,
      controllerKey: device.controllerKey,
      property: "virtualDeviceSpec.device.controllerKey",
    });
  }
  const isFree = (unit: number) => {
    const node = nodeAt(controllerKey, unit);
    return (
      node !== undefined &&
      ![...surroundings.devices.values()].some((other) => other.controllerKey === controllerKey && other.unitNumber === unit)
    );
  };
  const asked = device.unitNumber ?? -1;
  const unit = asked < 0 ? unitsOf(bus).find(isFree) : asked;
  if (unit === undefined) throw tooMany(device, unitsOf(bus).length);
  const node = isFree(unit) ? nodeAt(controllerKey, unit) : undefined;
  if (node === undefined)
    throw invalidDevice({ index }, `Unit ${unit} of ${controller.deviceInfo?.label ?? controllerKey} is taken or not there.`, "unitNumber");
  return { ...device, key: node.key, controllerKey, unitNumber: unit };
}

function placeAtPort(device: VirtualDevice, port: Port, { devices }: Surroundings, index: number): VirtualDevice {
  const { key: first, count, unit: firstUnit, controllerKey } = PORTS[port];
  const keys = Array.from({ length: count }, (_, number) => first + number);
  const asked = device.unitNumber === undefined ? undefined : first + device.unitNumber - firstUnit;
  // A unit number that no port has is one that the client did not mean, as 0 for a network adapter.
  const isMeant = asked !== undefined && keys.includes(asked);
  if (isMeant && devices.has(asked)) throw invalidDevice({ index }, `Unit ${device.unitNumber} is taken.`, "unitNumber");
  const key = isMeant ? asked : keys.find((candidate) => !devices.has(candidate));
  if (key === undefined) throw tooMany(device, count);
  return { ...device, key, controllerKey, unitNumber: firstUnit + key - first };
}

function placeSingle(device: VirtualDevice, key: number, { devices }: Surroundings): VirtualDevice {
  if (devices.has(key)) throw tooMany(device, 1);
  return { ...device, key };
}

/** Whether two devices stand at the same place. */
export function isSamePlace(one: VirtualDevice, other: VirtualDevice): boolean {
  return familyOf(one) === familyOf(other) && one.controllerKey === other.controllerKey && one.unitNumber === other.unitNumber;
}

function tooMany(device: VirtualDevice, max: number) {
  const { name } = catalogueRow(device.$type) ?? { name: device.$type };
  return fault("TooManyDevices", `A VM can have no more than ${max} devices of this kind where ${name} would go.`, {
    property: "virtualDeviceSpec.device",
  });
}
