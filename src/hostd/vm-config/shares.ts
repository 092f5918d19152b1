/**
 * Shares, reservations and limits as a .vmx has them. Pure.
 * Source: vSphere resource management; vmx keys of group sched.
 */
import type { ResourceAllocationInfo, SharesInfo } from "../../wire/index.ts";
import { type Codec, type Fields, integer } from "./fields.ts";

/** What low, normal and high come to. */
export interface ShareLevels {
  readonly low: number;
  readonly normal: number;
  readonly high: number;
  readonly custom: { readonly min: number; readonly max: number };
}

export const DISK_SHARES: ShareLevels = { low: 500, normal: 1000, high: 2000, custom: { min: 200, max: 4000 } };
export const NIC_SHARES: ShareLevels = { low: 25, normal: 50, high: 100, custom: { min: 0, max: 100 } };
/** What a client may set for CPU and memory. */
export const CUSTOM_SHARES = { min: 1, max: 1_000_000 };
const CPU_PER_VCPU = { low: 500, normal: 1000, high: 2000 };
const MEMORY_PER_MIB = { low: 5, normal: 10, high: 20 };
const AMOUNT_MAX = 2 ** 31;

/** A level by its name, or a custom number. Of a level the host computes the number, whatever the client sent. */
export function shares(levels: ShareLevels): Codec<SharesInfo> {
  const custom = integer(levels.custom);
  return {
    read: (text) => {
      const level = (["low", "normal", "high"] as const).find((name) => name === text.toLowerCase());
      if (level !== undefined) return { $type: "SharesInfo", shares: levels[level], level };
      const number = custom.read(text);
      return number === undefined ? undefined : { $type: "SharesInfo", shares: number, level: "custom" };
    },
    write: (value) => (value.level === "custom" ? custom.write(value.shares) : value.level in CPU_PER_VCPU ? value.level : undefined),
  };
}

/** -1 is no limit. */
export function limit(word: "unlimited" | "off", min = 0): Codec<number> {
  const number = integer({ min, max: AMOUNT_MAX });
  return {
    read: (text) => (text.toLowerCase() === word || text === "-1" ? -1 : number.read(text)),
    write: (value) => (value === -1 ? word : number.write(value)),
  };
}

export function cpuFields(vcpus: number): Fields<ResourceAllocationInfo> {
  return allocationFields("cpu", scale(CPU_PER_VCPU, vcpus));
}

export function memoryFields(memoryMiB: number): Fields<ResourceAllocationInfo> {
  return allocationFields("mem", scale(MEMORY_PER_MIB, memoryMiB));
}

/** What a VM has of a resource when its .vmx says nothing. */
export function defaultAllocation(fields: Fields<ResourceAllocationInfo>): ResourceAllocationInfo {
  const normal = fields.shares?.codec.read("normal");
  return {
    $type: "ResourceAllocationInfo",
    reservation: 0,
    expandableReservation: false,
    limit: -1,
    ...(normal !== undefined && { shares: normal }),
  };
}

function allocationFields(resource: "cpu" | "mem", levels: ShareLevels): Fields<ResourceAllocationInfo> {
  return {
    reservation: { key: `sched.${resource}.min`, codec: integer({ min: 0, max: AMOUNT_MAX }) },
    limit: { key: `sched.${resource}.max`, codec: limit("unlimited") },
    shares: { key: `sched.${resource}.shares`, codec: shares(levels) },
  };
}

function scale(per: { low: number; normal: number; high: number }, count: number): ShareLevels {
  return { low: per.low * count, normal: per.normal * count, high: per.high * count, custom: CUSTOM_SHARES };
}
