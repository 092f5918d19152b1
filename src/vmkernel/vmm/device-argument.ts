/** A configured device as one of QEMU's own. Pure. */
import type { DeviceSpec } from "../machine.ts";
import { deviceId } from "./expected-devices.ts";

export function deviceArgument(model: string, { key }: DeviceSpec, options: readonly string[]): string[] {
  return ["-device", [model, `id=${deviceId(key)}`, ...options].join(",")];
}
