/** The VM of the demonstration: one that boots the tiny guest, made through the API like any other. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type DatastorePath, formatDatastorePath, inFolder, SystemError, Undo } from "../../base/index.ts";
import type { VimClient } from "../../interfaces/index.ts";
import type { VmkernelClient } from "../../vmkernel/index.ts";
import type {
  ParaVirtualSCSIController,
  VirtualDevice,
  VirtualDisk,
  VirtualMachineConfigSpec,
  VirtualSerialPort,
  VirtualVmxnet3,
} from "../../wire/index.ts";
import { importRawDisk } from "../import-disk.ts";
import { createVm, findVm, powerOn, type VmRef } from "./vim.ts";

const NAME = "demo";
const FOLDER = { datastore: "datastore1", path: NAME };
const VMX = inFolder(FOLDER, `${NAME}.vmx`);
const DISK = inFolder(FOLDER, `${NAME}.vmdk`);
const CONSOLE = inFolder(FOLDER, "console.log");

const GUEST_UP_MS = 180_000; // five seconds on an idle machine without hardware virtualization
const POLL_MS = 100;
const TAIL_LINES = 8;

export interface DemoHost {
  readonly client: VimClient;
  readonly vmkernel: VmkernelClient;
  /** Builds the guest's disk image, or finds it; only called when the VM has to be made. */
  readonly buildImage: () => string;
  readonly report: (line: string) => void;
}

/** @returns the last lines of the guest's console, once the guest counts there */
export async function runDemoVm(host: DemoHost): Promise<readonly string[]> {
  const { client, vmkernel, report } = host;
  const found = await findVm(client, formatDatastorePath(VMX));
  const vm = found ?? (await makeVm(host));
  const console = await pathOnMachine(vmkernel, CONSOLE);
  const before = await sizeOf(console);
  const wasOff = await powerOn(client, vm);
  report(wasOff ? `VM ${NAME} is powered on; its guest boots` : `VM ${NAME} has been running all the while`);
  return waitForCounter(console, wasOff ? before : 0);
}

async function makeVm({ client, vmkernel, buildImage, report }: DemoHost): Promise<VmRef> {
  const image = buildImage();
  await using undo = new Undo();
  const entries = await vmkernel.request({ kind: "listFolder", folder: { datastore: FOLDER.datastore, path: "" } });
  if (entries.some(({ name }) => name === NAME)) throw new SystemError(adviseOnLeftFolder(await pathOnMachine(vmkernel, FOLDER)));
  await vmkernel.request({ kind: "makeFolder", folder: FOLDER });
  undo.add(async () => void (await vmkernel.request({ kind: "remove", path: FOLDER })));
  await importRawDisk(vmkernel, { image, descriptor: DISK });
  undo.add(async () => void (await vmkernel.request({ kind: "deleteDisk", descriptor: DISK })));
  report(`the guest's disk is ${formatDatastorePath(DISK)}`);
  const vm = await createVm(client, demoSpec());
  undo.release();
  report(`VM ${NAME} is made`);
  return vm;
}

/**
 * A demonstration of before whose host's state was deleted: its files are somebody's, and stay. Pure.
 * @param folder on the machine, as a shell takes it
 */
export function adviseOnLeftFolder(folder: string): string {
  return `${folder} is left of an earlier demonstration, and this host has no VM of it: move it away (mv ${folder} ${folder}.old), then start again`;
}

function demoSpec(): VirtualMachineConfigSpec {
  const controller: ParaVirtualSCSIController = { $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" };
  const disk: VirtualDisk = {
    $type: "VirtualDisk",
    key: -2,
    controllerKey: controller.key,
    unitNumber: 0,
    capacityInKB: 0, // as the disk that is there has it
    backing: backing("VirtualDiskFlatVer2BackingInfo", { fileName: formatDatastorePath(DISK), diskMode: "persistent" }),
  };
  const nic: VirtualVmxnet3 = {
    $type: "VirtualVmxnet3",
    key: -3,
    backing: backing("VirtualEthernetCardNetworkBackingInfo", { deviceName: "VM Network" }),
  };
  const serial: VirtualSerialPort = {
    $type: "VirtualSerialPort",
    key: -4,
    yieldOnPoll: true,
    backing: backing("VirtualSerialPortFileBackingInfo", { fileName: formatDatastorePath(CONSOLE) }),
  };
  const devices: readonly VirtualDevice[] = [controller, disk, nic, serial];
  return {
    name: NAME,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 128,
    files: { vmPathName: formatDatastorePath(VMX) },
    deviceChange: devices.map((device) => ({ operation: "add", device })),
  };
}

function backing<Fields extends object>($type: string, fields: Fields): Fields & { readonly $type: string } {
  return { $type, ...fields };
}

async function pathOnMachine(vmkernel: VmkernelClient, { datastore: name, path }: DatastorePath): Promise<string> {
  const datastore = (await vmkernel.request({ kind: "listDatastores" })).find((each) => each.name === name);
  if (datastore === undefined) throw new SystemError(`the host has no datastore ${name}`);
  return join(datastore.root, path);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

async function waitForCounter(path: string, from: number): Promise<readonly string[]> {
  for (const deadline = Date.now() + GUEST_UP_MS; ; await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    const text = (await readFile(path).catch(() => Buffer.alloc(0))).subarray(from).toString("latin1");
    const lines = text.replaceAll("\r", "").split("\n");
    if (/^GUEST-UP /m.test(text) && /^tick \d+\r?\n/m.test(text)) return lines.filter((line) => line !== "").slice(-TAIL_LINES);
    if (Date.now() > deadline) throw new SystemError(`the guest was not up within ${GUEST_UP_MS / 1000} s; its console is ${path}`);
  }
}
