/**
 * Which of two machines a monitor is, device by device, after a change that was cut short; or what it has lost. Pure.
 * It is read out of QEMU's own answers, which a guest that broke out may have written: whatever is not what it should be is not there.
 */
import type { Device, DeviceSpec, MachineSpec } from "../machine.ts";
import { deviceId } from "./expected-devices.ts";
import { driveNode } from "./plan-drives.ts";

/** What a running QEMU says of itself: its answers to the commands of these names. */
export interface MonitorAnswers {
  /** qom-list of /machine/peripheral: the devices that have an id. */
  readonly peripheral: unknown;
  /** query-block */
  readonly block: unknown;
  /** query-cpus-fast */
  readonly cpus: unknown;
  /** query-memory-devices */
  readonly memory: unknown;
}

/** @param wanted what `before` was being made into; the same machine to learn only what it has lost */
export function liveMachine(before: MachineSpec, wanted: MachineSpec, answers: MonitorAnswers): MachineSpec {
  const ids = new Set(listOf(answers.peripheral).map(({ name }) => name));
  const nodes = nodesByDevice(answers.block);
  const keys = [...new Set([...before.devices, ...wanted.devices].map(({ key }) => key))];
  const devices = keys.flatMap((key) => {
    const candidates = [before, wanted].flatMap(({ devices: all }) => all.filter((device) => device.key === key));
    const [known = undefined] = candidates;
    if (known === undefined) return [];
    if (known.kind !== "ide" && !ids.has(deviceId(key))) return []; // the board's IDE channels have no id, and never go
    return liveDevice(known, candidates, nodes.get(deviceId(key)));
  });
  const addedMiB = memoryModules(answers.memory);
  const bootMiB = before.memoryMiB - sum(before.memoryHotAdd?.addedMiB ?? []);
  return {
    ...before,
    devices,
    vcpus: Math.max(1, listOf(answers.cpus).length),
    memoryMiB: bootMiB + sum(addedMiB),
    ...(before.memoryHotAdd && { memoryHotAdd: { ...before.memoryHotAdd, addedMiB } }),
    bootOrder: before.bootOrder.filter((key) => devices.some((device) => device.key === key)),
  };
}

/** A drive tells by the name of its node which file it has; of other devices the link alone can differ, and it is set anew. */
function liveDevice(known: DeviceSpec, candidates: readonly DeviceSpec[], node: string | undefined): DeviceSpec[] {
  if (known.kind !== "disk" && known.kind !== "cdrom" && known.kind !== "floppy") return [known];
  const held = candidates.find((device) => isDrive(device) && node === (hasFile(device) ? driveNode(device) : undefined));
  if (held !== undefined) return [held];
  if (known.kind === "disk") return [];
  const { image: _, ...empty } = known;
  return [empty];
}

function isDrive(device: DeviceSpec): device is Device<"disk" | "cdrom" | "floppy"> {
  return device.kind === "disk" || device.kind === "cdrom" || device.kind === "floppy";
}

function hasFile(device: Device<"disk" | "cdrom" | "floppy">): boolean {
  return device.kind === "disk" || device.image !== undefined;
}

/** The node that each device has, by the device's id. */
export function nodesByDevice(block: unknown): ReadonlyMap<string, string> {
  return new Map(
    listOf(block).flatMap(({ qdev, inserted }) => {
      const id = idOfDevice(qdev);
      const node = objectOf(inserted)["node-name"];
      return id === undefined || typeof node !== "string" ? [] : [[id, node] as const];
    }),
  );
}

/** The id in what query-block calls `qdev`: the id itself, or a path of the device tree with it. */
export function idOfDevice(qdev: unknown): string | undefined {
  return /(?:^|\/)(dev\d+)(?:\/|$)/.exec(String(qdev))?.[1];
}

/** The sizes of added modules, in their order. */
function memoryModules(memory: unknown): number[] {
  return listOf(memory)
    .flatMap(({ data }) => {
      const { id, size } = objectOf(data);
      const index = /^dimm(\d{1,3})$/.exec(String(id))?.[1];
      const sizeMiB = Number(size) / 2 ** 20;
      return index === undefined || !Number.isSafeInteger(sizeMiB) ? [] : [{ index: Number(index), sizeMiB }];
    })
    .sort((one, other) => one.index - other.index)
    .map(({ sizeMiB }) => sizeMiB);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

type Json = Readonly<Record<string, unknown>>;

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

export function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}
