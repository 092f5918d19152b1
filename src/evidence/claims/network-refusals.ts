/**
 * What ports of virtual switches refuse, tried on the programs that are in the kernel. Pure.
 * Paper «Virtual Ports», «Virtual Switch VLANs», «Virtual Switch Correctness».
 */
import { type PortDescription, VGT_ID } from "../../vmkernel/index.ts";
import type { Claim, Look } from "../claim.ts";
import type { CompiledForLink, ObservedNetwork, ObservedPort } from "../observe-network.ts";
import { ofNetwork, portOf } from "./network-look.ts";

/** «A virtual port can ignore any requests … that would violate the layer 2 security policy in effect for the port.» */
const refusedComesOutNowhere = ofNetwork(
  "Virtual Ports",
  "What a port is to refuse comes out nowhere: a frame from another's address, with a tag where none may be, with a priority tag, with two tags.",
  (network) =>
    network.ports
      .filter(({ hostile }) => hostile.length > 0)
      .map(({ link, hostile }) => {
        const escaped = hostile.filter(({ cameOutAt }) => cameOutAt !== undefined);
        const shown = escaped.map(
          ({ kind, to, cameOutAt }) => `; a frame with ${kind}, for ${to}, came out at ${nameOf(network, cameOutAt)}`,
        );
        const kinds = [...new Set(hostile.map(({ kind }) => kind))].join(", ");
        return { fact: `${link}: ${hostile.length} frames refused, with ${kinds}${shown.join("")}`, holds: escaped.length === 0 };
      }),
);

/** «It also ensures that frames on one VLAN do not leak into another VLAN.» «… nor from uplink to uplink.» */
const wireReachesItsVlan = ofNetwork(
  "Virtual Switch VLANs",
  "A frame from the wire reaches a port of its own VLAN that has its address, and never another uplink.",
  (network) => {
    const uplinks = network.ports.filter(({ fromWire }) => fromWire.length > 0);
    if (uplinks.length === 0 && network.ports.length > 0)
      return [{ fact: "no switch with ports has an uplink by which frames come", holds: true }];
    return uplinks.map(({ link, fromWire }) => {
      const arrived = fromWire.filter(({ cameOutAt }) => cameOutAt !== undefined);
      const wrong = arrived.filter((one) => !isMeant(network, one));
      const shown = wrong.map(({ to, vlan, cameOutAt }) => `; one of VLAN ${vlan} for ${to} came out at ${nameOf(network, cameOutAt)}`);
      const fact = `${link}: of ${fromWire.length} frames, for each port in each VLAN, ${arrived.length} arrive${shown.join("")}`;
      return { fact, holds: wrong.length === 0 };
    });
  },
);

function isMeant(network: ObservedNetwork, { to, vlan, cameOutAt }: ObservedPort["fromWire"][number]): boolean {
  const [meant, found] = [to, nameOf(network, cameOutAt)].map((link) => portOf(network, link));
  if (meant === undefined || found === undefined || found.connectee.kind === "uplink") return false;
  return found.effectiveMac === meant.effectiveMac && (found.vlanId === vlan || found.vlanId === VGT_ID);
}

/** As `docs/networking.md` promises: 10,000 a second. */
const GROUP_FRAME_NS = 100_000;

/** «It is important to ensure that virtual machines or other nodes on the network not affect the performance of the virtual switch.» */
const floodsAreCut = ofGuests(
  "A guest's flood of frames for groups is cut at 10,000 a second before it is copied, so that its neighbours' queues have room.",
  ({ link, counters }, { broadcastNs, passesAhead }) => {
    const dropped = `dropped of its guest's so far: ${counters?.dropped.groupFlood ?? 0}`;
    if (broadcastNs === undefined && !passesAhead) return { fact: `${link}: it sends no broadcast at all; ${dropped}`, holds: true };
    const passes = passesAhead ? "one that comes a second too early passes" : "one that comes a second too early is dropped";
    const costs = `each broadcast takes ${broadcastNs ?? 0} ns of its time, ${passes}`;
    return { fact: `${link}: ${costs}; ${dropped}`, holds: !passesAhead && (broadcastNs ?? 0) >= GROUP_FRAME_NS };
  },
);

/** «Virtual switches have no dynamic trunking support.» */
const switchesDoNotListen = ofGuests(
  "No guest speaks to the switches outside as they do among themselves (STP, LLDP, CDP, DTP), unless the host is set to let it.",
  ({ link, policy }, { switchFrames }) => {
    const shown = switchFrames.length === 0 ? "none of them passes" : `those to ${switchFrames.join(", ")} pass`;
    const isLet = policy.security.blockSwitchProtocols === false;
    return { fact: `${link}: ${shown}${isLet ? ", as Net.BlockGuestBPDU has it" : ""}`, holds: isLet || switchFrames.length === 0 };
  },
);

type Trial = NonNullable<CompiledForLink["groups"]>;
interface Described extends PortDescription {
  readonly link: string;
}

/** Looks at the program that each port sends by, where it is attached. */
function ofGuests(claim: string, look: (port: Described, trial: Trial) => Look): Claim {
  return ofNetwork("Virtual Switch Correctness", claim, (network) =>
    network.compiled.flatMap(({ link, direction, tag, groups }) => {
      const port = portOf(network, link);
      const attached = network.ports.find((one) => one.link === link)?.programs.find((one) => one.direction === direction);
      if (direction !== "ingress" || port === undefined || port.connectee.kind === "uplink" || attached === undefined) return [];
      if (!port.connected || port.blockedBecause !== undefined) return [];
      if (groups === undefined || tag !== attached.tag) {
        return [{ fact: `${link}: program ${attached.id} is not what its configuration compiles to, so it was not tried`, holds: false }];
      }
      return [look({ ...port, link }, groups)];
    }),
  );
}

function nameOf({ ports }: ObservedNetwork, ifindex: number | undefined): string {
  return ports.find((port) => port.ifindex === ifindex)?.link ?? `interface ${ifindex}`;
}

export const networkRefusalClaims: readonly Claim[] = [refusedComesOutNowhere, wireReachesItsVlan, floodsAreCut, switchesDoNotListen];
