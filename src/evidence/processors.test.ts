import { expect, test } from "vitest";
import { processorClaims } from "./claims/processors.ts";
import { machineWith } from "./machine.fixture.ts";
import type { Observation } from "./observe.ts";

const [apart, noThreads] = processorClaims;
const cpu = (socket: number, core: number, thread = 0) => ({
  "vcpus-count": 1,
  props: { "socket-id": socket, "core-id": core, "thread-id": thread },
});
interface Settings {
  readonly numbers?: readonly number[];
  readonly groups?: readonly string[];
  readonly isToBeApart?: boolean;
  readonly processors?: unknown;
}
const monitor = (vm: string, { numbers = [0, 1], groups = ["0"], isToBeApart = true, processors = [cpu(0, 0)] }: Settings = {}) => ({
  inspection: { description: { vm, name: vm }, machine: machineWith(), isToBeApart, qmp: { processors } },
  processors: { numbers, groups },
});
const observed = (cores: readonly (readonly number[])[], ...monitors: readonly ReturnType<typeof monitor>[]) =>
  ({ cores, monitors, unseen: [] }) as unknown as Observation;
const THREADS = [
  [0, 2],
  [1, 3],
];

test.each<[string, Observation, "pass" | "fail" | "not shown"]>([
  ["a machine without hyperthreads", observed([[0], [1]], monitor("a"), monitor("b")), "pass"],
  ["one VM alone on all threads", observed(THREADS, monitor("a", { numbers: [0, 1, 2, 3] })), "pass"],
  [
    "the first thread of each core for all",
    observed(THREADS, monitor("a", { numbers: [0, 1] }), monitor("b", { numbers: [0, 1] })),
    "pass",
  ],
  ["cores of their own", observed(THREADS, monitor("a", { numbers: [0, 2] }), monitor("b", { numbers: [1, 3] })), "pass"],
  [
    "groups of their own",
    observed(THREADS, monitor("a", { numbers: [0, 2], groups: ["7"] }), monitor("b", { numbers: [0, 2], groups: ["8"] })),
    "pass",
  ],
  [
    "a thread of another's group",
    observed(THREADS, monitor("a", { numbers: [0, 2], groups: ["7", "0"] }), monitor("b", { numbers: [0, 2] })),
    "fail",
  ],
  ["two threads of one core", observed(THREADS, monitor("a", { numbers: [0] }), monitor("b", { numbers: [2] })), "fail"],
  [
    "one that is to be apart, on the core of one that need not be",
    observed(THREADS, monitor("a", { numbers: [0] }), monitor("b", { numbers: [2], isToBeApart: false })),
    "fail",
  ],
  [
    "two that nobody wants apart",
    observed(THREADS, monitor("a", { numbers: [0], isToBeApart: false }), monitor("b", { numbers: [2], isToBeApart: false })),
    "not shown",
  ],
  ["no VM", observed(THREADS), "not shown"],
  ["one that could not be looked at", { ...observed([[0]], monitor("a")), unseen: ["VM 9"] }, "fail"],
])("that VMs are apart on cores: %s is %s", (_, observation, verdict) => {
  expect(apart.judge(observation).verdict).toBe(verdict);
});

test.each<[string, unknown, "pass" | "fail"]>([
  ["a processor a socket", [cpu(0, 0), cpu(1, 0)], "pass"],
  ["a second thread", [cpu(0, 0), cpu(0, 0, 1)], "fail"],
  ["more cores to a socket than are configured", [cpu(0, 0), cpu(0, 1)], "fail"],
  ["a place for two", [{ ...cpu(0, 0), "vcpus-count": 2 }], "fail"],
  ["an answer that is none", null, "fail"],
])("that a guest has cores alone: %s is %s", (_, processors, verdict) => {
  expect(noThreads.judge(observed([[0]], monitor("a", { processors }))).verdict).toBe(verdict);
});
