import { expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { SharingGroups } from "./sharing-groups.ts";

const of = (vm: string, group?: string) => ({ vm: vm as VmId, group });
const refused = expect.objectContaining({ fault: "InvalidState" });

test("beside a VM that runs, one of its own group starts, one of another does not, and one that shares nothing does", () => {
  const groups = new SharingGroups();
  expect(() => groups.claim(of("2", "salt b"), [of("1", "salt a")])).toThrow(refused);
  using _same = groups.claim(of("3", "salt a"), [of("1", "salt a")]);
  using _alone = groups.claim(of("4"), [of("1", "salt a")]);
});

// Their monitors are not there yet, and both would be offered to the kernel, which knows no groups.
test("two of different groups do not start at the same time, and the second may once the first has failed", () => {
  const groups = new SharingGroups();
  const first = groups.claim(of("1", "salt a"), []);
  expect(() => groups.claim(of("2", "salt b"), [])).toThrow(refused);
  first[Symbol.dispose]();
  using _second = groups.claim(of("2", "salt b"), []);
  expect(() => groups.claim(of("1", "salt a"), [])).toThrow(refused);
});
