/**
 * The virtual network, by what is in the kernel: programs, their maps, links and taps. Pure.
 * Paper «Virtual Switch Isolation», «Virtual Switch Correctness», «Virtual Ports».
 */
import { type PortDescription, type SwitchDescription, VGT_ID } from "../../vmkernel/index.ts";
import type { Claim, Look } from "../claim.ts";
import type { ObservedMonitor } from "../observe.ts";
import type { ObservedNetstack, ObservedNetwork, ObservedPort, ObservedProgram } from "../observe-network.ts";
import { describe, type ProgramDeeds } from "../program-deeds.ts";
import { nameOf } from "./monitors.ts";
import { ofNetwork } from "./network-look.ts";

/** A switch as it is configured, with the ports that the kernel has of it. */
interface Sighting {
  readonly name: string;
  readonly ports: readonly ObservedPort[];
}

function sightings({ configured, ports }: ObservedNetwork): readonly Sighting[] {
  return configured.switches.map((one) => {
    const links = new Set([...one.ports.map(({ device }) => device ?? ""), ...one.uplinks.map(({ device }) => device)]);
    return { name: one.name, ports: ports.filter(({ link }) => links.has(link)) };
  });
}

const mapsOf = ({ programs }: ObservedPort): readonly number[] => programs.flatMap(({ maps }) => maps);

/** «There is no code linking virtual switches: no part of one is reachable from another.» */
const switchesApart = ofNetwork(
  "Virtual Switch Isolation",
  "No table that a switch's programs use is used by another switch's, or leads to a port that is not its own.",
  (network) => {
    const all = sightings(network);
    return all.flatMap((one) => {
      const maps = new Set(one.ports.flatMap(mapsOf));
      if (maps.size === 0) return [];
      const others = all.filter((other) => other !== one && other.ports.some((port) => mapsOf(port).some((id) => maps.has(id))));
      const own = new Set(one.ports.map(({ ifindex }) => ifindex));
      const destinations = new Set([...maps].flatMap((id) => [...(network.tables.get(id) ?? [])]));
      const strange = [...destinations].filter((ifindex) => !own.has(ifindex));
      const strangers = strange.map((ifindex) => network.ports.find((port) => port.ifindex === ifindex)?.link ?? `interface ${ifindex}`);
      return [
        {
          fact: `${one.name}: maps ${[...maps].join(", ")}, used also by ${others.map(({ name }) => name).join(", ") || "no other switch"}`,
          holds: others.length === 0,
        },
        {
          fact: `${one.name}: its table leads to ${destinations.size} of its ports, and to ${strangers.join(", ") || "no other"}`,
          holds: strange.length === 0,
        },
      ];
    });
  },
);

/** «Every destination the switch looks up must match ports on the same virtual switch as the port where the frame originated.» */
const reachAsConfigured = ofNetwork(
  "Virtual Switch Correctness",
  "A frame that is put in at a port comes out at the ports that are configured to be reached from it, and at no other.",
  (network) => network.ports.flatMap((port) => lookAtReach(port, network)),
);

function lookAtReach({ link, probes }: ObservedPort, { configured, ports }: ObservedNetwork): readonly Look[] {
  const adapters = configured.switches.flatMap(({ ports: all }) => all).filter(({ connectee }) => connectee.kind !== "uplink");
  if (probes.length === 0) {
    const isAlone = adapters.length === 1 && adapters[0]?.device === link;
    return isAlone ? [{ fact: `${link}: it is the only port, so there is none that it could reach`, holds: true }] : [];
  }
  const nameOfInterface = (ifindex: number) => ports.find((port) => port.ifindex === ifindex)?.link ?? `interface ${ifindex}`;
  const wrong = probes.flatMap(({ to, cameOutAt }) => {
    const cameOut = cameOutAt === undefined ? undefined : nameOfInterface(cameOutAt);
    const meant = cameOut !== undefined && haveOneMac(configured.switches, cameOut, to) ? cameOut : to;
    const expectation = expect(configured.switches, { from: link, to: meant });
    const holds =
      cameOut === undefined
        ? expectation !== "reaches"
        : cameOut === meant
          ? expectation !== "never"
          : isUplinkOf(configured.switches, link, cameOut);
    return holds ? [] : [`a frame for ${to} came out at ${cameOut ?? "no port"}`];
  });
  const arrived = probes.filter(({ cameOutAt, to }) => cameOutAt !== undefined && nameOfInterface(cameOutAt) === to);
  const reached = arrived.filter(({ isExpress }) => !isExpress).map(({ to }) => to);
  const express = arrived.filter(({ isExpress }) => isExpress).map(({ to }) => to);
  const tried = probes.filter(({ isExpress }) => !isExpress).length;
  const before = express.length > 0 ? ` (at XDP already: ${express.join(", ")})` : "";
  const fact = `${link}: of ${tried} ports it reaches ${reached.join(", ") || "none"}${before}`;
  return [{ fact: wrong.length === 0 ? fact : `${fact}; ${wrong.join("; ")}`, holds: wrong.length === 0 }];
}

/** A frame for an address that two NICs have goes to one of them. */
function haveOneMac(switches: readonly SwitchDescription[], one: string, other: string): boolean {
  const macs = [one, other].map((link) => switches.flatMap(({ ports }) => ports).find((port) => port.device === link)?.effectiveMac);
  return macs[0] !== undefined && macs[0] === macs[1];
}

/** What is for nobody on the switch may leave by its uplink. */
function isUplinkOf(switches: readonly SwitchDescription[], link: string, candidate: string): boolean {
  return switches.some(
    ({ ports, uplinks }) => ports.some((port) => port.device === link) && uplinks.some(({ device }) => device === candidate),
  );
}

/** A firewall or a trunk's ranges may forbid what the VLANs allow, never the other way. */
type Expectation = "reaches" | "may" | "never";

function expect(switches: readonly SwitchDescription[], { from, to }: { readonly from: string; readonly to: string }): Expectation {
  const home = switches.find(({ ports }) => ports.some((port) => port.device === from));
  const [sender, receiver] = [from, to].map((link) => home?.ports.find((port) => port.device === link));
  if (sender === undefined || receiver === undefined || !passes(sender) || !passes(receiver) || isDeaf(receiver)) return "never";
  // Trunks may carry some VLANs alone; two NICs of one address do not send to each other.
  if (sender.vlanId === VGT_ID || receiver.vlanId === VGT_ID || sender.effectiveMac === receiver.effectiveMac) return "may";
  if (sender.vlanId !== receiver.vlanId) return "never";
  return hasFirewall(sender) || isDeaf(sender) ? "may" : "reaches";
}

function passes({ connected, blockedBecause }: PortDescription): boolean {
  return connected && blockedBecause === undefined;
}

/** Its driver has set another address, and may not. */
function isDeaf({ initialMac, effectiveMac, policy }: PortDescription): boolean {
  return initialMac !== effectiveMac && policy?.security.macChanges !== true;
}

function hasFirewall({ programs }: PortDescription): boolean {
  return programs.some(({ units }) => units.some((unit) => unit.includes("firewall") || unit.includes("shaping")));
}

/** «No learning is required to populate forwarding tables»: what a port is, its program and its tables say, and those are configured. */
const noAddress = ofNetwork(
  "Virtual Switch Isolation",
  "No port of a virtual switch has an address of the host: nobody can speak to the host by one.",
  ({ ports }) =>
    ports.map(({ link, addresses }) => ({ fact: `${link}: addresses ${addresses.join(", ") || "none"}`, holds: addresses.length === 0 })),
);

/** «Each virtual port … knows what it is attached to.» */
const tapsOfTheirOwn = ofNetwork(
  "Virtual Ports",
  "What a virtual machine's adapter sends and gets passes by its own monitor alone: no other process holds the port's tap.",
  ({ taps, unseen }, { monitors }) => {
    const looks = taps.map(({ pid, link }) => {
      const vm = /^v(\d+)n\d+$/.exec(link)?.[1];
      const monitor = monitors.find(({ inspection }) => inspection.description.vm === vm);
      const whose = monitor === undefined ? "of no VM" : nameOf(monitor);
      return { fact: `${link} is open in process ${pid}, ${whose}`, holds: pid === monitor?.process.pid };
    });
    const blind = { fact: `the machine does not let root look at process ${unseen.join(", ")}`, holds: true };
    return unseen.length === 0 || looks.length === 0 ? looks : [...looks, blind];
  },
);

/** «Virtual Networking Layer»: what the host says and hears of its own is apart from what its VMs do. */
const hostNicsApart = ofNetwork(
  "Virtual Networking Layer",
  "The API's door and the host's own interfaces are in network namespaces where no monitor and no port is; a virtual machine reaches an interface by a port group of its switch and VLAN alone.",
  (network, { monitors, hostNamespaces }) => [
    {
      fact: `the API is served in the machine's network, net:[${hostNamespaces.net}]; the ports of virtual switches are in net:[${network.namespace}]`,
      holds: network.namespace !== hostNamespaces.net,
    },
    ...network.netstacks.map((netstack) => lookAtNetstack(netstack, monitors)),
    ...network.configured.switches.flatMap((one) =>
      one.ports.filter(({ connectee }) => connectee.kind === "host").map((port) => lookAtHostPort(port, one, network)),
    ),
  ],
);

function lookAtNetstack({ name, namespace, links }: ObservedNetstack, monitors: readonly ObservedMonitor[]): Look {
  const inside = monitors.filter(({ process }) => process.namespaces.net === namespace).map(nameOf);
  const strange = links.filter((link) => !/^vmk\d+$/.test(link.name));
  const shown = links.map((link) => [link.name, ...link.addresses].join(" ")).join(", ") || "no interface";
  return {
    fact: `netstack ${name}, net:[${namespace}]: ${shown}; monitors in it: ${inside.join(", ") || "none"}`,
    holds: inside.length === 0 && strange.length === 0,
  };
}

/** By the probes: who put in a frame for it that came out there. */
function lookAtHostPort(port: PortDescription, { name, ports: own }: SwitchDescription, { configured, ports }: ObservedNetwork): Look {
  const ifindex = ports.find(({ link }) => link === port.device)?.ifindex;
  const senders = ports.filter(({ probes }) => probes.some(({ cameOutAt }) => cameOutAt !== undefined && cameOutAt === ifindex));
  const described = configured.switches.flatMap((one) => one.ports);
  const guests = senders
    .map(({ link }) => described.find(({ device }) => device === link))
    .filter((sender) => sender?.connectee.kind !== "host");
  const mayReach = (sender: PortDescription | undefined): boolean =>
    sender !== undefined && own.includes(sender) && (sender.vlanId === port.vlanId || [sender.vlanId, port.vlanId].includes(VGT_ID));
  const groups = new Set(guests.map((sender) => `${sender?.portGroup ?? "none"} (VLAN ${sender?.vlanId ?? "none"})`));
  const where = `${port.device} on ${port.portGroup} of ${name}, VLAN ${port.vlanId}`;
  return {
    fact: `${where}: virtual machines reach it by ${groups.size === 0 ? "no port group" : [...groups].join(", ")}`,
    holds: guests.every(mayReach),
  };
}

/** Every NIC with a port is at its switch, and nothing else is. */
const portsAsConfigured = ofNetwork(
  "Virtual Ports",
  "Each link of the virtual network is a port that is configured, and has one program for each direction at most.",
  (network, { monitors }) => {
    const { switches, unattached = [] } = network.configured;
    const known = new Set([
      ...[...switches.flatMap(({ ports }) => ports), ...unattached].map(({ device }) => device),
      ...switches.flatMap(({ uplinks }) => uplinks.map(({ device }) => device)),
    ]);
    const nics = new Set(monitors.flatMap(linksOfMonitor));
    return network.ports.map(({ link, programs }) => {
      const isKnown = known.has(link) || nics.has(link);
      const twice = new Set(programs.map(({ direction }) => direction)).size < programs.length;
      const has = programs.map(({ direction, id, tag }) => `${direction} program ${id} (${tag})`).join(", ") || "no program";
      return { fact: `${link}: ${isKnown ? "" : "nobody's, "}${has}`, holds: isKnown && !twice && programs.length > 0 };
    });
  },
);

function linksOfMonitor({ inspection: { machine } }: ObservedMonitor): readonly string[] {
  return machine.devices.flatMap((device) =>
    device.kind === "nic" && device.network !== undefined ? [`v${machine.vm}n${device.key}`] : [],
  );
}

/** «ESXi installs and runs only those components that are required»: a program is told from every other by its tag. */
const programsAsConfigured = ofPrograms(
  "Virtual Switch Correctness",
  "The programs at each port are those that its configuration compiles to, instruction by instruction.",
  (_, { direction, tag }) => ({ fact: `${direction} ${tag} is what its configuration compiles to`, holds: true }),
);

/** «Virtual switches cannot … »: a program that has no port's number in it cannot name one that its own tables do not. */
const destinationsFromTables = ofPrograms(
  "Virtual Switch Isolation",
  "Wherever a program sends a frame, it has read so in the table of its switch: it names no port itself.",
  ({ destinations }) => {
    const others = destinations.map(describe).filter((text) => text !== "content of table");
    return {
      fact: `${destinations.length} places where frames are sent; not from the table: ${others.join(", ") || "none"}`,
      holds: others.length === 0,
    };
  },
);

/** Of programs for what a port receives: these refuse nothing that is for its address alone. */
const REFUSES_NOTHING = /^(parse|accept|groups: .*)$/;

/** «A virtual port can ignore any requests … that would violate the layer 2 security policy in effect for the port.» */
const nobodyIsPassedBy = ofNetwork(
  "Virtual Ports",
  "What is handed over before the kernel makes a packet of it goes to ports alone that have nothing to refuse: no firewall, no shaping, no addresses of their own.",
  ({ bare, ports, compiled }) =>
    [...bare].map((ifindex) => {
      const link = ports.find((port) => port.ifindex === ifindex)?.link ?? `interface ${ifindex}`;
      const egress = compiled.filter((one) => one.link === link && one.direction === "egress");
      const refusing = egress.flatMap(({ units }) => units).filter((unit) => !REFUSES_NOTHING.test(unit));
      return {
        fact: `${link} may get what is for its address from XDP; what it would have to be judged by: ${refusing.join(", ") || "nothing"}`,
        holds: refusing.length === 0 && compiled.some((one) => one.link === link),
      };
    }),
);

/** What of a port's traffic there is to remember, and nothing of who is where. */
const WRITABLE: ReadonlySet<string> = new Set(["counters", "buckets", "connections", "logged"]);

/** «Virtual switches do not gather information from the network to populate their forwarding tables.» */
const nothingIsLearned = ofPrograms(
  "Virtual Switch Correctness",
  "No program writes to a forwarding table: it counts, measures and remembers connections, and nothing of where a station is.",
  ({ written, writesFrame, writesElsewhere }, { direction }) => {
    const strange = [...written].filter((map) => !WRITABLE.has(map));
    const places = [...written, ...(writesFrame ? ["the frame itself"] : []), ...(writesElsewhere ? ["elsewhere"] : [])];
    // A checksum that a guest left to its adapter is completed where XDP hands the frame over.
    const holds = strange.length === 0 && !writesElsewhere && (!writesFrame || direction === "xdp");
    return { fact: `writes to ${places.join(", ") || "nothing"}`, holds };
  },
);

/** Looks at each program that is attached, by what its instructions are known to do; of one that was not compiled here nothing is known. */
function ofPrograms(heading: string, claim: string, look: (deeds: ProgramDeeds, program: ObservedProgram) => Look): Claim {
  return ofNetwork(heading, claim, ({ ports, compiled }) => [
    ...ports.flatMap(({ link, programs }) =>
      programs.map((program) => {
        const own = compiled.find((one) => one.link === link && one.direction === program.direction && one.tag === program.tag);
        const { fact, holds } = own === undefined ? unknownProgram(program) : look(own.deeds, program);
        return { fact: `${link}: ${fact}`, holds };
      }),
    ),
    ...compiled
      .filter(
        ({ link, direction }) => !ports.some((port) => port.link === link && port.programs.some((one) => one.direction === direction)),
      )
      // Without the one at XDP all that a guest sends meets the one of ingress. It is there while it saves time.
      .filter(({ direction }) => direction !== "xdp")
      .map(({ link, direction }) => ({ fact: `${link}: its ${direction} program is not there`, holds: false })),
  ]);
}

function unknownProgram({ direction, id, tag }: ObservedProgram): Look {
  return { fact: `${direction} program ${id} (${tag}) is not what its configuration compiles to`, holds: false };
}

export const networkClaims: readonly Claim[] = [
  switchesApart,
  destinationsFromTables,
  noAddress,
  reachAsConfigured,
  programsAsConfigured,
  nothingIsLearned,
  nobodyIsPassedBy,
  portsAsConfigured,
  tapsOfTheirOwn,
  hostNicsApart,
];
