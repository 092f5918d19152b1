import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResourceAllocationInfo, ResourceConfigSpec } from "../../wire/index.ts";
import { createPool, destroyChildren, destroyPool, movePools, updatePool, updatePools } from "./plan-pools.ts";
import { type Consumer, findPool, type PoolTree, ROOT_ID } from "./pool-tree.ts";
import { refuseOvercommit, useOf } from "./reservations.ts";

const EMPTY: PoolTree = { capacity: { cpuMhz: 4000, memoryMb: 8000 }, pools: [], consumers: [] };
const specOf = (cpu: ResourceAllocationInfo = {}, memory: ResourceAllocationInfo = {}): ResourceConfigSpec => ({
  cpuAllocation: cpu,
  memoryAllocation: memory,
});
const FIXED = { expandableReservation: false };

/** Pools by their names: "a", and "b in a". */
function treeOf(...rows: readonly [name: string, parent: number, cpu?: ResourceAllocationInfo][]): PoolTree {
  return rows.reduce((tree, [name, parent, cpu], index) => createPool(tree, { id: index + 1, parent, name, spec: specOf(cpu) }), EMPTY);
}
const running = (tree: PoolTree, ...consumers: readonly Consumer[]): PoolTree => ({ ...tree, consumers });
const vm = (pool: number, cpuMhz: number): Consumer => ({ pool, cpuMhz, memoryMb: 0 });
const faultOf = (deed: () => unknown): string => {
  try {
    deed();
    return "none";
  } catch (error) {
    return (error as { fault: string }).fault;
  }
};

describe("what is guaranteed is there", () => {
  test("a pool cannot reserve more than the host has", () => {
    expect(faultOf(() => treeOf(["a", ROOT_ID, { reservation: 4001 }]))).toBe("InsufficientCpuResourcesFault");
    expect(faultOf(() => treeOf(["a", ROOT_ID, { reservation: 3000 }], ["b", ROOT_ID, { reservation: 1001 }]))).toBe(
      "InsufficientCpuResourcesFault",
    );
    expect(faultOf(() => treeOf(["a", ROOT_ID, { reservation: 3000 }], ["b", ROOT_ID, { reservation: 1000 }]))).toBe("none");
  });

  test("a fixed pool gives its members no more than its own, an expandable one asks its parent", () => {
    const fixed = treeOf(["a", ROOT_ID, { reservation: 500, ...FIXED }]);
    expect(refuseOvercommit(fixed, running(fixed, vm(1, 500)))).toBeUndefined();
    expect(refuseOvercommit(fixed, running(fixed, vm(1, 501)))).toMatchObject({
      fault: "InsufficientCpuResourcesFault",
      fields: { unreserved: 500, requested: 501 },
    });
    const expandable = treeOf(["a", ROOT_ID, { reservation: 500 }]);
    expect(refuseOvercommit(expandable, running(expandable, vm(1, 4000)))).toBeUndefined();
    expect(refuseOvercommit(expandable, running(expandable, vm(1, 4001)))).toMatchObject({ fault: "InsufficientCpuResourcesFault" });
  });

  test("a chain of expandable pools stops at the first that is not, and at each limit", () => {
    const stopped = treeOf(["a", ROOT_ID, { reservation: 700, ...FIXED }], ["b in a", 1]);
    expect(useOf(stopped, 2, "cpu").unreserved).toBe(700);
    expect(refuseOvercommit(stopped, running(stopped, vm(2, 701)))).toMatchObject({ fields: { requested: 701 } });
    const limited = treeOf(["a", ROOT_ID], ["b in a", 1, { limit: 300 }]);
    expect(useOf(limited, 2, "cpu").unreserved).toBe(300);
    expect(refuseOvercommit(limited, running(limited, vm(2, 301)))).toBeDefined();
  });

  test("memory is told in bytes", () => {
    const fault = refuseOvercommit(EMPTY, running(EMPTY, { pool: ROOT_ID, cpuMhz: 0, memoryMb: 8001 }));
    expect(fault).toMatchObject({
      fault: "InsufficientMemoryResourcesFault",
      fields: { unreserved: 8000 * 2 ** 20, requested: 8001 * 2 ** 20 },
    });
  });

  test("what was broken before a change does not forbid it, unless it makes it worse", () => {
    const broken = running(EMPTY, vm(ROOT_ID, 5000));
    expect(refuseOvercommit(broken, broken)).toBeUndefined();
    expect(refuseOvercommit(broken, running(broken, vm(ROOT_ID, 5001)))).toBeDefined();
  });
});

describe("a change", () => {
  const tree = treeOf(["a", ROOT_ID, { reservation: 1000 }], ["b", ROOT_ID, { reservation: 1000 }], ["c in a", 1], ["d in c", 3]);

  test("leaves what its spec does not name as it was, and knows the number of a level", () => {
    const spec = specOf({ limit: 2000, shares: { level: "high", shares: 1 } });
    expect(findPool(updatePool(tree, { id: 1, name: undefined, config: spec }), 1)).toMatchObject({
      cpu: { reservation: 1000, limit: 2000, shares: { level: "high", shares: 8000 } },
      memory: { reservation: 0, limit: -1, shares: { level: "normal", shares: 163_840 } },
      changeVersion: 2,
    });
  });

  test.each<[string, ResourceConfigSpec]>([
    ["a negative reservation", specOf({ reservation: -1 })],
    ["a part of a MHz", specOf({ reservation: 0.5 })],
    ["a limit below its reservation", specOf({ limit: 999 })],
    ["a limit of -2", specOf({ limit: -2 })],
    ["an absurd reservation", specOf({ reservation: 2 ** 60 })],
    ["no shares", specOf({ shares: { level: "custom", shares: 0 } })],
    ["scaled shares, which this host has not", { ...specOf(), scaleDescendantsShares: "scaleCpuAndMemoryShares" }],
  ])("to %s is refused", (_, config) => {
    expect(faultOf(() => updatePool(tree, { id: 1, name: undefined, config }))).toBe("InvalidArgument");
  });

  test("from an older configuration is refused", () => {
    expect(faultOf(() => updatePool(tree, { id: 1, name: undefined, config: { ...specOf(), changeVersion: "7" } }))).toBe(
      "ConcurrentAccess",
    );
  });

  test("below what a fixed pool has given is refused, and says what it would have and what it has given", () => {
    const fixed = running(treeOf(["a", ROOT_ID, { reservation: 500, ...FIXED }]), vm(1, 400));
    const shrunk = () => updatePool(fixed, { id: 1, name: undefined, config: specOf({ reservation: 399 }) });
    const fields = { unreserved: 399, requested: 400 };
    expect(shrunk).toThrow(expect.objectContaining({ fault: "InsufficientCpuResourcesFault", fields }));
  });

  test("of several pools at once lets one take what another gives up", () => {
    const full = treeOf(["a", ROOT_ID, { reservation: 4000 }], ["b", ROOT_ID]);
    const swap = [
      { id: 2, name: undefined, config: specOf({ reservation: 4000 }) },
      { id: 1, name: undefined, config: specOf({ reservation: 0 }) },
    ];
    expect(findPool(updatePools(full, swap), 2)?.cpu.reservation).toBe(4000);
  });

  test("of the root pool is not supported", () => {
    expect(faultOf(() => updatePool(tree, { id: ROOT_ID, name: "mine", config: undefined }))).toBe("NotSupported");
    expect(faultOf(() => destroyPool(tree, ROOT_ID))).toBe("NotSupported");
  });

  test("to a name that a sibling has is refused; another pool may have a child of that name", () => {
    expect(faultOf(() => updatePool(tree, { id: 1, name: "b", config: undefined }))).toBe("DuplicateName");
    expect(faultOf(() => createPool(tree, { id: 9, parent: 2, name: "a", spec: specOf() }))).toBe("none");
    expect(faultOf(() => createPool(tree, { id: 9, parent: 2, name: "  ", spec: specOf() }))).toBe("InvalidName");
  });

  test("of place into itself, or into what lies in it, is refused", () => {
    expect(faultOf(() => movePools(tree, { ids: [1], to: 1 }))).toBe("InvalidArgument");
    expect(faultOf(() => movePools(tree, { ids: [1], to: 4 }))).toBe("InvalidArgument");
    expect(findPool(movePools(tree, { ids: [3], to: 2 }), 3)?.parent).toBe(2);
  });

  test("that would lie deeper than eight pools is refused", () => {
    const chain = (length: number) => treeOf(...Array.from({ length }, (_, index) => [`p${index}`, index] as [string, number]));
    expect(faultOf(() => chain(8))).toBe("none");
    expect(faultOf(() => chain(9))).toBe("InvalidResourcePoolStructureFault");
  });

  test("that takes a pool away leaves what was in it with its parent", () => {
    const after = destroyPool(running(tree, vm(3, 100)), 3);
    expect(findPool(after, 4)?.parent).toBe(1);
    expect(after.consumers).toEqual([vm(1, 100)]);
    const matryoshka = treeOf(["a", ROOT_ID], ["a", 1], ["b", ROOT_ID], ["b in a", 1]);
    expect(destroyPool(matryoshka, 1).pools.map(({ id, parent }) => [id, parent])).toEqual([2, 3, 4].map((id) => [id, ROOT_ID]));
    const emptied = destroyChildren(running(tree, vm(4, 100)), ROOT_ID);
    expect(emptied).toMatchObject({ pools: [], consumers: [vm(ROOT_ID, 100)] });
  });
});

test("of any tree that was made step by step, no pool guarantees more than it can", () => {
  const step = fc.record({
    parent: fc.nat(6),
    reservation: fc.nat(3000),
    over: fc.option(fc.nat(3000)),
    expandableReservation: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 8 }),
      fc.array(fc.record({ pool: fc.nat(8), cpuMhz: fc.nat(2000) }), { maxLength: 6 }),
      (steps, vms) => {
        let tree = EMPTY;
        for (const [index, { parent, reservation, over, expandableReservation }] of steps.entries()) {
          const cpu = { reservation, expandableReservation, limit: over === null ? -1 : reservation + over };
          try {
            tree = createPool(tree, { id: index + 1, parent: findPool(tree, parent)?.id ?? ROOT_ID, name: `p${index}`, spec: specOf(cpu) });
          } catch {} // refused: as it was
        }
        for (const { pool, cpuMhz } of vms) {
          const next = { ...tree, consumers: [...tree.consumers, vm(findPool(tree, pool)?.id ?? ROOT_ID, cpuMhz)] };
          const unreserved = useOf(tree, findPool(tree, pool)?.id ?? ROOT_ID, "cpu").unreserved;
          const refusal = refuseOvercommit(tree, next);
          expect(refusal === undefined).toBe(cpuMhz <= unreserved); // what it says it can give is what it gives
          if (refusal === undefined) tree = next;
        }
        expect(useOf(tree, ROOT_ID, "cpu").used).toBeLessThanOrEqual(tree.capacity.cpuMhz);
        for (const { id, cpu } of tree.pools) {
          const { used } = useOf(tree, id, "cpu");
          expect(used).toBeLessThanOrEqual(cpu.expandable ? (cpu.limit === -1 ? tree.capacity.cpuMhz : cpu.limit) : cpu.reservation);
        }
      },
    ),
  );
});
