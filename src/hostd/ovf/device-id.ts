/** What clients match files and devices by: "/name/ParaVirtualSCSIController0:0". Pure. Source: vim25 HttpNfcLeaseDeviceUrl.importKey. */

import type { VirtualController, VirtualDevice } from "../../wire/index.ts";

/** @param owner the name of the VM that is to be, or the id of the one that is */
export function deviceIdOf(owner: string, place: { readonly controllerType: string; readonly bus: number; readonly unit: number }): string {
  return `/${owner}/${place.controllerType}${place.bus}:${place.unit}`;
}

/** The same for a device of those that a VM has. */
export function deviceIdIn(devices: readonly VirtualDevice[], { controllerKey, unitNumber }: VirtualDevice, owner: string): string {
  const controller = devices.find(({ key }) => key === controllerKey) as VirtualController | undefined;
  return deviceIdOf(owner, { controllerType: controller?.$type ?? "", bus: controller?.busNumber ?? 0, unit: unitNumber ?? 0 });
}
