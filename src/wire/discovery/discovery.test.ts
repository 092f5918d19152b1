import fc from "fast-check";
import { expect, test } from "vitest";
import { cdpFrame, lldpFrame } from "./discovery.fixture.ts";
import { parseCdp } from "./parse-cdp.ts";
import { parseLldp } from "./parse-lldp.ts";

test("a switch is known by what it tells by LLDP", () => {
  expect(parseLldp(lldpFrame())).toEqual({
    chassisId: "02:00:00:00:00:aa",
    portId: "Ethernet1/7",
    timeToLive: 120,
    portDescription: "uplink of esx1",
    systemName: "sw1.example.org",
    systemDescription: "A switch",
    managementAddress: "192.0.2.2",
    vlan: 10,
    mtu: 9216,
  });
});

test("a switch is known by what it tells by CDP", () => {
  expect(parseCdp(cdpFrame())).toEqual({
    version: 2,
    timeToLive: 180,
    deviceId: "sw2.example.org",
    address: "192.0.2.3",
    portId: "GigabitEthernet1/0/7",
    capabilities: 0x29,
    softwareVersion: "Software 15.2",
    platform: "A platform",
    vlan: 20,
    isFullDuplex: true,
    mtu: 1500,
  });
});

test("one protocol's frame is none of the other's, and a tag before it does no harm", () => {
  expect([parseCdp(lldpFrame()), parseLldp(cdpFrame())]).toEqual([undefined, undefined]);
  const tagged = (frame: Buffer) => Buffer.concat([frame.subarray(0, 12), Buffer.from("81000001", "hex"), frame.subarray(12)]);
  expect(parseLldp(tagged(lldpFrame()))?.systemName).toBe("sw1.example.org");
  expect(parseCdp(tagged(cdpFrame()))?.deviceId).toBe("sw2.example.org");
});

test("text of a stranger has no control characters", () => {
  const name = Buffer.from("\u001b[2Jsw\n1");
  const head = Buffer.alloc(2);
  head.writeUInt16BE((5 << 9) | name.length);
  expect(parseLldp(lldpFrame([head, name]))?.systemName).toBe("[2Jsw 1");
});

test("whatever comes and wherever it is cut, it is read or it is not, and nothing is thrown", () => {
  for (const frame of [lldpFrame(), cdpFrame()]) {
    for (let length = 0; length < frame.length; length++) {
      parseLldp(frame.subarray(0, length));
      parseCdp(frame.subarray(0, length));
    }
    const changed = fc.tuple(fc.nat(frame.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(changed, { maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(frame);
        for (const [at, value] of changes) bytes[at] = value;
        parseLldp(bytes);
        parseCdp(bytes);
      }),
    );
  }
});
