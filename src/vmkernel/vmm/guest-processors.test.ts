import { expect, test } from "vitest";
import { parseProcessors, readGuestProcessors } from "./guest-processors.ts";

const answer = [
  { "cpu-index": 0, "qom-path": "/machine/a", props: { "socket-id": 0, "core-id": 0, "thread-id": 0 } },
  { "cpu-index": 1, "qom-path": "/machine/b", props: { "socket-id": 0, "core-id": 1, "thread-id": 0 } },
];

test("each processor is named by its place and by whether it has NX", async () => {
  const execute = async (command: string, args?: object) =>
    command === "query-cpus-fast" ? answer : (args as { path: string; property: string }).path === "/machine/a";
  expect(await readGuestProcessors(execute)).toEqual([
    { socket: 0, core: 0, thread: 0, nx: true },
    { socket: 0, core: 1, thread: 0, nx: false },
  ]);
});

test.each([[undefined], [{}], [[null]], [[{ "qom-path": "/machine/a" }]], [[{ ...answer[0], "qom-path": 7 }]]])(
  "the answer %j is refused",
  (wrong) => {
    expect(() => parseProcessors(wrong)).toThrow("processor");
  },
);
