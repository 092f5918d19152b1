import { expect, test } from "vitest";
import { ApiDoors } from "./api-doors.ts";
import type { HostNic } from "./network-config.ts";

const nic = (device: string, services: readonly string[], mac = "00:50:56:60:00:01"): HostNic => ({
  device,
  portGroup: "lan",
  mac,
  mtu: 1500,
  ip: [],
  netstack: "defaultTcpipStack",
  services,
});

/** Doors that open, in the order in which they are asked for; "vmk9" has none. */
function doors() {
  const open: string[] = [];
  const log: string[] = [];
  const api = new ApiDoors({
    async open(device) {
      if (device === "vmk9") throw new Error("there is no such interface");
      open.push(device);
      return () => void open.splice(open.indexOf(device), 1);
    },
    log: (line) => log.push(line),
  });
  const follow = async (...hostNics: readonly HostNic[]) => {
    api.follow({ hostNics });
    await new Promise((resolve) => setTimeout(resolve, 0));
    return [...open];
  };
  return { follow, log };
}

test("the API is served on the interfaces that are chosen for management, and on no other", async () => {
  const { follow } = doors();
  expect(await follow(nic("vmk0", ["vmotion"]), nic("vmk1", ["management", "vsan"]))).toEqual(["vmk1"]);
  expect(await follow(nic("vmk0", ["management"]), nic("vmk1", ["management"]))).toEqual(["vmk1", "vmk0"]);
  expect(await follow(nic("vmk0", ["management"]), nic("vmk1", []))).toEqual(["vmk0"]);
  expect(await follow()).toEqual([]);
});

test("an interface that was made anew has its door made anew, and one that only changed keeps it", async () => {
  const { follow } = doors();
  await follow(nic("vmk0", ["management"]), nic("vmk1", ["management"]));
  expect(await follow({ ...nic("vmk0", ["management"]), mtu: 9000 }, nic("vmk1", ["management"]))).toEqual(["vmk0", "vmk1"]);
  expect(await follow(nic("vmk0", ["management"], "00:50:56:60:00:02"), nic("vmk1", ["management"]))).toEqual(["vmk1", "vmk0"]);
});

test("what cannot be served is said, and the others are served", async () => {
  const { follow, log } = doors();
  expect(await follow(nic("vmk9", ["management"]), nic("vmk0", ["management"]))).toEqual(["vmk0"]);
  expect(log).toEqual(["the API is not served on vmk9: there is no such interface"]);
});
