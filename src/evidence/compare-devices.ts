/** Compares what a running QEMU says that its guest sees with what the VM's configuration says. Pure. */
import { expectedDevices, keyOfDeviceId, type MachineSpec, type MonitorInspection } from "../vmkernel/index.ts";

export interface Comparison {
  readonly same: readonly string[];
  /** Configured, and not there. */
  readonly missing: readonly string[];
  /** There, and not configured. */
  readonly surplus: readonly string[];
}

/** @param qmp QEMU's answers, which are compared as they came: a field that is not there is a difference, not a failure */
export function compareDevices(machine: MachineSpec, qmp: MonitorInspection["qmp"]): Comparison {
  const expected = describeExpected(expectedDevices(machine));
  const found = [...pciFunctions(qmp.pci), ...blockDevices(qmp.block), ...serialPorts(qmp.qtree)];
  return {
    same: expected.filter((what) => found.includes(what)),
    missing: without(expected, found),
    surplus: without(found, expected),
  };
}

/** The items of `from` that `taken` lacks; one that is there twice must be there twice. */
function without(from: readonly string[], taken: readonly string[]): readonly string[] {
  const left = [...taken];
  return from.filter((what) => {
    const index = left.indexOf(what);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  });
}

const pciText = (slot: number, pciFunction: number, id: string): string => `PCI ${slot}.${pciFunction} ${id}`;
const blockText = (key: number | undefined, medium: boolean, readOnly: boolean): string =>
  `block device ${key ?? "without a key"}${medium ? "" : ", empty"}${medium && readOnly ? ", read-only" : ""}`;
/** The chips that hold UEFI's code and variables. */
const flashText = (path: string): string => `flash ${path}`;
const serialText = (key: number | undefined): string => `serial port ${key ?? "without a key"}`;

function describeExpected({ pci, block, serial, flash }: ReturnType<typeof expectedDevices>): readonly string[] {
  return [
    ...pci.map((item) => pciText(item.slot, item.function, item.id)),
    ...block.map((item) => blockText(item.key, item.hasMedium, item.isReadOnly)),
    ...serial.map(serialText),
    ...flash.map(flashText),
  ];
}

type Json = Readonly<Record<string, unknown>>;
const listOf = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter((item): item is Json => typeof item === "object" && item !== null) : [];
const objectOf = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
const hex = (value: unknown): string => Number(value).toString(16).padStart(4, "0");

function pciFunctions(answer: unknown): readonly string[] {
  return listOf(answer).flatMap(({ devices }) =>
    listOf(devices).map(({ slot, function: pciFunction, id }) => {
      const { vendor, device } = objectOf(id);
      return pciText(Number(slot), Number(pciFunction), `${hex(vendor)}:${hex(device)}`);
    }),
  );
}

function blockDevices(answer: unknown): readonly string[] {
  return listOf(answer).flatMap(({ qdev, inserted }) => {
    if (typeof qdev !== "string" || qdev === "") return [];
    if (qdev.startsWith("/machine/system.flash")) return [flashText(qdev)];
    const key = keyOfDeviceId(/(?:^|\/)(dev\d+)(?:\/|$)/.exec(qdev)?.[1] ?? qdev);
    const medium = objectOf(inserted);
    return [blockText(key, inserted !== undefined, medium.ro === true)];
  });
}

/** `dev: isa-serial, id "dev9000"` in QEMU's device tree. */
function serialPorts(qtree: string): readonly string[] {
  return [...qtree.matchAll(/dev: isa-serial, id "([^"]*)"/g)].map(([, id]) => serialText(keyOfDeviceId(id ?? "")));
}
