import { expect, test } from "vitest";
import { cdpFrame, lldpFrame } from "../../wire/discovery/discovery.fixture.ts";
import { parseCdp, parseLldp } from "../../wire/index.ts";
import { showHint } from "./show-hints.ts";

test("a client sees whom an adapter is connected to", () => {
  const [cdp, lldp] = [parseCdp(cdpFrame()), parseLldp(lldpFrame())];
  if (cdp === undefined || lldp === undefined) throw new Error("the frames are read");
  expect(showHint("vmnic0", { cdp, untilMs: 0 })).toMatchObject({
    device: "vmnic0",
    connectedSwitchPort: {
      devId: "sw2.example.org",
      portId: "GigabitEthernet1/0/7",
      vlan: 20,
      fullDuplex: true,
      deviceCapability: { router: true, networkSwitch: true, igmpEnabled: true, host: false, transparentBridge: false },
    },
  });
  const { lldpInfo } = showHint("vmnic0", { lldp, untilMs: 0 });
  expect(lldpInfo).toMatchObject({ chassisId: "02:00:00:00:00:aa", portId: "Ethernet1/7", timeToLive: 120 });
  expect(lldpInfo?.parameter?.map(({ key, value }) => [key, value.value])).toEqual([
    ["Port Description", "uplink of esx1"],
    ["System Name", "sw1.example.org"],
    ["System Description", "A switch"],
    ["Management Address", "192.0.2.2"],
    ["Vlan ID", 10],
    ["MTU", 9216],
  ]);
  expect(showHint("vmnic0", undefined)).toEqual({ device: "vmnic0" });
});
