import { afterEach, expect, test } from "vitest";
import { findProcess, startConfined } from "../system/index.ts";
import { planRestart, Service } from "./service.ts";

const services: Service<number>[] = [];
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop(0)));
});

async function start(script: string) {
  const lines: string[] = [];
  const { service, ready } = await Service.start({
    name: "sleeper",
    program: "/usr/bin/dash",
    launch: (log) => startConfined({ argv: ["/bin/sh", "-c", script], descriptors: [], log, stdin: "lifeline", cgroup: undefined }),
    readReady: (line) => (/^ready \d+$/.test(line) ? Number(line.slice(6)) : undefined),
    log: (line) => lines.push(line),
    onChange: () => {},
  });
  services.push(service);
  return { service, ready, lines };
}
const UNTIL_LET_GO = 'echo "ready $$"; read -r _; echo bye';

test("a service is up when it says so, and ends when its lifeline is closed", async () => {
  const { service, ready, lines } = await start(UNTIL_LET_GO);
  expect(service.pid).toBe(ready);
  await service.stop(5000);
  expect(findProcess(ready)).toBeUndefined();
  await expect.poll(() => lines).toEqual(["bye"]);
});

test("a service that is killed comes back as another process", async () => {
  const { service, ready } = await start(UNTIL_LET_GO);
  process.kill(ready, "SIGKILL");
  await expect.poll(() => service.pid !== undefined && service.pid !== ready).toBe(true);
});

test("a service that does not end when it is let go is ended, with what it started", async () => {
  const { service, ready } = await start('trap "" TERM; sleep 1000 & echo "ready $!"; while :; do sleep 1; done');
  const { pid } = service;
  await service.stop(100);
  expect(findProcess(ready)).toBeUndefined();
  expect(pid === undefined ? undefined : findProcess(pid)).toBeUndefined();
});

test("one that ends before it is ready is not started again, and its last words are told", async () => {
  await expect(start("echo one thing is missing >&2; exit 1")).rejects.toThrow(
    /sleeper ended before it was ready\n {2}one thing is missing/,
  );
});

test("a service that keeps failing is tried ever more rarely, but for ever", () => {
  expect([0, 1, 2, 6, 7, 1000].map(planRestart)).toEqual([100, 200, 400, 6400, 10_000, 10_000]);
});
