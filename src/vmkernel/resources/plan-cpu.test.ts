import { describe, expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { type CpuAllocation, NO_POOLS, type ResourceConfig, type VmAllocation } from "./config.ts";
import { demandMhz, planCpu, type RunningVm } from "./plan-cpu.ts";

const HOST = { mhz: 2000, count: 2 };
const id = (number: number) => String(number) as VmId;
const running = (number: number, settings: Partial<RunningVm> = {}): RunningVm => ({ vm: id(number), vcpus: 2, ...settings });
const cpu = (settings: Partial<CpuAllocation> = {}): CpuAllocation => ({ reservationMhz: 0, shares: 2000, ...settings });
const memory = { reservationMiB: 0, shares: 10 };
const told = (number: number, settings: Partial<VmAllocation> = {}): VmAllocation => ({
  vm: id(number),
  vcpus: 2,
  cpu: cpu(),
  memory,
  ...settings,
});
const config = (vms: readonly VmAllocation[], pools: ResourceConfig["pools"] = []): ResourceConfig => ({
  ...NO_POOLS,
  pools,
  vms,
});
const portions = (settings: ResourceConfig, vms: readonly RunningVm[]) => Object.fromEntries(planCpu(settings, vms, HOST).portions);

describe("the portion of a monitor", () => {
  test("two VMs of shares 1:2 weigh 1:2, and neither is held back", () => {
    const all = portions(config([told(1), told(2, { cpu: cpu({ shares: 4000 }) })]), [running(1), running(2)]);
    expect(all["2"]?.shares).toBeCloseTo(2 * (all["1"]?.shares ?? 0), -1);
    expect(all["1"]).not.toHaveProperty("processorsMax");
  });

  test("a limit is a quota, on an idle host too", () => {
    expect(portions(config([told(1, { cpu: cpu({ limitMhz: 500 }) })]), [running(1)])["1"]?.processorsMax).toBe(0.25);
  });

  test("what one is held to is a quota, but never less than it has reserved, nor more than its limit", () => {
    const holds = new Map([1, 2, 3].map((number) => [id(number), 0.5]));
    const settings = config([told(1), told(2, { cpu: cpu({ reservationMhz: 1600 }) }), told(3, { cpu: cpu({ limitMhz: 400 }) })]);
    const { portions: all } = planCpu(settings, [running(1), running(2), running(3)], HOST, new Map(), holds);
    expect([1, 2, 3].map((number) => all.get(id(number))?.processorsMax)).toEqual([0.5, 0.8, 0.2]);
  });

  test("one that uses what it is held to is taken to want all that it can use", () => {
    const held = running(1, { used: 0.3, waited: 0, grantedMhz: 2000, heldTo: 0.3 });
    expect([demandMhz(held, 2000), demandMhz({ ...held, used: 0.1 }, 2000)]).toEqual([4000, 400]);
  });

  test("a pool's limit holds its members back together", () => {
    const pools = [
      { id: 7, cpu: cpu({ limitMhz: 1000 }), memory },
      { id: 8, parent: 7, cpu: cpu(), memory },
    ];
    const all = portions(config([told(1, { pool: 7 }), told(2, { pool: 8 }), told(3)], pools), [running(1), running(2), running(3)]);
    expect((all["1"]?.processorsMax ?? 0) + (all["2"]?.processorsMax ?? 0)).toBeCloseTo(0.5);
    expect(all["3"]).not.toHaveProperty("processorsMax");
  });

  test("a reservation weighs more than shares where those would give less", () => {
    const all = portions(config([told(1, { cpu: cpu({ reservationMhz: 3000, shares: 1 }) }), told(2)]), [running(1), running(2)]);
    expect(all["1"]?.shares).toBeCloseTo(3 * (all["2"]?.shares ?? 0), -1);
  });

  test("one of high latency sensitivity weighs four times its claim, and never more than the kernel takes", () => {
    const sharesOf = (latency?: RunningVm["latency"]) => portions(config([told(1)]), [running(1, { latency })])["1"]?.shares ?? 0;
    expect(sharesOf("high") / sharesOf()).toBe(4);
    expect(sharesOf("high")).toBeLessThanOrEqual(262_144);
    expect(sharesOf("low") / sharesOf()).toBe(0.5);
  });

  test("a VM that hostd has not told of yet is one of normal shares", () => {
    const all = portions(config([told(1)]), [running(1), running(2)]);
    expect(all["2"]).toEqual(all["1"]);
  });
});

describe("what a VM wants", () => {
  test.each<[string, Partial<RunningVm>, number]>([
    ["that has just started", {}, 4000],
    ["that uses what it was granted", { used: 0.25, grantedMhz: 500 }, 4000],
    ["that uses half of it", { used: 0.25, grantedMhz: 1000 }, 850],
    ["that could use little of it, and waited for the rest", { used: 0.25, waited: 1.25, grantedMhz: 1000 }, 4000],
    ["that waited for a moment", { used: 0.25, waited: 0.05, grantedMhz: 1000 }, 1000],
    ["that is idle", { used: 0, grantedMhz: 1000 }, 100],
    ["that uses more than it was granted, since it was lent", { used: 1, grantedMhz: 500 }, 4000],
  ])("%s", (_, settings, expected) => {
    expect(demandMhz(running(1, settings), HOST.mhz)).toBe(expected);
  });
});
