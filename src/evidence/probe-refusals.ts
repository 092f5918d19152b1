/**
 * Puts in at ports what each is to refuse, and at uplinks what the wire may send: nothing is sent, the programs only say where to. Called
 * within the network's namespace. Paper «Virtual Switch VLANs», «Virtual Ports»; IEEE 802.1Q §9.6.
 */
import { withProgram } from "../system/index.ts";
import { type NetworkDescription, type PortDescription, type SwitchDescription, VGT_ID } from "../vmkernel/index.ts";
import {
  CUSTOMER_TAG,
  DISCARDED,
  macBytes,
  NOBODYS_TYPE,
  PROVIDER_TAG,
  type ProbedPort,
  padded,
  programAt,
  STRANGERS_MAC,
  tagBytes,
  whereTo,
  whereToAtXdp,
} from "./probe-ports.ts";

export type HostileKind = "another's address" | "a VLAN's tag" | "a priority tag" | "a reserved tag" | "two tags" | "a provider's tag";

/** A frame that its port is to refuse. */
export interface HostileProbe {
  readonly kind: HostileKind;
  /** A port, or {@link STRANGER}. */
  readonly to: string;
  /** Interface; undefined where it was dropped. */
  readonly cameOutAt: number | undefined;
}

/** A frame as it comes in by an uplink. */
export interface WireProbe {
  /** The port that has the address. */
  readonly to: string;
  /** 0: without a tag. */
  readonly vlan: number;
  readonly cameOutAt: number | undefined;
}

/** Who is on no switch, and whose address no adapter has. */
export const STRANGER = "nobody here";
/** Of a switch's ports, as many are aimed at by each: one of each VLAN first. */
const TARGETS_MAX = 8;
/** Of a switch with more, the others are not tried from the wire. */
const WIRE_VLANS_MAX = 8;
const SOME_VLAN = 100;
const RESERVED_VLAN = 4095;

const NEVER: readonly HostileKind[] = ["a priority tag", "a reserved tag", "two tags", "a provider's tag"];

/** What a port's policy has it refuse; all where it passes nothing. Pure. */
export function refusedKinds({ connectee, connected, blockedBecause, policy, vlanId }: PortDescription): readonly HostileKind[] {
  if (connectee.kind === "uplink") return NEVER;
  const isOut = !connected || blockedBecause !== undefined;
  const mayForge = policy.security.forgedTransmits && connectee.kind !== "host";
  return [
    ...(mayForge && !isOut ? [] : (["another's address"] as const)),
    ...(vlanId === VGT_ID && !isOut ? [] : (["a VLAN's tag"] as const)),
    ...NEVER,
  ];
}

export function probeRefusals(from: ProbedPort, { switches }: NetworkDescription): readonly HostileProbe[] {
  const found = find(switches, from.link);
  const [program, express] = [programAt(from, "ingress"), programAt(from, "xdp")];
  if (found === undefined || program === undefined) return [];
  return refusedKinds(found.port).flatMap((kind) =>
    targetsOf(found.home, from.link).flatMap((to): HostileProbe[] => {
      const header = hostileHeader(kind, { from: found.port, to });
      const byTc = withProgram(program.id, (fd) => whereTo(fd, padded(header, NOBODYS_TYPE), from.ifindex));
      const atXdp = express && withProgram(express.id, (fd) => whereToAtXdp(fd, padded(header, DISCARDED), from.ifindex));
      const name = to?.device ?? STRANGER;
      return [{ kind, to: name, cameOutAt: byTc }, ...(atXdp === undefined ? [] : [{ kind, to: name, cameOutAt: atXdp }])];
    }),
  );
}

/** From an uplink, a frame for each port's address in each VLAN of the switch, and in one more. */
export function probeFromWire(from: ProbedPort, { switches }: NetworkDescription): readonly WireProbe[] {
  const found = find(switches, from.link);
  const program = programAt(from, "ingress");
  if (found === undefined || found.port.connectee.kind !== "uplink" || program === undefined) return [];
  const others = stationsOf(found.home);
  const vlans = [...new Set([0, SOME_VLAN, ...others.map(({ vlanId }) => vlanId)])]
    .filter((vlan) => vlan !== VGT_ID)
    .slice(0, WIRE_VLANS_MAX);
  return (
    withProgram(program.id, (fd) =>
      others.flatMap((to) =>
        vlans.map((vlan): WireProbe => {
          const tags = vlan === 0 ? [] : [tagBytes(CUSTOMER_TAG, vlan)];
          const header = Buffer.concat([macBytes(to.effectiveMac), macBytes(STRANGERS_MAC), ...tags]);
          return { to: to.device ?? "", vlan, cameOutAt: whereTo(fd, padded(header, NOBODYS_TYPE), from.ifindex) };
        }),
      ),
    ) ?? []
  );
}

/** One of each VLAN, and what nobody here has: that leaves by an uplink, where it is let. */
function targetsOf(home: SwitchDescription, link: string): readonly (PortDescription | undefined)[] {
  const others = stationsOf(home).filter(({ device }) => device !== link);
  const firsts = others.filter(({ vlanId }, index) => others.findIndex((one) => one.vlanId === vlanId) === index);
  return [...firsts.slice(0, TARGETS_MAX), undefined];
}

/** An adapter that took a group's address is nobody's alone: copies of a frame for it would really be sent. */
function stationsOf({ ports }: SwitchDescription): readonly PortDescription[] {
  return ports.filter(({ connectee, effectiveMac }) => connectee.kind !== "uplink" && /^.[02468ace]:/.test(effectiveMac));
}

interface Ends {
  readonly from: PortDescription;
  /** Undefined for a stranger. */
  readonly to: PortDescription | undefined;
}

function hostileHeader(kind: HostileKind, { from, to }: Ends): Buffer {
  const own = from.policy.security.macChanges ? from.effectiveMac : from.initialMac;
  const source = kind === "another's address" || own === "" ? STRANGERS_MAC : own;
  const tags = kind === "another's address" ? tagFor(from, to) : hostileTags(kind, numberOf(to) ?? numberOf(from) ?? SOME_VLAN);
  return Buffer.concat([macBytes(to?.effectiveMac ?? "02:00:00:00:00:67"), macBytes(source), ...tags]);
}

/** A trunk sends with the tag that is the receiver's. */
function tagFor(from: PortDescription, to: PortDescription | undefined): readonly Buffer[] {
  const vlan = numberOf(to);
  return from.vlanId === VGT_ID && vlan !== undefined ? [tagBytes(CUSTOMER_TAG, vlan)] : [];
}

function hostileTags(kind: Exclude<HostileKind, "another's address">, vlan: number): readonly Buffer[] {
  switch (kind) {
    case "a VLAN's tag":
      return [tagBytes(CUSTOMER_TAG, vlan)];
    case "a priority tag":
      return [tagBytes(CUSTOMER_TAG, 0)];
    case "a reserved tag":
      return [tagBytes(CUSTOMER_TAG, RESERVED_VLAN)];
    case "two tags":
      return [tagBytes(CUSTOMER_TAG, vlan), tagBytes(CUSTOMER_TAG, vlan)];
    case "a provider's tag":
      return [tagBytes(PROVIDER_TAG, vlan)];
  }
}

/** The VLAN that a port is in, where that has a number. */
function numberOf(port: PortDescription | undefined): number | undefined {
  return port === undefined || port.vlanId === 0 || port.vlanId === VGT_ID ? undefined : port.vlanId;
}

function find(switches: readonly SwitchDescription[], link: string) {
  for (const home of switches) {
    const port = home.ports.find(({ device }) => device === link);
    if (port !== undefined) return { home, port };
  }
  return undefined;
}
