/** Reads the resource pools that hostd asks for (untrusted). Pure. */
import type { CpuAllocation, MemoryAllocation, MemoryRules, PoolConfig, ResourceConfig, VmAllocation } from "./resources/index.ts";
import {
  invalid,
  readInteger,
  readIntegers,
  readOneOf,
  readOptional,
  readOptionalFlag,
  readShape,
  readShapes,
  readVmId,
  type Shape,
} from "./shape.ts";

const POOLS_MAX = 2048;
const VMS_MAX = 4096;
const ID = { min: 1, max: 2 ** 31 - 1 };
const MHZ = { min: 0, max: 2 ** 31 };
const MIB = { min: 0, max: 2 ** 40 };
const PERCENT = { min: 0, max: 100 };
const TAX_PERCENT = { min: 0, max: 99 };
const SHARES = { min: 1, max: 2 ** 31 - 1 }; // an xsd:int: 20 for each MB of the largest VM there is are 503 millions
const PROCESSORS = { min: 0, max: 1023, countMax: 1024 };
const PAGES_PER_SECOND = { min: 0, max: 1_000_000 };
const VCPUS = { min: 1, max: 768 };

/** @throws {Fault} InvalidArgument: a pool is named after its parent, so the pools are a tree */
export function parseResourceConfig(shape: Shape): ResourceConfig {
  const pools = readShapes(shape, "pools", POOLS_MAX).map(readPool);
  const known = new Set<number>();
  for (const [index, { id, parent }] of pools.entries()) {
    if (known.has(id)) throw invalid(`${shape.at}.pools[${index}].id`, "is that of another pool");
    if (parent !== undefined && !known.has(parent)) throw invalid(`${shape.at}.pools[${index}].parent`, "is not a pool before it");
    known.add(id);
  }
  const vms = readShapes(shape, "vms", VMS_MAX).map(readVm);
  const told = new Set<string>();
  for (const [index, { vm }] of vms.entries()) {
    if (told.has(vm)) throw invalid(`${shape.at}.vms[${index}].vm`, "is told of twice");
    told.add(vm);
  }
  const stray = vms.findIndex(({ pool }) => pool !== undefined && !known.has(pool));
  if (stray !== -1) throw invalid(`${shape.at}.vms[${stray}].pool`, "is not a pool");
  const memory = readRules(readShape(shape, "memory"));
  const coreSharing = readOptional(shape, "coreSharing", (from, name) => readOneOf(from, name, ["any", "oneVm", "oneThread"]));
  const sharedPagesPerSecond = readInteger(shape, "sharedPagesPerSecond", PAGES_PER_SECOND);
  return { pools, vms, sharedPagesPerSecond, memory, ...(coreSharing !== undefined && { coreSharing }) };
}

function readRules(shape: Shape): MemoryRules {
  return {
    balloonPercentMax: readInteger(shape, "balloonPercentMax", PERCENT),
    idleTaxPercent: readInteger(shape, "idleTaxPercent", TAX_PERCENT),
    minFreePercent: readInteger(shape, "minFreePercent", PERCENT),
    compressedPercentMax: readInteger(shape, "compressedPercentMax", PERCENT),
    wipesOnRelease: readOptionalFlag(shape, "wipesOnRelease"),
  };
}

function readPool(shape: Shape): PoolConfig {
  const parent = readOptional(shape, "parent", (from, name) => readInteger(from, name, ID));
  return { id: readInteger(shape, "id", ID), ...(parent !== undefined && { parent }), ...readAllocations(shape) };
}

function readVm(shape: Shape): VmAllocation {
  const pool = readOptional(shape, "pool", (from, name) => readInteger(from, name, ID));
  const own = { vm: readVmId(shape, "vm"), vcpus: readInteger(shape, "vcpus", VCPUS), ...readAllocations(shape) };
  const affinity = readOptional(shape, "affinity", (from, name) => readIntegers(from, name, PROCESSORS));
  const htSharing = readOptional(shape, "htSharing", (from, name) => readOneOf(from, name, ["internal", "none"]));
  const balloonMiBMax = readOptional(shape, "balloonMiBMax", (from, name) => readInteger(from, name, MIB));
  return {
    ...{ ...own, ...(pool !== undefined && { pool }), ...(balloonMiBMax !== undefined && { balloonMiBMax }) },
    ...{ ...(affinity !== undefined && { affinity }), ...(htSharing !== undefined && { htSharing }) },
  };
}

function readAllocations(shape: Shape): Pick<VmAllocation, "cpu" | "memory"> {
  return { cpu: readCpu(readShape(shape, "cpu")), memory: readMemory(readShape(shape, "memory")) };
}

function readMemory(shape: Shape): MemoryAllocation {
  const limitMiB = readOptional(shape, "limitMiB", (from, name) => readInteger(from, name, MIB));
  const own = { reservationMiB: readInteger(shape, "reservationMiB", MIB), shares: readInteger(shape, "shares", SHARES) };
  return { ...own, ...(limitMiB !== undefined && { limitMiB }) };
}

function readCpu(shape: Shape): CpuAllocation {
  const limitMhz = readOptional(shape, "limitMhz", (from, name) => readInteger(from, name, MHZ));
  const own = { reservationMhz: readInteger(shape, "reservationMhz", MHZ), shares: readInteger(shape, "shares", SHARES) };
  return { ...own, ...(limitMhz !== undefined && { limitMhz }) };
}
