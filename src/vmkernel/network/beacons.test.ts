import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Beacons } from "./beacons.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import { frame } from "./frames.fixture.ts";
import { TestMachine } from "./machine.fixture.ts";
import { macOf, makeGroup, makeNic, makeSwitch } from "./network.fixture.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const EVERY_MS = 60;
const UPLINKS = ["up0", "up1", "up2"];

/** Three taps are the cables; this test is the switch outside, which sends what comes by one to the others. */
describe.skipIf(!hasBpf)("three uplinks on one network outside", () => {
  let machine: TestMachine;
  let beacons: Beacons;
  let network: VirtualNetwork;
  let outside: NodeJS.Timeout;
  let cut: string | undefined;
  const log: string[] = [];
  beforeEach(() => {
    cut = undefined;
    machine = new TestMachine(UPLINKS);
    const folder = join(machine.folder, "network");
    beacons = new Beacons({
      namespace: join(folder, "namespace"),
      log: (line) => log.push(line),
      changed: () => void network.followTraffic(),
      everyMs: EVERY_MS,
    });
    network = new VirtualNetwork({
      folder,
      log: (line) => log.push(line),
      isLost: (device) => beacons.isLost(device),
      settled: ({ config }) => beacons.follow(config),
    });
    machine.network = network;
    outside = setInterval(() => {
      for (const { port, frame: sent } of machine.receive()) {
        if (port === cut || !UPLINKS.includes(port)) continue;
        for (const other of UPLINKS) if (other !== port && other !== cut) machine.send(other, sent);
      }
    }, 5);
  });
  afterEach(async () => {
    clearInterval(outside);
    beacons[Symbol.dispose]();
    await machine[Symbol.asyncDispose]();
  });

  const configure = (checkBeacon: boolean) =>
    network.configure({
      switches: [
        makeSwitch({
          groups: [makeGroup("lan", 0)],
          uplinks: UPLINKS,
          teaming: { policy: "failover_explicit", active: ["up0"], standby: ["up1", "up2"], notifySwitches: false, checkBeacon },
        }),
      ],
    });
  /** By which the guest's frame leaves. */
  const leavesBy = (): string => {
    clearInterval(outside);
    const port = machine.reach("a", frame({ from: macOf(1), to: "02:00:00:00:00:99" }));
    return port;
  };

  test("a cable that leads nowhere although it has a link is left for another, by teams that go by beacons", async () => {
    await configure(true);
    await machine.plug("a", makeNic(1, "lan"));
    await new Promise((resolve) => setTimeout(resolve, 8 * EVERY_MS));
    expect(UPLINKS.filter((device) => beacons.isLost(device))).toEqual([]);
    cut = "up0";
    await expect.poll(() => beacons.isLost("up0"), { timeout: 10_000, interval: 20 }).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(leavesBy()).toBe("up1");
    expect(log).toEqual([]);
  });

  test("a team that goes by links stays where its link is", async () => {
    await configure(false);
    await machine.plug("a", makeNic(1, "lan"));
    cut = "up0";
    await new Promise((resolve) => setTimeout(resolve, 8 * EVERY_MS));
    expect([beacons.isLost("up0"), leavesBy()]).toEqual([false, "up0"]);
  });
});
