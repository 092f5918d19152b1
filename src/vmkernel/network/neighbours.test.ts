import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cdpFrame, lldpFrame } from "../../wire/discovery/discovery.fixture.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import { frame } from "./frames.fixture.ts";
import { TestMachine } from "./machine.fixture.ts";
import { Neighbours } from "./neighbours.ts";
import { macOf, makeGroup, makeNic, makeSwitch } from "./network.fixture.ts";

describe.skipIf(!hasBpf)("at real uplinks", () => {
  let machine: TestMachine;
  let neighbours: Neighbours;
  const log: string[] = [];
  beforeEach(() => {
    machine = new TestMachine(["up0", "up1"]);
    neighbours = new Neighbours({
      namespace: join(machine.folder, "network", "namespace"),
      log: (line) => log.push(line),
    });
  });
  afterEach(async () => {
    neighbours[Symbol.dispose]();
    await machine[Symbol.asyncDispose]();
  });

  const configure = async (discovery: "cdp" | "lldp" | undefined, uplinks = ["up0"]) => {
    const one = { ...makeSwitch({ groups: [makeGroup("lan", 0)], uplinks }), ...(discovery && { discovery }) };
    await machine.network.configure({ switches: [one] });
    neighbours.follow(machine.network.config);
  };
  /** Sends until it is heard: sockets are opened when they are next looked after. */
  const heard = (bytes: Buffer, by = "up0") =>
    expect.poll(
      () => {
        machine.send(by, bytes);
        const told = neighbours.of(by);
        return told && [told.protocol, Buffer.from(told.frame, "base64").equals(bytes)];
      },
      { timeout: 5000, interval: 100 },
    );

  test("what a switch tells by the protocol that is listened to is there as it was sent, and by no other", async () => {
    await configure("lldp");
    await heard(lldpFrame()).toEqual(["lldp", true]);
    await configure("cdp");
    await heard(cdpFrame()).toEqual(["cdp", true]);
    machine.send("up0", lldpFrame());
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(neighbours.of("up0")?.protocol).toBe("cdp");
    expect(log).toEqual([]);
  });

  test("an uplink that the switch gives up is not listened to, nor is one where nothing shall be; frames go on as before", async () => {
    await configure("lldp");
    await machine.plug("a", makeNic(1, "lan"));
    await heard(lldpFrame()).toEqual(["lldp", true]);
    const stranger = frame({ from: macOf(1), to: "02:00:00:00:00:99" });
    expect(machine.reach("a", stranger)).toBe("up0");
    expect(machine.reach("up0", lldpFrame())).toBe("a"); // a group's frame, as any other
    await configure("lldp", ["up1"]);
    await heard(lldpFrame(), "up1").toEqual(["lldp", true]);
    expect(neighbours.of("up0")).toBeUndefined();
    await configure(undefined, ["up1"]);
    await expect.poll(() => neighbours.of("up1"), { timeout: 5000 }).toBeUndefined();
  });
});
