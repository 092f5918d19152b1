import { expect, test } from "vitest";
import { readVmx, type VirtualDevice } from "../../wire/index.ts";
import { machineSpecOf } from "./machine-spec.ts";
import { add, create, deviceByKey, edit, nic, place, reconfigure, refusal, vm, vmxOf } from "./vm-config.fixture.ts";

const start = (...lines: readonly string[]) => {
  const card = ['memsize = "64"', 'ethernet0.present = "TRUE"', 'ethernet0.virtualDev = "vmxnet3"'];
  return machineSpecOf(vmxOf([...card, ...lines].join("\n")), { ...place, vm });
};

test.each([
  ["a filter that nothing is to pass without", "ethernet0.filter4.name", ["NSX"], ["ethernet0.filter4.onFailure", "failClosed"]],
  ["a filter that does not say what is to pass without it", "ethernet0.filter0.name", ["x"], undefined],
  ["a limit", "ethernet0.limit", ["100"], undefined],
  ["a reservation", "ethernet0.reservation", ["50"], undefined],
])("an adapter that is promised %s starts no VM without it, which is told by the key", (_, key, [value], also) => {
  const lines = [`${key} = "${value}"`, ...(also === undefined ? [] : [`${also[0]} = "${also[1]}"`])];
  const refused = refusal(() => start(...lines));
  expect([refused.fault, refused.fields]).toEqual(["InvalidVmConfig", { property: key }]);
  expect(refused.message).toContain(key);
});

test.each([
  ["a filter that may be missing", 'ethernet0.filter0.name = "x"', 'ethernet0.filter0.onFailure = "FailOpen"'],
  ["a filter without a name", 'ethernet0.filter0.name = ""', 'ethernet0.filter0.onFailure = "failClosed"'],
  ["a filter of an adapter that is not there", 'ethernet1.filter0.name = "x"', ""],
  ["a filter of the tenth adapter, which is not there either", 'ethernet01.filter0.name = "x"', ""],
  ["no limit, in words", 'ethernet0.limit = "unlimited"', 'ethernet0.reservation = "0"'],
])("%s holds no VM back", (_, ...lines) => {
  expect(start(...lines).devices).toContainEqual(expect.objectContaining({ kind: "nic", key: 4000 }));
});

const allocation = (changes: object) => ({
  resourceAllocation: {
    $type: "VirtualEthernetCardResourceAllocation",
    reservation: 0,
    share: { $type: "SharesInfo", shares: 50, level: "normal" },
    limit: -1,
    ...changes,
  },
});

test.each([
  ["a limit", { limit: 100 }],
  ["a reservation", { reservation: 10 }],
  ["high shares", { share: { $type: "SharesInfo", shares: 0, level: "high" } }],
])("a client that asks for %s of an adapter is refused by name, for nothing would keep it", (_, changes) => {
  const asked = add(nic(-1, allocation(changes)));
  expect(refusal(() => create({ deviceChange: [asked] })).fault).toBe("DeviceNotSupported");
});

test("the allocation that every client says is taken, and what another host's .vmx has can be said again", () => {
  const { vmx } = create({ deviceChange: [add(nic(-1, allocation({})))] });
  expect(readVmx(vmx, "ethernet0.shares")).toBeUndefined();
  const carried = vmxOf('memsize = "64"\nethernet0.present = "TRUE"\nethernet0.virtualDev = "vmxnet3"\nethernet0.shares = "high"');
  const card = deviceByKey(carried, 4000) as VirtualDevice;
  const again = reconfigure(carried, { deviceChange: [edit({ ...card, wakeOnLanEnabled: false } as VirtualDevice)] }).vmx;
  expect(readVmx(again, "ethernet0.shares")).toBe("high");
});
