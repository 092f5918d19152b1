/**
 * The files without a name that a monitor alone has open: what its guest has written to disks that forget. They are found by the
 * monitor's own word, which a guest that broke out may have chosen: whatever is not such a file is refused.
 */
import { describeFile, type OpenFile, openDescriptorOf } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { DeviceSpec } from "../machine.ts";
import { descriptorsIn, setOf } from "./chain-deeds.ts";
import { labelOf } from "./check-machine.ts";
import type { Monitor } from "./monitor.ts";
import { driveNode } from "./plan-drives.ts";

export interface OpenOverlays extends Disposable {
  readonly overlays: readonly { readonly key: number; readonly file: OpenFile }[];
}

/** To read, while the guest stands still and QEMU has written all of it out. @throws {Fault} GenericVmConfigFault */
export async function openOverlays(monitor: Monitor): Promise<OpenOverlays> {
  const { machine } = monitor.record;
  const overlays: { readonly key: number; readonly file: OpenFile }[] = [];
  const close = () => {
    for (const { file } of overlays) file[Symbol.dispose]();
  };
  try {
    for (const disk of machine.devices.filter(forgets)) {
      const [fd = -1] = await descriptorsIn(monitor, await setOf(monitor, driveNode(disk)));
      const file = openDescriptorOf(monitor.pid, fd);
      if (file !== undefined) overlays.push({ key: disk.key, file });
      if (file !== undefined && describeFile(file).nlink === 0) continue;
      const reason = `what was written to ${labelOf(disk)} is not where it was put`;
      throw fault("GenericVmConfigFault", `Suspending ${machine.name}: ${reason}.`, { reason });
    }
    return { overlays, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

type Disk = Extract<DeviceSpec, { kind: "disk" }>;

const forgets = (device: DeviceSpec): device is Disk => device.kind === "disk" && device.mode === "independent_nonpersistent";
