import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { type MemoryAllocation, NO_POOLS, type PoolConfig, type ResourceConfig } from "./config.ts";
import { MIB, type SimulatedVm, simulate } from "./memory-load.fixture.ts";
import { minFreeBytes } from "./memory-state.ts";
import { type GuestMemoryUse, overLimit, planMemory, worstCaseMemory } from "./plan-memory.ts";

const cpu = { reservationMhz: 0, shares: 1000 };
const normal: MemoryAllocation = { reservationMiB: 0, shares: 10_000 };
const told = (
  allocations: readonly (MemoryAllocation & { readonly pool?: number })[],
  pools: readonly PoolConfig[] = [],
): ResourceConfig => ({
  ...NO_POOLS,
  pools,
  vms: allocations.map(({ pool, ...memory }, index) => ({
    ...{ vm: String(index + 1) as VmId, vcpus: 1, cpu, memory },
    ...(pool !== undefined && { pool }),
  })),
});
const guest = (id: number, settings: Partial<GuestMemoryUse> = {}): GuestMemoryUse => ({
  ...{ vm: String(id) as VmId, sizeBytes: 1000 * MIB, residentBytes: 1000 * MIB, activeBytes: 1000 * MIB },
  ...{ swappedBytes: 0, balloonedBytes: 0, overheadBytes: 50 * MIB },
  ...settings,
});
const TOTAL = 4096 * MIB; // 246 MiB are to be free
const plan = (config: ResourceConfig, guests: readonly GuestMemoryUse[], freeMiB: number) =>
  planMemory({ config, guests, host: { totalBytes: TOTAL, freeBytes: freeMiB * MIB }, before: "high" });
const targets = (...args: Parameters<typeof plan>) =>
  [...plan(...args).targets.values()].map(({ balloonedBytes, keepBytes }) => ({
    balloon: Math.round(balloonedBytes / MIB),
    ...(keepBytes !== undefined && { keep: Math.round(keepBytes / MIB) }),
  }));

describe("by the state of the host", () => {
  const two = told([normal, normal]);
  test.each<[string, number, readonly object[]]>([
    ["enough is free: nothing is taken", 1000, [{ balloon: 0 }, { balloon: 0 }]],
    ["soft: balloons take what is missing, and nothing is swapped", 146, [{ balloon: 50 }, { balloon: 50 }]],
    [
      "hard: balloons do not grow, a quarter of what is over is swapped",
      46,
      [
        { balloon: 0, keep: 1025 },
        { balloon: 0, keep: 1025 },
      ],
    ],
    [
      "low: all that is over is swapped",
      26,
      [
        { balloon: 0, keep: 940 },
        { balloon: 0, keep: 940 },
      ],
    ],
  ])("%s", (_, freeMiB, expected) => expect(targets(two, [guest(1), guest(2)], freeMiB)).toEqual(expected));

  test("a balloon is let go when there is enough again", () => {
    expect(
      targets(told([normal]), [guest(1, { residentBytes: 600 * MIB, activeBytes: 600 * MIB, balloonedBytes: 400 * MIB })], 3000),
    ).toEqual([{ balloon: 0 }]);
  });
});

describe("who gives", () => {
  test("what is reserved stays, and the other gives all", () => {
    expect(targets(told([{ ...normal, reservationMiB: 1000 }, normal]), [guest(1), guest(2)], 146)).toEqual([
      { balloon: 0 },
      { balloon: 100 },
    ]);
  });

  test("shares decide", () => {
    expect(targets(told([{ ...normal, shares: 20_000 }, normal]), [guest(1), guest(2)], 100)).toEqual([{ balloon: 0 }, { balloon: 146 }]);
  });

  test("of two with equal shares, the idle one pays for its idle pages", () => {
    const [busy, idle] = targets(told([normal, normal]), [guest(1), guest(2, { activeBytes: 100 * MIB })], 146);
    expect([busy?.balloon, idle?.balloon]).toEqual([0, 100]);
  });

  test("the balloon takes no more than its part of the guest's memory", () => {
    const sizes = { sizeBytes: 4000 * MIB, residentBytes: 3900 * MIB, activeBytes: 3900 * MIB };
    expect(
      targets(
        told([
          { ...normal, shares: 1 },
          { ...normal, reservationMiB: 1000 },
        ]),
        [guest(1, sizes), guest(2)],
        100,
      )[0]?.balloon,
    ).toBeLessThanOrEqual(2600);
  });

  test("a VM that bounds its balloon gives no more than that by it, and what a limit takes beyond is swapped", () => {
    const bounded = (config: ResourceConfig) => ({ ...config, vms: config.vms.map((vm) => ({ ...vm, balloonMiBMax: 20 })) });
    expect(targets(bounded(told([normal])), [guest(1)], 46 + 100)[0]).toEqual({ balloon: 20 });
    expect(targets(bounded(told([{ ...normal, limitMiB: 600 }])), [guest(1)], 3000)).toEqual([{ balloon: 20, keep: 650 }]);
  });

  test("a VM that is not told of gives as one of normal shares", () => {
    expect(targets(NO_POOLS, [guest(1), guest(2)], 146)).toEqual([{ balloon: 50 }, { balloon: 50 }]);
  });
});

test("in the worst case, when all want all, shares divide what there is, no less than what is reserved and no more than a limit", () => {
  const config = told([{ ...normal, shares: 30_000 }, normal, { ...normal, reservationMiB: 700 }, { ...normal, limitMiB: 100 }]);
  const worst = worstCaseMemory(config, [guest(1), guest(2), guest(3), guest(4)], 2000 * MIB);
  expect([...worst.values()].map((bytes) => Math.round(bytes / MIB))).toEqual([900, 300, 700, 100]);
});

describe("a limit below the memory", () => {
  const limited = told([{ ...normal, limitMiB: 600 }]);
  test("is kept on an idle host: by the balloon, and by swapping what it does not get", () => {
    expect(targets(limited, [guest(1)], 3000)).toEqual([{ balloon: 400, keep: 650 }]);
  });

  test("holds before the guest has touched anything", () => {
    expect(targets(limited, [guest(1, { residentBytes: 0, activeBytes: 0 })], 3000)).toEqual([{ balloon: 400, keep: 650 }]);
  });

  test("of a pool bounds its members together", () => {
    const pools = [{ id: 7, cpu, memory: { ...normal, limitMiB: 1000 } }];
    const config = told([{ ...normal, pool: 7 }, { ...normal, pool: 7 }, normal], pools);
    expect(targets(config, [guest(1), guest(2), guest(3)], 1000)).toEqual([
      { balloon: 500, keep: 550 },
      { balloon: 500, keep: 550 },
      { balloon: 0 },
    ]);
    const over = overLimit(config, [guest(1), guest(2), guest(3)]);
    expect([...over.values()].map((bytes) => bytes / MIB)).toEqual([500, 500, 0]);
  });
});

describe("over any load", () => {
  const vm = fc.record({
    sizeMiB: fc.integer({ min: 64, max: 2048 }),
    hasDriver: fc.boolean(),
    wantedMiB: fc.array(fc.integer({ min: 0, max: 2048 }), { minLength: 1, maxLength: 40 }),
    reserved: fc.constantFrom(0, 0.25, 0.5, 1),
    limited: fc.option(fc.constantFrom(0.5, 0.8, 1), { nil: undefined }),
    shares: fc.integer({ min: 1, max: 40_000 }),
  });
  type Drawn = SimulatedVm & { reserved: number; limited: number | undefined; shares: number };
  const configOf = (vms: readonly Drawn[]) =>
    told(
      vms.map(({ sizeMiB, reserved, limited, shares }) => ({
        ...{ shares, reservationMiB: sizeMiB * Math.min(reserved, limited ?? 1) },
        ...(limited !== undefined && { limitMiB: sizeMiB * limited }),
      })),
    );
  const reservedBytes = (config: ResourceConfig) => config.vms.map(({ memory }) => memory.reservationMiB * MIB);
  /** What admission lets in: all reservations, what monitors need, and what is to be free. */
  const hostFor = (config: ResourceConfig, vms: readonly Drawn[], part: number) => {
    const needed = reservedBytes(config).reduce((sum, bytes) => sum + bytes, 0) + vms.length * 40 * MIB;
    const wanted = vms.reduce((sum, { sizeMiB }) => sum + sizeMiB * MIB, 0);
    return (needed + part * wanted + 64 * MIB) * 1.12;
  };
  const loads = fc.array(vm, { minLength: 1, maxLength: 6 });

  test("nothing of a reservation is taken, no balloon is larger than it may be, and nothing is swapped before balloons were tried", () => {
    fc.assert(
      fc.property(loads, fc.double({ min: 0, max: 1, noNaN: true }), (vms, part) => {
        const config = configOf(vms);
        const reserved = reservedBytes(config);
        const over = [
          ...overLimit(
            config,
            vms.map(({ sizeMiB }, index) => ({ vm: String(index + 1) as VmId, sizeBytes: sizeMiB * MIB })),
          ).values(),
        ];
        let wasHard = false;
        for (const { plan: now, guests } of simulate(config, vms, hostFor(config, vms, part), 60)) {
          wasHard ||= now.state === "hard" || now.state === "low";
          for (const [index, { vm: id, sizeBytes, swappedBytes, balloonedBytes }] of guests.entries()) {
            const target = now.targets.get(id);
            expect(swappedBytes + balloonedBytes).toBeLessThanOrEqual(sizeBytes - (reserved[index] ?? 0) + 2);
            expect(target?.balloonedBytes).toBeLessThanOrEqual(sizeBytes * 0.65 + 1);
            // Before the host was short, and before balloons were tried, nothing is swapped but what a limit has.
            if (over[index] === 0 && !wasHard) expect([swappedBytes, target?.keepBytes]).toEqual([0, undefined]);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test("whatever guests go on wanting, the host does not stay low of memory", () => {
    fc.assert(
      fc.property(loads, fc.double({ min: 0.05, max: 1, noNaN: true }), (vms, part) => {
        const config = configOf(vms);
        const total = hostFor(config, vms, part);
        const last = simulate(config, vms, total, 120).at(-1);
        expect(last?.freeBytes).toBeGreaterThanOrEqual(0.16 * minFreeBytes(total, 0));
      }),
      { numRuns: 100 },
    );
  });
});
