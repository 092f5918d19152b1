/** How a guest's screen and keyboard are reached. Pure. Paper «Network Access to Administrative Interfaces». */
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { ObservedMonitor } from "../observe.ts";
import { viewersOf } from "../viewers.ts";
import { nameOf } from "./monitors.ts";

const oneDoor: Claim = {
  claim: "A guest's console is reached through the host's own door: its monitor listens for no viewer and has only those it was handed.",
  heading: "Network Access to Administrative Interfaces",
  judge: ({ monitors, unseen }) =>
    judgeLooks(
      [...monitors.map(look), ...unseen.map((fact) => ({ fact: `could not be looked at: ${fact}`, holds: false }))],
      "No VM is powered on, so there is no console to look at.",
    ),
};

/** That it has no socket of the machine's network either is a claim of its own. */
function look(monitor: ObservedMonitor): Look {
  const name = nameOf(monitor);
  const viewers = viewersOf(monitor.inspection.qmp.vnc);
  if (viewers === undefined) return { fact: `${name}: what it says of its viewers cannot be read`, holds: false };
  const strangers = viewers.families.filter((family) => family !== "unix");
  const where = viewers.listensAt.join(", ") || "no address";
  const handed = viewers.families.length - strangers.length;
  const fact = `${name}: listens for viewers at ${where}; viewers that it was handed: ${handed}; others: ${strangers.join(", ") || "none"}`;
  return { fact, holds: viewers.listensAt.length === 0 && strangers.length === 0 };
}

export const consoleClaims: readonly Claim[] = [oneDoor];
