import { expect, test } from "vitest";
import { cdpFrame, lldpFrame } from "../../wire/discovery/discovery.fixture.ts";
import { showHint } from "./show-hints.ts";

test("a client sees whom an adapter is connected to", () => {
  const heard = (protocol: "cdp" | "lldp", frame: Buffer) => ({ protocol, frame: frame.toString("base64"), heardAtMs: 1000 });
  const [cdp, lldp] = [heard("cdp", cdpFrame()), heard("lldp", lldpFrame())];
  expect(showHint("vmnic0", cdp, 1000)).toMatchObject({
    device: "vmnic0",
    connectedSwitchPort: {
      devId: "sw2.example.org",
      portId: "GigabitEthernet1/0/7",
      vlan: 20,
      fullDuplex: true,
      deviceCapability: { router: true, networkSwitch: true, igmpEnabled: true, host: false, transparentBridge: false },
    },
  });
  const { lldpInfo } = showHint("vmnic0", lldp, 1000);
  expect(lldpInfo).toMatchObject({ chassisId: "02:00:00:00:00:aa", portId: "Ethernet1/7", timeToLive: 120 });
  expect(lldpInfo?.parameter?.map(({ key, value }) => [key, value.value])).toEqual([
    ["Port Description", "uplink of esx1"],
    ["System Name", "sw1.example.org"],
    ["System Description", "A switch"],
    ["Management Address", "192.0.2.2"],
    ["Vlan ID", 10],
    ["MTU", 9216],
  ]);
  const nothing = { device: "vmnic0" };
  expect(showHint("vmnic0", undefined, 0)).toEqual(nothing);
  expect(showHint("vmnic0", lldp, 1000 + 120_000)).toEqual(nothing); // it is good no more
  expect(showHint("vmnic0", heard("cdp", lldpFrame()), 1000)).toEqual(nothing);
});
