import { expect, test } from "vitest";
import { defaultAllocation } from "./parse-allocation.ts";
import { furtherDemands } from "./pool-demands.ts";
import { poolRef, ROOT_ID } from "./pool-tree.ts";

const pool = (id: number, parent: number) => ({
  ...{ id, parent, name: `p${id}`, changeVersion: 1, cpu: defaultAllocation("cpu"), memory: defaultAllocation("memory") },
});
const vm = { type: "VirtualMachine", value: "7" };
/** Root, with 1, in which is 2, in which are 3 and the VM. */
const tree = { pools: [pool(1, ROOT_ID), pool(2, 1), pool(3, 2)], vmsIn: (id: number) => (id === 2 ? [vm] : []) };
const asked = (method: string, target: number, args = {}) =>
  furtherDemands(tree, { method, target: poolRef(target), args }).map(({ entity, privilege }) => `${entity.value} ${privilege}`);

test.each<[string, string[], string[]]>([
  ["a pool that goes is asked of at its parent", asked("Destroy_Task", 2), ["pool1 Resource.DeletePool"]],
  ["a pool that moves is asked of where it was", asked("MoveIntoResourcePool", 1, { list: [poolRef(3), vm] }), ["pool2 Resource.MovePool"]],
  [
    "pools that go from another are asked of each, and VMs that come to lie in it",
    asked("DestroyChildren", 1),
    ["pool2 Resource.DeletePool", "pool1 Resource.AssignVMToPool", "7 Resource.AssignVMToPool"],
  ],
  ["where no VM moves, none is asked of", asked("DestroyChildren", 2), ["pool3 Resource.DeletePool"]],
  ["the root pool has no parent", asked("Destroy_Task", ROOT_ID), []],
  ["what changes no place asks no more", asked("UpdateConfig", 1), []],
])("%s", (_, demands, expected) => expect(demands).toEqual(expected));
