/** Typing on a VM's keyboard. Source: vim25 PutUsbScanCodes. */
import type { UsbScanCodeSpec } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { planStrokes } from "./plan-strokes.ts";

/** @returns how many keys were pressed */
export async function pressKeys(call: Call, vm: Vm, spec: UsbScanCodeSpec): Promise<number> {
  const strokes = planStrokes(spec);
  await call.agent.vms.vmkernel.request({ kind: "pressKeys", vm: vm.id, strokes });
  return strokes.length;
}
