/** Which VMs name which networks, and what is connected to them. Pure. */
import type { NetworkDescription } from "../../vmkernel/index.ts";
import type { VirtualDevice, VirtualEthernetCardNetworkBackingInfo, VirtualMachineConfigInfo } from "../../wire/index.ts";
import { networkRef } from "../inventory-tree.ts";
import type { Vm } from "../vm.ts";

/** The network that a device names; undefined for what is no adapter, and for an adapter that names none. */
export function networkOf({ backing }: VirtualDevice): string | undefined {
  if (backing?.$type !== "VirtualEthernetCardNetworkBackingInfo") return undefined;
  const { deviceName } = backing as VirtualEthernetCardNetworkBackingInfo;
  return deviceName === "" ? undefined : deviceName;
}

export function networksOf({ hardware }: Pick<VirtualMachineConfigInfo, "hardware">): ReadonlySet<string> {
  return new Set((hardware.device ?? []).flatMap((device) => networkOf(device) ?? []));
}

/** The networks that a VM's adapters name, whether or not the host has them. */
export function networksOfVm({ files }: Pick<Vm, "files">): ReadonlySet<string> {
  return files.kind === "readable" ? networksOf(files.config) : new Set();
}

/** Port groups that powered-on VMs are connected to: what the kernel has, and what VMs that run are configured with. */
export function usersOf(vms: readonly Vm[], { switches }: NetworkDescription): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const vm of vms.filter(({ monitor }) => monitor !== undefined)) {
    for (const name of networksOfVm(vm)) users.set(name, `the powered-on virtual machine ${vm.name}`);
  }
  for (const { portGroup, connectee } of switches.flatMap(({ ports }) => ports)) {
    if (portGroup === undefined || users.has(portGroup)) continue;
    if (connectee.kind === "virtualMachine") users.set(portGroup, `the powered-on virtual machine ${connectee.vm}`);
  }
  return users;
}

/** The configuration with the object of each network that an adapter names, where the host has it. */
export function withNetworks(config: VirtualMachineConfigInfo, isThere: (name: string) => boolean): VirtualMachineConfigInfo {
  const device = config.hardware.device?.map((one): VirtualDevice => {
    const name = networkOf(one);
    if (name === undefined || one.backing === undefined || !isThere(name)) return one;
    const backing: VirtualEthernetCardNetworkBackingInfo = {
      ...(one.backing as VirtualEthernetCardNetworkBackingInfo),
      network: networkRef(name),
    };
    return { ...one, backing };
  });
  return { ...config, hardware: { ...config.hardware, ...(device && { device }) } };
}
