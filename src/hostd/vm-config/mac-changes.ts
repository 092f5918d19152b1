/** MAC addresses of adapters that a client adds or changes: each is there once. Pure. */
import type { VirtualEthernetCard } from "../../wire/index.ts";
import { type Draft, macsOf } from "./device-draft.ts";
import { invalidDevice } from "./devices/index.ts";
import { PORTS } from "./limits.ts";
import { generateMac, parseMac } from "./mac-address.ts";

/** A new adapter's address is the host's to give unless the client, or its vCenter, has given one. */
export function giveMac(draft: Draft, card: VirtualEthernetCard, index: number): VirtualEthernetCard {
  const isGiven = card.addressType?.toLowerCase() !== "generated" && (card.macAddress ?? "") !== "";
  if (isGiven) return checkMac(draft, card, index);
  const taken = new Set([...macsOf(draft), ...draft.question.macsInUse]);
  return { ...card, addressType: "generated", macAddress: generateMac(draft.question.biosUuid, card.key - PORTS.ethernet.key, taken) };
}

/** Two adapters with one address would each get the other's frames. */
export function checkMac(draft: Draft, card: VirtualEthernetCard, index: number): VirtualEthernetCard {
  if ((card.macAddress ?? "") === "") return giveMac(draft, { ...card, addressType: "generated" }, index);
  const mac = parseMac(card.macAddress ?? "");
  const others = [...macsOf(draft, card.key), ...draft.question.macsInUse];
  if (mac !== undefined && others.includes(mac)) throw invalidDevice({ index }, `The MAC address ${mac} is in use.`, "macAddress");
  return card;
}
