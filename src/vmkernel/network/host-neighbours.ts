/** Who else is on the networks of the host's own interfaces, as the kernel of each netstack has found out. vim25 has no words for it. */
import { inNamespace, listIpNeighbours, listLinks, type NeighbourState } from "../../system/index.ts";
import { HOST_DEVICE } from "./host-nic.ts";
import { netstackNamespace, netstacksIn } from "./host-nics.ts";

export interface HostNeighbour {
  /** The interface: "vmk0". */
  readonly device: string;
  readonly address: string;
  /** Absent while nobody has answered. */
  readonly mac?: string;
  readonly state: NeighbourState;
  readonly isRouter: boolean;
}

/** Groups have members, and no neighbours. */
const GROUP = /^(22[4-9]|23\d|ff)|^255\.255\.255\.255$/;
/** Of all netstacks: whoever is on the network can make the kernel know as many. */
const NEIGHBOURS_MAX = 4096;

/** @param folder the network's */
export function listHostNeighbours(folder: string): readonly HostNeighbour[] {
  const found = netstacksIn(folder).flatMap((netstack) =>
    inNamespace(netstackNamespace(folder, netstack), () => {
      const devices = new Map(listLinks().map(({ index, name }) => [index, name]));
      return listIpNeighbours().map(({ index, ...neighbour }) => ({ device: devices.get(index) ?? "", ...neighbour }));
    }),
  );
  return found.filter(({ device, address }) => HOST_DEVICE.test(device) && !GROUP.test(address)).slice(0, NEIGHBOURS_MAX);
}
