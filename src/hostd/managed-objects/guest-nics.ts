/**
 * A guest's network interfaces as clients read them: which of its VM's adapters each is, and the addresses that it has. Pure.
 * Clients that wait for a VM's address look at `ipConfig` and at `deviceConfigId`. Source: vim25 GuestNicInfo, NetIpConfigInfo.
 */
import { isIPv4 } from "node:net";
import type { GuestState } from "../../vmkernel/index.ts";
import type { GuestNicInfo, VirtualDevice, VirtualEthernetCard } from "../../wire/index.ts";
import { networkOf } from "../network/port-group-users.ts";

/** A bridge or tunnel of the guest's own, which is no adapter of its VM. */
const NO_ADAPTER = -1;

/** @param devices of the VM as it runs */
export function guestNicsOf(
  { nics }: Pick<Extract<GuestState, { tools: "running" }>, "nics">,
  devices: readonly VirtualDevice[],
): readonly GuestNicInfo[] {
  const cards = devices.filter((device): device is VirtualEthernetCard => "macAddress" in device);
  return nics.map(({ mac, addresses }): GuestNicInfo => {
    const card = cards.find(({ macAddress }) => macAddress?.toLowerCase() === mac);
    const network = card && networkOf(card);
    return {
      ...(network !== undefined && { network }),
      ipAddress: addresses.map(({ address }) => address),
      macAddress: mac,
      connected: card?.connectable?.connected === true,
      deviceConfigId: card?.key ?? NO_ADAPTER,
      // Of IPv6 an agent does not tell which are good for what is new; those of IPv4 all are.
      ipConfig: {
        ipAddress: addresses.map(({ address, prefixLength }) => ({
          ipAddress: address,
          prefixLength,
          state: isIPv4(address) ? "preferred" : "unknown",
        })),
      },
    };
  });
}

/** Of IPv4; one of the VM's adapters' where they have any, before those of bridges in the guest. */
export function mainAddressOf(nics: readonly GuestNicInfo[]): string | undefined {
  const ranked = nics.toSorted((one, other) => Number(isOwn(other)) - Number(isOwn(one)));
  return ranked.flatMap(({ ipAddress = [] }) => ipAddress).find((address) => isIPv4(address));
}

function isOwn({ deviceConfigId }: GuestNicInfo): boolean {
  return deviceConfigId !== NO_ADAPTER;
}
