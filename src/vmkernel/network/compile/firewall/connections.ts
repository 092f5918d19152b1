/**
 * What a port's firewall remembers: connections that were let through, and fragmented packets whose first fragment was. Pure.
 * Each port has a map of its own, which the programs of both its directions write, and nobody else.
 */
import { MAPS, type PortBuilder } from "../port-builder.ts";
import { CONNECTION, type Direction, type Family, FLOW, FLOW_KIND, PLACES, PROTOCOL, RENEWAL_NS, TCP, TIMEOUT, YES } from "./places.ts";

/** r7 becomes the address of the connection, r0 now. @param flow a place on the stack @param unknown where there is none, or none any more */
export function findConnection(builder: PortBuilder, flow: number, unknown: string): void {
  builder.loadMap("r1", MAPS.connections).mov("r2", "r10").add("r2", flow).call("lookup").jumpIf("eq", "r0", 0, unknown);
  builder.mov("r7", "r0").call("ktimeGetCoarseNs").load(8, "r1", "r7", CONNECTION.expires).jumpIf("gt", "r0", "r1", unknown);
}

/** As `findConnection` left it. */
export function renewConnection(builder: PortBuilder, done: string): void {
  builder.load(8, "r1", "r7", CONNECTION.expires).load(8, "r2", "r7", CONNECTION.timeout).add("r2", "r0");
  // One that is to end sooner than it was is further ahead of the clock than any renewal.
  builder.mov("r3", "r2").sub("r3", "r1").jumpIf("lt", "r3", RENEWAL_NS, done).store(8, "r7", CONNECTION.expires, "r2").jump(done);
}

/** How long it lasts depends on what its segments say of it. */
export function renewTcp(builder: PortBuilder, done: string): void {
  const [opening, closing, renew] = ["opening", "closing", "renew"].map((name) => builder.freshLabel(name)) as [string, string, string];
  builder
    .load(1, "r2", "r10", PLACES.segment + TCP.flagsAt)
    .jumpIf("set", "r2", TCP.fin | TCP.rst, closing)
    .jumpIf("set", "r2", TCP.syn, opening);
  builder.load(8, "r3", "r7", CONNECTION.timeout).load64("r4", TIMEOUT.tcpOpening).jumpIf("ne", "r3", "r4", renew);
  builder.load64("r4", TIMEOUT.tcpOpen).store(8, "r7", CONNECTION.timeout, "r4").jump(renew);
  builder.label(opening).load64("r4", TIMEOUT.tcpOpening).store(8, "r7", CONNECTION.timeout, "r4").jump(renew);
  builder.label(closing).load64("r4", TIMEOUT.tcpClosing).store(8, "r7", CONNECTION.timeout, "r4");
  builder.label(renew);
  renewConnection(builder, done);
}

/** Of the flow on the stack, if it makes one. */
export function makeConnection(builder: PortBuilder): void {
  const [none, made, udp] = ["no connection", "made", "udp"].map((name) => builder.freshLabel(name)) as [string, string, string];
  builder.load(1, "r2", "r10", PLACES.makesConnection).jumpIf("ne", "r2", YES, none);
  builder.load(1, "r2", "r10", PLACES.flow + FLOW.protocol);
  builder.load64("r7", TIMEOUT.tcpOpening).jumpIf("eq", "r2", PROTOCOL.tcp, made);
  builder.jumpIf("eq", "r2", PROTOCOL.udp, udp).load64("r7", TIMEOUT.echo).jump(made);
  builder.label(udp).load64("r7", TIMEOUT.udp).label(made);
  write(builder);
  builder.label(none);
}

/** Of the flow on the stack, if it is the first of several: for the others, which have no ports. The flow is lost. */
export function rememberFragment(builder: PortBuilder, direction: Direction): void {
  const whole = builder.freshLabel("whole");
  builder.load(1, "r2", "r10", PLACES.isFirstFragment).jumpIf("ne", "r2", YES, whole);
  nameFragments(builder, direction);
  builder.load64("r7", TIMEOUT.fragment);
  write(builder);
  builder.label(whole);
}

/** The flow on the stack becomes that of a packet's fragments. */
export function nameFragments(builder: PortBuilder, direction: Direction): void {
  builder.load(4, "r2", "r10", PLACES.fragmentId).store(4, "r10", PLACES.flow + FLOW.remotePort, "r2");
  builder.load(1, "r2", "r10", PLACES.flow + FLOW.kind).and("r2", FLOW_VERSION_BITS);
  builder.or("r2", direction === "out" ? FLOW_KIND.fragmentOut : FLOW_KIND.fragmentIn).store(1, "r10", PLACES.flow + FLOW.kind, "r2");
}

const FLOW_VERSION_BITS = 0xf;

/** r7 is how long it lasts. Should there be no room, its replies are judged by the rules. */
function write(builder: PortBuilder): void {
  builder
    .call("ktimeGetCoarseNs")
    .add("r0", "r7")
    .store(8, "r10", PLACES.connection + CONNECTION.expires, "r0");
  builder.store(8, "r10", PLACES.connection + CONNECTION.timeout, "r7");
  builder.loadMap("r1", MAPS.connections).mov("r2", "r10").add("r2", PLACES.flow);
  builder.mov("r3", "r10").add("r3", PLACES.connection).mov("r4", 0).call("update");
}

/** The kind of flow that an echo request of that direction begins. */
export function echoKind({ version }: Family, direction: Direction): number {
  return (version === 4 ? FLOW_KIND.ipv4 : FLOW_KIND.ipv6) | (direction === "out" ? FLOW_KIND.echoOut : FLOW_KIND.echoIn);
}
