/** VMs for tests, made through the API as a client makes them. */

import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, TaskInfo, VirtualMachineConfigSpec } from "../src/wire/index.ts";
import { sleep } from "./harness.ts";

export const VM_FOLDER = moRef("Folder", "ha-folder-vm");
export const ROOT_POOL = moRef("ResourcePool", "ha-root-pool");
const TASK_MS = 60_000;

/** One property of an object. */
export async function read(client: VimClient, ref: MoRef, property: string): Promise<unknown> {
  const call = client.call as (ref: MoRef, method: string, args: object) => Promise<unknown>;
  const value = await call.call(client, ref, "Fetch", { prop: property });
  return (value as { value: unknown } | undefined)?.value;
}

/** Waits for a task to end, however it ends. */
export async function ended(client: VimClient, task: MoRef): Promise<TaskInfo> {
  for (const deadline = Date.now() + TASK_MS; Date.now() < deadline; await sleep(30)) {
    const info = (await read(client, task, "info")) as TaskInfo;
    if (info.state === "success" || info.state === "error") return info;
  }
  throw new Error(`the task ${task.value} did not end within ${TASK_MS} ms`);
}

/** Waits for a task to succeed; throws its error's message. @returns its result */
export async function succeeded(client: VimClient, task: MoRef): Promise<unknown> {
  const info = await ended(client, task);
  if (info.state === "error") throw new Error(`${info.name}: ${info.error?.fault.$type}: ${info.error?.localizedMessage}`);
  return info.result?.value;
}

/** A VM that boots from `disk` (non-persistently for nobody: each test gives a disk of its own) and counts on its serial port. */
export function bootableSpec(name: string, disk: string): VirtualMachineConfigSpec {
  const add = (device: object) => ({ operation: "add" as const, device: device as never });
  return {
    name,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 128,
    files: { vmPathName: `[datastore1] ${name}/${name}.vmx` },
    deviceChange: [
      add({ $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }),
      add({
        $type: "VirtualDisk",
        key: -2,
        controllerKey: -1,
        unitNumber: 0,
        capacityInKB: 0,
        backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: disk, diskMode: "persistent" },
      }),
      add({
        $type: "VirtualVmxnet3",
        key: -3,
        backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" },
      }),
      add({
        $type: "VirtualSerialPort",
        key: -4,
        yieldOnPoll: true,
        backing: { $type: "VirtualSerialPortFileBackingInfo", fileName: `[datastore1] ${name}/console.log` },
      }),
    ],
  };
}

export async function createVm(client: VimClient, spec: VirtualMachineConfigSpec): Promise<MoRef<"VirtualMachine">> {
  const task = await client.call(VM_FOLDER, "CreateVM_Task", { config: spec, pool: ROOT_POOL });
  return (await succeeded(client, task)) as MoRef<"VirtualMachine">;
}

/** For a shell in the guest: the SCSI disk at that unit. Linux probes disks side by side, so which is `sda` differs from boot to boot. */
export const diskInGuest = (unit: number): string => `/dev/$(basename /sys/bus/scsi/devices/*:0:${unit}:0/block/sd*)`;

/** The highest number that the guest's counter has reached. */
export function lastTick(console: string): number {
  return Math.max(0, ...[...console.matchAll(/^tick (\d+)\s*$/gm)].map(([, n]) => Number(n)));
}
