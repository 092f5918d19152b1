import { expect, test } from "vitest";
import { parseVmx } from "../../wire/index.ts";
import { planSharing, type SaltingPolicy, type Sharing } from "./page-sharing.ts";

const vmx = (...lines: readonly string[]) => parseVmx(lines.join("\n"), "a.vmx");
const SALTED = 'sched.mem.pshare.salt = "tenant-7"';
const EMPTY = 'sched.mem.pshare.salt = ""';
const OFF = 'sched.mem.pshare.enable = "FALSE"';
const alone: Sharing = { kind: "alone" };
const group = (name: string): Sharing => ({ kind: "group", group: name });

test.each<[SaltingPolicy, readonly string[], Sharing]>([
  [2, [], alone],
  [2, [SALTED], group("salt tenant-7")],
  [2, [EMPTY], alone],
  [2, [SALTED, OFF], alone],
  [1, [], group("unsalted")],
  [1, [SALTED], group("salt tenant-7")],
  [1, [EMPTY], alone],
  [0, [], group("everybody")],
  [0, [SALTED], group("everybody")],
  [0, [OFF], alone],
])("under policy %i a VM with %j is %j", (policy, lines, expected) => {
  expect(planSharing({ vmx: vmx(...lines), policy, groups: [] })).toEqual(expected);
});

test("a second group is not shared with while the first one runs, and a VM of the first one joins it", () => {
  const question = { vmx: vmx(SALTED), policy: 2 as const };
  expect(planSharing({ ...question, groups: ["salt tenant-7"] })).toEqual(group("salt tenant-7"));
  const refused = planSharing({ ...question, groups: ["salt other"] });
  expect(refused).toMatchObject({ kind: "notNow", because: expect.stringContaining("another group") });
  expect(JSON.stringify(refused)).not.toContain("salt other"); // who knows another's salt could join it
});
