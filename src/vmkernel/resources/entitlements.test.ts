import { expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { NO_POOLS } from "./config.ts";
import { entitlements } from "./entitlements.ts";

const id = (text: string) => text as VmId;
const host = { mhz: 2000, count: 2 };
const allocation = (vm: string, shares: number, limitMhz?: number) => ({
  ...{
    vm: id(vm),
    vcpus: 2,
    memory: { reservationMiB: 0, shares: 10 },
    cpu: { reservationMhz: 0, shares, ...(limitMhz !== undefined && { limitMhz }) },
  },
});
const config = { ...NO_POOLS, vms: [allocation("a", 3000), allocation("b", 1000), allocation("c", 1000, 500)] };
const idle = (vm: string) => ({ vm: id(vm), vcpus: 2, used: 0, waited: 0, grantedMhz: 4000 });
const rounded = (of: ReturnType<typeof entitlements>) =>
  Object.fromEntries([...of].map(([vm, { entitledMhz, worstCaseMhz }]) => [vm, [Math.round(entitledMhz), Math.round(worstCaseMhz)]]));

test("beside an idle VM one may have nearly all; at the worst, its part by shares", () => {
  const busy = { vm: id("a"), vcpus: 2 };
  expect(rounded(entitlements(config, [busy, idle("b")], host))).toMatchObject({ a: [3900, 3000], b: [expect.any(Number), 1000] });
});

test("a limit bounds both, and is others' gain", () => {
  const all = ["a", "b", "c"].map((vm) => ({ vm: id(vm), vcpus: 2 }));
  expect(rounded(entitlements(config, all, host))).toEqual({ a: [2625, 2625], b: [875, 875], c: [500, 500] });
});
