import { expect, test } from "vitest";
import { parseResourceConfig } from "./parse-resources.ts";
import { asShape } from "./shape.ts";

const cpu = { reservationMhz: 100, limitMhz: 200, shares: 4000 };
const memory = { reservationMiB: 64, limitMiB: 128, shares: 640 };
const resources = {
  sharedPagesPerSecond: 1024,
  memory: { balloonPercentMax: 65, idleTaxPercent: 75, minFreePercent: 0, compressedPercentMax: 10, wipesOnRelease: true },
  pools: [
    { id: 1, cpu, memory },
    { id: 2, parent: 1, cpu: { reservationMhz: 0, shares: 1 }, memory: { reservationMiB: 0, shares: 1 } },
  ],
  vms: [
    { vm: "1", pool: 2, vcpus: 2, cpu, memory, affinity: [0, 3], balloonMiBMax: 20 },
    { vm: "2", vcpus: 1, cpu, memory },
  ],
};
const parse = (value: unknown) => parseResourceConfig(asShape(JSON.parse(JSON.stringify(value)), "resources"));

test("resource pools come back from JSON as they were", () => {
  expect(parse({ ...resources, more: 1 })).toEqual(resources);
});

test.each<[string, object, string]>([
  ["no list of pools", { pools: {} }, "resources.pools"],
  ["a pool that is its own parent", { pools: [{ id: 1, parent: 1, cpu, memory }] }, "resources.pools[0].parent"],
  [
    "a pool that is named before its parent",
    {
      pools: [
        { id: 2, parent: 1, cpu, memory },
        { id: 1, cpu, memory },
      ],
    },
    "resources.pools[0].parent",
  ],
  [
    "two pools of one id",
    {
      pools: [
        { id: 1, cpu, memory },
        { id: 1, cpu, memory },
      ],
    },
    "resources.pools[1].id",
  ],
  ["no shares", { pools: [{ id: 1, cpu: { ...cpu, shares: 0 }, memory }] }, "resources.pools[0].cpu.shares"],
  ["a negative reservation", { pools: [{ id: 1, cpu: { ...cpu, reservationMhz: -1 }, memory }] }, "resources.pools[0].cpu.reservationMhz"],
  ["memory without shares", { pools: [{ id: 1, cpu, memory: { reservationMiB: 0 } }] }, "resources.pools[0].memory.shares"],
  [
    "a limit of memory that is no number",
    { vms: [{ vm: "1", vcpus: 1, cpu, memory: { ...memory, limitMiB: "1" } }] },
    "resources.vms[0].memory.limitMiB",
  ],
  ["a tax of all", { memory: { ...resources.memory, idleTaxPercent: 100 } }, "resources.memory.idleTaxPercent"],
  ["a VM in no pool that is there", { vms: [{ vm: "1", pool: 9, vcpus: 1, cpu, memory }] }, "resources.vms[0].pool"],
  [
    "a VM told of twice",
    {
      vms: [
        { vm: "1", vcpus: 1, cpu, memory },
        { vm: "1", vcpus: 1, cpu, memory },
      ],
    },
    "resources.vms[1].vm",
  ],
  ["a processor that no machine has", { vms: [{ vm: "1", vcpus: 1, cpu, memory, affinity: [1024] }] }, "resources.vms[0].affinity[0]"],
  ["no virtual CPU", { vms: [{ vm: "1", vcpus: 0, cpu, memory }] }, "resources.vms[0].vcpus"],
])("%s is refused by name", (_, change, field) => {
  expect(() => parse({ ...resources, ...change })).toThrow(
    expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty: field } }),
  );
});
