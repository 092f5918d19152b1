import fc from "fast-check";
import { expect, test } from "vitest";
import { toVmkernel } from "../src/hostd/resources/guarantees.ts";
import { createPool } from "../src/hostd/resources/plan-pools.ts";
import { ROOT_ID } from "../src/hostd/resources/pool-tree.ts";
import { read, vmxOf } from "../src/hostd/vm-config/vm-config.fixture.ts";
import { parseResourceConfig } from "../src/vmkernel/parse-resources.ts";
import { asShape } from "../src/vmkernel/shape.ts";

const memory = { balloonPercentMax: 65, idleTaxPercent: 75, minFreePercent: 0, compressedPercentMax: 10, wipesOnRelease: false };
const told = { pools: [], vms: [], poolOf: () => ROOT_ID, sharedPagesPerSecond: 1024, memory, coreSharing: "any" as const };
/** What vmkernel makes of it, on the other side of the wire. @throws {Fault} InvalidArgument, and then it has learnt nothing */
const take = (what: Partial<Parameters<typeof toVmkernel>[0]>) =>
  parseResourceConfig(asShape(JSON.parse(JSON.stringify(toVmkernel({ ...told, ...what }))), "resources"));

// One VM or one pool that vmkernel would not take would keep it from learning of all others, and them from being powered on.
test("whatever a .vmx that was brought along says of resources, vmkernel takes what it is told, and a client can read it", () => {
  const number = fc.oneof(
    fc.constantFrom("0", "-1", "-5", "unlimited", "low", "high", "nan", "", "2147483647", "2147483648", "9999999999999999", "25149440"),
    fc.nat(2 ** 31).map(String),
  );
  const affinity = fc.oneof(number, fc.constant("all"), fc.array(fc.nat(9999), { minLength: 1, maxLength: 2000 }).map(String));
  const text = fc
    .record({
      memSize: number,
      numvcpus: number,
      ...{ "sched.cpu.min": number, "sched.cpu.max": number, "sched.cpu.shares": number },
      ...{ "sched.mem.min": number, "sched.mem.max": number, "sched.mem.shares": number },
      ...{ "sched.mem.maxmemctl": number, "sched.mem.pin": fc.constantFrom("TRUE", "FALSE", "x") },
      ...{ "sched.cpu.affinity": affinity, "sched.cpu.htsharing": fc.constantFrom("any", "internal", "none", "x") },
    })
    .map((keys) => Object.entries(keys).map(([key, value]) => `${key} = "${value}"\n`));
  fc.assert(
    fc.property(text, (lines) => {
      const vmx = vmxOf(lines.join(""));
      const vm = { id: "7", files: { kind: "readable", vmx, config: read(vmx) } } as never;
      expect(take({ vms: [vm] }).vms).toHaveLength(1);
    }),
  );
});

test("a pool that was admitted is one that vmkernel takes, however absurd its limit", () => {
  const empty = { capacity: { cpuMhz: 4000, memoryMb: 8000 }, pools: [], consumers: [] };
  const amount = fc.oneof(fc.constantFrom(-2, -1, 0, 0.5, 2 ** 31, 2 ** 31 + 1, 2 ** 40, 2 ** 53, 2 ** 63), fc.maxSafeInteger());
  const allocation = fc.oneof(
    fc.record({ limit: amount }),
    fc.record({ reservation: amount }),
    fc.record({ reservation: amount, limit: amount }),
  );
  fc.assert(
    fc.property(fc.constantFrom("cpuAllocation", "memoryAllocation"), allocation, (resource, asked) => {
      const spec = { cpuAllocation: {}, memoryAllocation: {}, [resource]: asked };
      let pools: ReturnType<typeof createPool>["pools"];
      try {
        ({ pools } = createPool(empty, { id: 1, parent: ROOT_ID, name: "a", spec }));
      } catch (error) {
        const { fault, fields } = error as { fault: string; fields: { requested?: number } };
        expect(fault).toMatch(/^(InvalidArgument|Insufficient(Cpu|Memory)ResourcesFault)$/);
        expect(Number.isSafeInteger(fields.requested ?? 0)).toBe(true); // a client could not be told another
        return;
      }
      expect(take({ pools }).pools).toHaveLength(1);
    }),
  );
});
