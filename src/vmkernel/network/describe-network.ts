/** What there is of a planned network, with what the kernel tells of it. Called within the network's namespace. */
import { closeSync } from "node:fs";
import { HOOK_NAMES, type Hook, mapLookup, programFdById, programInfo } from "../../system/index.ts";
import { readCounters, readLogged } from "./compile/counters.ts";
import type { NetworkPolicy } from "./config.ts";
import type { NetworkDescription, PortCounters, PortDescription, PortProgram, UplinkDescription } from "./description.ts";
import type { KernelNetwork, Links } from "./kernel-network.ts";
import { PORT_MAPS } from "./map-specs.ts";
import type { NetworkPlan, PlannedPort, PlannedSwitch, PlannedUplink } from "./plan-network.ts";
import type { PortPins } from "./port-pins.ts";
import { uplinksOf } from "./teaming.ts";
import { VGT_ID } from "./vlan.ts";

const NOTHING: PortCounters = { sentFrames: 0, sentBytes: 0, dropped: {} };

/** @param kernel undefined while nothing is made */
export function describeNetwork(plan: NetworkPlan, links: Links, kernel: KernelNetwork | undefined): NetworkDescription {
  const describe = new Describer(links, kernel);
  return {
    switches: plan.switches.map((one) => ({
      name: one.config.name,
      uplinks: one.uplinks.map(({ device }) => describe.uplink(device)),
      ports: [...one.ports.map((port) => describe.port(port)), ...one.uplinks.map((uplink) => describe.uplinkPort(uplink, one))],
    })),
    unattached: plan.homeless.map((port) => describe.port(port)),
  };
}

class Describer {
  readonly #links: Links;
  readonly #kernel: KernelNetwork | undefined;

  constructor(links: Links, kernel: KernelNetwork | undefined) {
    this.#links = links;
    this.#kernel = kernel;
  }

  uplink(device: string): UplinkDescription {
    const link = this.#links.get(device);
    return { device, hasLink: link?.hasCarrier === true, ...(link && { mac: link.mac }) };
  }

  port({ id, device, connectee, nic, connected, vlanId, policy, blockedBecause, choice }: PlannedPort): PortDescription {
    const leavesBy = uplinksOf(choice);
    return {
      id,
      device,
      connectee,
      portGroup: nic.portGroup,
      initialMac: nic.initialMac,
      effectiveMac: nic.effectiveMac,
      ...(nic.groups && { groups: nic.groups }),
      connected,
      ...(leavesBy.length > 0 && { leavesBy }),
      ...(blockedBecause !== undefined && { blockedBecause }),
      vlanId,
      policy,
      ...this.#inKernel(device),
    };
  }

  uplinkPort({ id, device }: PlannedUplink, { config }: PlannedSwitch): PortDescription {
    const mac = this.#links.get(device)?.mac ?? "";
    const policy: NetworkPolicy = config.policy;
    const base = { id, device, connectee: { kind: "uplink", device }, initialMac: mac, effectiveMac: mac } as const;
    return { ...base, connected: this.#links.has(device), vlanId: VGT_ID, policy, ...this.#inKernel(device) };
  }

  #inKernel(device: string): Pick<PortDescription, "counters" | "programs"> {
    const link = this.#links.get(device);
    if (link === undefined || this.#kernel === undefined) return { counters: NOTHING, programs: [] };
    const pins = this.#kernel.pinsOf(link);
    const units = this.#kernel.unitsOf(device);
    const programs = HOOK_NAMES.flatMap((direction) => describeProgram(pins, direction, units?.[direction] ?? []));
    return { counters: countersOf(pins), programs };
  }
}

function countersOf(pins: PortPins): PortCounters {
  const counters = readFirst(pins, "counters");
  const logged = readFirst(pins, "logged");
  return { ...(counters === undefined ? NOTHING : readCounters(counters)), ...(logged && { logged: readLogged(logged) }) };
}

/** Of a map that is an array of one. */
function readFirst(pins: PortPins, name: "counters" | "logged"): Buffer | undefined {
  const map = pins.openMap(name);
  if (map === undefined) return undefined;
  try {
    return mapLookup(map, Buffer.alloc(4), PORT_MAPS[name].valueBytes);
  } finally {
    closeSync(map);
  }
}

function describeProgram(pins: PortPins, direction: Hook, units: readonly string[]): readonly PortProgram[] {
  const id = pins.programId(direction);
  const program = id === undefined ? undefined : programFdById(id);
  if (program === undefined) return [];
  try {
    const { tag, instructions } = programInfo(program);
    return [{ direction, id: programInfo(program).id, tag, instructions: instructions.length / INSTRUCTION_BYTES, units }];
  } finally {
    closeSync(program);
  }
}

const INSTRUCTION_BYTES = 8;
