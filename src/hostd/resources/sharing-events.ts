/** Page sharing that is switched on or off is told of, with what came of it. Source: Mem.ShareRateMax; paper «Memory Isolation». */
import type { Call } from "../agent.ts";

const MIB = 2 ** 20;

/** @param change of the host's options */
export async function tellingOfSharing(call: Call, change: () => Promise<void>): Promise<void> {
  const { options, events, vms } = call.agent;
  const isOn = (): boolean => options.get("Mem.ShareRateMax") > 0;
  const wasOn = isOn();
  const before = wasOn ? await vms.vmkernel.request({ kind: "describeSharing" }).catch(() => undefined) : undefined; // gone once it is off
  await change();
  if (isOn() === wasOn) return;
  const inMib = (bytes = 0): number => Math.round(bytes / MIB);
  const { sharedBytes, commonBytes, savedBytes } = before?.ofMachine ?? {};
  const message = isOn()
    ? `Page sharing is switched on: ${options.get("Mem.ShareRateMax")} pages a second are scanned of each VM that shares`
    : `Page sharing is switched off, and each VM has pages of its own again: ${inMib(sharedBytes)} MB were kept in ${inMib(commonBytes)} MB, which saved ${inMib(savedBytes)} MB`;
  events.post("GeneralHostInfoEvent", message, { userName: call.session?.userName ?? "" }, { message });
}
