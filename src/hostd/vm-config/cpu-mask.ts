/**
 * What a guest is to see of the processor's features: vim25 cpuFeatureMask, in a .vmx a key for each register of CPUID. Pure.
 * A character stands for a bit, bit 31 first: "0" hides its feature, "1" insists on it; all others leave it as the processor has it.
 * Source: vim25 HostCpuIdInfo, VirtualMachineConfigSpec.cpuFeatureMask; ESXi's cpuid.<level>.<register>.
 */
import { CPU_REGISTER_BITS, type CpuMaskBit, type CpuRegister, cpuFeatureAt } from "../../vmkernel/index.ts";
import {
  fault,
  type HostCpuIdInfo,
  readVmx,
  type VirtualMachineCpuIdInfoSpec,
  type Vmx,
  type VmxChanges,
  vmxKeys,
} from "../../wire/index.ts";
import { invalidArgument } from "./fields.ts";

const KEY = /^cpuid\.([0-9a-f]{1,8})\.(eax|ebx|ecx|edx)(?:\.(intel|amd))?$/i;
const REGISTERS: readonly CpuRegister[] = ["eax", "ebx", "ecx", "edx"];
const LEVELS_MAX = 64; // more than CPUID has

interface MaskKey {
  readonly level: number;
  readonly register: CpuRegister;
  /** For processors of that vendor alone. */
  readonly vendor: string | undefined;
}

function parseKey(key: string): MaskKey | undefined {
  const [, level, register, vendor] = KEY.exec(key.toLowerCase()) ?? [];
  return level === undefined ? undefined : { level: Number.parseInt(level, 16), register: register as CpuRegister, vendor };
}

/** @returns the 32 characters, bit 31 first, or undefined when it is no mask */
function parseRegister(text: string): string | undefined {
  const characters = text.replaceAll(":", "").toUpperCase();
  return new RegExp(`^[-01HRTX]{${CPU_REGISTER_BITS}}$`).test(characters) ? characters : undefined;
}

/** Whether a client may write `text` under that key of a .vmx; keys of other kinds are not this file's. */
export function isMask(key: string, text: string): boolean {
  return parseKey(key) === undefined || parseRegister(text) !== undefined;
}

/** @throws {Fault} InvalidVmConfig for what no processor of this host can be made to hide or to have, by its bit */
export function cpuMaskOf(vmx: Vmx): CpuMaskBit[] {
  return vmxKeys(vmx).flatMap((key) => {
    const place = parseKey(key);
    const mask = place && parseRegister(readVmx(vmx, key) ?? "");
    return place === undefined || mask === undefined ? [] : bitsOf(place, mask, key);
  });
}

function bitsOf({ level, register, vendor }: MaskKey, mask: string, property: string): CpuMaskBit[] {
  return [...mask].flatMap((character, index) => {
    if (character !== "0" && character !== "1") return [];
    const bit = CPU_REGISTER_BITS - 1 - index;
    const feature = vendor === undefined ? cpuFeatureAt({ level, register, bit }) : undefined;
    if (feature !== undefined) return [{ feature, shown: character === "1" }];
    const what = vendor === undefined ? `bit ${bit} of CPUID ${hex(level)}:${register}` : `a mask for processors of one vendor (${vendor})`;
    throw fault("InvalidVmConfig", `This host cannot hold ${what}: ${property}.`, { property });
  });
}

/** A register that a client leaves out is as the processor has it. */
export function writeCpuMask(changes: readonly VirtualMachineCpuIdInfoSpec[]): VmxChanges {
  if (changes.length > LEVELS_MAX) throw invalidArgument("configSpec.cpuFeatureMask");
  return Object.fromEntries(changes.flatMap(writeLevel));
}

function writeLevel({ operation, removeKey, info }: VirtualMachineCpuIdInfoSpec, index: number): (readonly [string, string | undefined])[] {
  const at = `configSpec.cpuFeatureMask[${index}]`;
  const level = operation === "remove" ? removeKey?.value : info?.level;
  if (typeof level !== "number") throw invalidArgument(operation === "remove" ? `${at}.removeKey` : `${at}.info`);
  const vendor = info?.vendor ?? "";
  if (vendor !== "")
    throw fault("InvalidVmConfig", `This host has no mask for processors of one vendor: ${vendor}.`, { property: `${at}.info.vendor` });
  return REGISTERS.map((register) => {
    const text = operation === "remove" ? "" : (info?.[register] ?? "");
    const mask = parseRegister(text);
    if (text !== "" && mask === undefined) throw invalidArgument(`${at}.info.${register}`);
    if (mask !== undefined) bitsOf({ level: level >>> 0, register, vendor: undefined }, mask, `${at}.info.${register}`);
    return [`cpuid.${hex(level)}.${register}`, mask === undefined || /^-*$/.test(mask) ? undefined : format(mask)] as const;
  });
}

export function readCpuMask(vmx: Vmx): HostCpuIdInfo[] {
  const found = new Map<string, HostCpuIdInfo>();
  for (const key of vmxKeys(vmx)) {
    const place = parseKey(key);
    const mask = place && parseRegister(readVmx(vmx, key) ?? "");
    if (place === undefined || mask === undefined) continue;
    const { level, register, vendor } = place;
    const id = `${level} ${vendor}`;
    const before = found.get(id) ?? { $type: "HostCpuIdInfo", level: level | 0, ...(vendor !== undefined && { vendor }) }; // vim25 says it in a signed int
    found.set(id, { ...before, [register]: format(mask) });
  }
  return [...found.values()];
}

/** "----:---0:…" */
function format(mask: string): string {
  return (mask.match(/.{4}/g) ?? []).join(":");
}

function hex(level: number): string {
  return (level >>> 0).toString(16);
}
