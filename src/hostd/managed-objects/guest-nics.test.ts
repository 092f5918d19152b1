import { expect, test } from "vitest";
import type { VirtualDevice } from "../../wire/index.ts";
import { guestNicsOf, mainAddressOf } from "./guest-nics.ts";

const card = (key: number, macAddress: string, deviceName: string, connected: boolean) =>
  ({
    $type: "VirtualVmxnet3",
    key,
    macAddress,
    backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName },
    connectable: { startConnected: true, allowGuestControl: true, connected },
  }) as VirtualDevice;
const devices = [
  card(4000, "00:0C:29:00:00:01", "VM Network", true),
  card(4001, "00:50:56:00:00:02", "", false),
  { $type: "VirtualDisk", key: 2000 } as VirtualDevice,
];
const at = (mac: string, ...addresses: readonly (readonly [string, number])[]) => ({
  mac,
  addresses: addresses.map(([address, prefixLength]) => ({ address, prefixLength })),
});

test("an interface is told with the adapter that it is, its network, and each address with its prefix", () => {
  const nics = [at("00:0c:29:00:00:01", ["192.0.2.7", 24], ["fe80::1", 64]), at("00:50:56:00:00:02")];
  expect(guestNicsOf({ nics }, devices)).toEqual([
    {
      network: "VM Network",
      macAddress: "00:0c:29:00:00:01",
      ipAddress: ["192.0.2.7", "fe80::1"],
      connected: true,
      deviceConfigId: 4000,
      ipConfig: {
        ipAddress: [
          { ipAddress: "192.0.2.7", prefixLength: 24, state: "preferred" },
          { ipAddress: "fe80::1", prefixLength: 64, state: "unknown" },
        ],
      },
    },
    { macAddress: "00:50:56:00:00:02", ipAddress: [], connected: false, deviceConfigId: 4001, ipConfig: { ipAddress: [] } },
  ]);
});

test("a bridge of the guest's is no adapter, whatever address it says, and never the VM's own while an adapter has one", () => {
  const bridge = at("02:42:00:00:00:01", ["172.17.0.1", 16]);
  const found = guestNicsOf({ nics: [bridge, at("00:0c:29:00:00:01", ["fe80::1", 64], ["192.0.2.7", 24])] }, devices);
  expect(found[0]).toMatchObject({ connected: false, deviceConfigId: -1 });
  expect(found[0]).not.toHaveProperty("network");
  expect(mainAddressOf(found)).toBe("192.0.2.7");
  expect(mainAddressOf(found.slice(0, 1))).toBe("172.17.0.1");
  expect(mainAddressOf([])).toBeUndefined();
});
