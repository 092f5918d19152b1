/** How claims about the virtual network are made of looks at it. Pure. */
import type { PortDescription } from "../../vmkernel/index.ts";
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { Observation } from "../observe.ts";
import type { ObservedNetwork } from "../observe-network.ts";

const NO_PORT = "Nothing is plugged into a virtual switch, so there is no port to look at.";

export function ofNetwork(
  heading: string,
  claim: string,
  look: (network: ObservedNetwork, observation: Observation) => readonly Look[],
): Claim {
  const judge = (observation: Observation) => {
    const { network } = observation;
    return judgeLooks(network === undefined ? [] : look(network, observation), NO_PORT);
  };
  return { claim, heading, judge };
}

/** As it is configured. */
export function portOf({ configured }: ObservedNetwork, link: string): PortDescription | undefined {
  return configured.switches.flatMap(({ ports }) => ports).find(({ device }) => device === link);
}
