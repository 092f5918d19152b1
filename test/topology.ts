/** Five real guests on two virtual switches and three VLANs, made through the API, and what they tell of whom they reach. */
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { VmkernelClient } from "../src/vmkernel/index.ts";
import type { MoRef, VirtualMachineConfigSpec } from "../src/wire/index.ts";
import { installGuestImage, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, succeeded } from "./vm.ts";

const NETWORK = moRef("HostNetworkSystem", "networkSystem");
const GUEST_MS = 280_000;
const login = { user: "root", password: "Guest-Root-1" };

export interface Guest {
  readonly name: string;
  readonly vm: MoRef<"VirtualMachine">;
  /** The last byte of its address, 10.0.0.n. */
  readonly number: number;
}

/** Port groups, with the switch and the VLAN of each. "red" and "far-red" have one number on two switches. */
export const PORT_GROUPS = {
  red: { vswitchName: "vSwitch0", vlanId: 10 },
  "host-red": { vswitchName: "vSwitch0", vlanId: 10 },
  blue: { vswitchName: "vSwitch0", vlanId: 20 },
  "far-red": { vswitchName: "vSwitch1", vlanId: 10 },
  "far-green": { vswitchName: "vSwitch1", vlanId: 30 },
} as const;

export async function makeSwitches(client: VimClient): Promise<void> {
  await client.call(NETWORK, "AddVirtualSwitch", { vswitchName: "vSwitch1", spec: { numPorts: 128 } });
  for (const [name, { vswitchName, vlanId }] of Object.entries(PORT_GROUPS))
    await client.call(NETWORK, "AddPortGroup", { portgrp: { name, vlanId, vswitchName, policy: {} } });
}

/** An interface of the host's own, with the address 10.0.0.n. @returns its device */
export async function addHostNic(client: VimClient, portgroup: string, number: number): Promise<string> {
  const ip = { dhcp: false, ipAddress: `10.0.0.${number}`, subnetMask: "255.255.255.0" };
  return await client.call(NETWORK, "AddVirtualNic", { portgroup, nic: { ip } });
}

/** Powers it on; it boots meanwhile. */
export async function startGuest(host: TestHost, client: VimClient, number: number, portGroup: string): Promise<Guest> {
  const name = `guest${number}`;
  const vm = await createVm(client, onNetwork(bootableSpec(name, await installGuestImage(host, `${name}-boot`)), portGroup));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  return { name, vm, number };
}

function onNetwork(spec: VirtualMachineConfigSpec, deviceName: string): VirtualMachineConfigSpec {
  const deviceChange = (spec.deviceChange ?? []).map((change) =>
    change.device.$type === "VirtualVmxnet3" ? { ...change, device: { ...change.device, backing: backing(deviceName) } } : change,
  );
  return { ...spec, deviceChange };
}

const backing = (deviceName: string) => ({ $type: "VirtualEthernetCardNetworkBackingInfo", deviceName });

/** Edits a running VM's adapter. */
export async function replug(client: VimClient, { vm }: Guest, portGroup: string, connected = true): Promise<void> {
  const device = {
    $type: "VirtualVmxnet3",
    key: 4000,
    backing: backing(portGroup),
    connectable: { startConnected: connected, allowGuestControl: true, connected },
  };
  const spec = { deviceChange: [{ operation: "edit" as const, device: device as never }] };
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec }));
}

/** Runs a script as root of the guest. @returns what it writes */
export async function inGuest(vmkernel: VmkernelClient, { vm }: Guest, script: string): Promise<string> {
  const { output } = await vmkernel.request({ kind: "runInGuest", vm: vm.value as never, login, script });
  return Buffer.from(output, "base64").toString();
}

/** Waits until the guest is up, and gives it its address. */
export async function setUp(vmkernel: VmkernelClient, guest: Guest): Promise<void> {
  // Its agent is not asked for more than that before it is up: each program in a guest that boots is one more that it waits for.
  const isUp = async () => {
    const monitors = await vmkernel.request({ kind: "listMonitors" });
    return monitors.some(({ vm, guest: { tools } }) => vm === guest.vm.value && tools === "running");
  };
  await waitFor(isUp, GUEST_MS, 300);
  await inGuest(vmkernel, guest, `ip link set eth0 up; ip addr add 10.0.0.${guest.number}/24 dev eth0`);
}

/** Whom it reaches by ARP and ping, of those numbers. */
export async function reachedBy(vmkernel: VmkernelClient, guest: Guest, numbers: readonly number[]): Promise<readonly number[]> {
  const others = numbers.filter((number) => number !== guest.number);
  // What was known of neighbours before is forgotten: who is found is found now.
  const script = `ip neigh flush dev eth0 > /dev/null 2>&1
for n in ${others.join(" ")}; do ping -c 2 -W 2 10.0.0.$n > /dev/null && echo $n & done
wait`;
  return (await inGuest(vmkernel, guest, script)).split(/\s+/).filter(Boolean).map(Number).sort();
}
