import { expect, test } from "vitest";
import { refuseUnusable } from "./guarantees.ts";

test.each([
  ["on one virtual CPU, all of a core", 1, undefined, 2000, "none"],
  ["on one virtual CPU, more than a core", 1, undefined, 2001, "InsufficientCpuResourcesFault"],
  ["on four virtual CPUs bound to two processors, more than two cores", 4, [0, 1, 1], 4001, "InsufficientCpuResourcesFault"],
  ["on four virtual CPUs, all of four cores", 4, [], 8000, "none"],
])("reserved %s", (_, numCPU, affinitySet, cpuMhz, fault) => {
  const vm = { name: "a", hardware: { numCPU, memoryMB: 64 }, cpuAffinity: affinitySet && { affinitySet } };
  const refuse = () => refuseUnusable(vm, { cpuMhz }, 2000);
  if (fault === "none") refuse();
  else expect(refuse).toThrow(expect.objectContaining({ fault }));
});
