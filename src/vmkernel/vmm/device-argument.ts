/** A configured device as one of QEMU's own. Pure. */
import type { DeviceSpec } from "../machine.ts";
import { deviceId } from "./expected-devices.ts";

export type Device<Kind extends DeviceSpec["kind"]> = Extract<DeviceSpec, { kind: Kind }>;

export function deviceArgument(model: string, { key }: DeviceSpec, options: readonly string[]): string[] {
  return ["-device", [model, `id=${deviceId(key)}`, ...options].join(",")];
}
