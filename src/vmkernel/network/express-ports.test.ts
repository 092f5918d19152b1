import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasXdpSums } from "../../system/index.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import { ExpressPorts } from "./express-ports.ts";
import { frame } from "./frames.fixture.ts";
import { TestMachine } from "./machine.fixture.ts";
import { macOf, makeGroup, makeNic, makeSwitch } from "./network.fixture.ts";
import { VirtualNetwork } from "./virtual-network.ts";

describe.skipIf(!hasBpf || !hasXdpSums())("two guests at a switch", () => {
  let machine: TestMachine;
  let express: ExpressPorts;
  let network: VirtualNetwork;
  const log: string[] = [];
  beforeEach(async () => {
    machine = new TestMachine();
    const folder = join(machine.folder, "network");
    const [namespace, tell] = [join(folder, "namespace"), (line: string) => log.push(line)];
    express = new ExpressPorts({ namespace, log: tell, changed: () => void network.followTraffic(), everyMs: 50 });
    network = new VirtualNetwork({
      folder,
      log: tell,
      handsOver: (device) => express.has(device),
      settled: (state) => express.follow(state),
    });
    machine.network = network;
    await network.configure({ switches: [{ ...makeSwitch({ groups: [makeGroup("lan", 0)] }), mtu: 9000 }] });
    await machine.plug("a", makeNic(1, "lan"));
    await machine.plug("b", makeNic(2, "lan"));
  });
  afterEach(async () => {
    express[Symbol.dispose]();
    await machine[Symbol.asyncDispose]();
  });

  const atXdp = () => network.describe().switches.flatMap(({ ports }) => ports.map(({ programs }) => programs.some(({ direction }) => direction === "xdp"))); // biome-ignore format: a list
  /** Sends so many bytes again and again, until the ports are like this. */
  const sendUntil = (bytes: number, expected: readonly boolean[]) =>
    expect
      .poll(
        () => {
          burst(bytes);
          return atXdp();
        },
        { timeout: 5000 },
      )
      .toEqual(expected);
  const burst = (bytes: number) => {
    const sent = frame({ to: macOf(2), from: macOf(1), payload: Buffer.alloc(bytes) });
    for (let count = 0; count < 200; count++) machine.send("a", sent);
    machine.receive();
  };

  test("one has a program at XDP while it sends what is small, and no longer", async () => {
    expect(atXdp()).toEqual([false, false]);
    await sendUntil(60, [true, false]);
    await sendUntil(8000, [false, false]);
    expect(log).toEqual([]);
  });

  test("one that comes after another was unplugged begins without it", async () => {
    await sendUntil(60, [true, false]);
    await network.unplug(makeNic(1, "lan").vm, makeNic(1, "lan").key);
    machine.pull("a");
    await machine.plug("a", makeNic(1, "lan"));
    expect(atXdp()).toEqual([false, false]);
  });
});
