import { expect, test } from "vitest";
import { occupationOf } from "./occupation.ts";

test.each<[string, Parameters<typeof occupationOf>[0], Parameters<typeof occupationOf>[1], readonly string[]]>([
  ["nothing", [], [], []],
  [
    "VMs that are off or suspended",
    [
      { name: "a", powerState: "poweredOff" },
      { name: "b", powerState: "suspended" },
    ],
    [],
    [],
  ],
  ["a VM that runs", [{ name: "a", powerState: "poweredOn" }], [], ["a"]],
  [
    "a VM that is being started",
    [{ name: "a", powerState: "poweredOff" }],
    [{ name: "PowerOnVM_Task", state: "running" }],
    ["PowerOnVM_Task"],
  ],
  ["a VM that is about to be made", [], [{ name: "CreateVM_Task", state: "queued" }], ["CreateVM_Task"]],
  [
    "what has ended",
    [],
    [
      { name: "CreateVM_Task", state: "success" },
      { name: "PowerOnVM_Task", state: "error" },
    ],
    [],
  ],
  ["what makes no VM", [], [{ name: "SearchDatastore_Task", state: "running" }], []],
])("%s", (_, vms, tasks, left) => expect(occupationOf(vms, tasks)).toEqual(left));
