/** `bulkhead vswitch`: the virtual switches of a running host and what is plugged into them, as vmkernel finds them in the kernel. */
import type { HostPaths } from "../base/index.ts";
import { type NetworkDescription, type PortDescription, VmkernelClient } from "../vmkernel/index.ts";
import { printable } from "./host-status.ts";

export async function readNetwork(paths: HostPaths): Promise<NetworkDescription> {
  return ask(paths, (vmkernel) => vmkernel.request({ kind: "describeNetwork" }));
}

/** @throws {Fault} InvalidArgument when there is no such port */
export async function readProgram(paths: HostPaths, port: number): Promise<readonly string[]> {
  return (await ask(paths, (vmkernel) => vmkernel.request({ kind: "showProgram", port }))).listing;
}

/** A port's number as `vswitch list` prints it; undefined for any other text. */
export function parsePortNumber(text: string): number | undefined {
  const number = Number(text);
  return /^[0-9]{1,10}$/.test(text) && number <= PORT_NUMBER_MAX ? number : undefined;
}

const PORT_NUMBER_MAX = 0xffff_ffff;

async function ask<T>(paths: HostPaths, question: (vmkernel: VmkernelClient) => Promise<T>): Promise<T> {
  const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket);
  try {
    return await question(vmkernel);
  } finally {
    vmkernel.close();
  }
}

/** As people read it. Pure. */
export function formatNetwork({ switches, unattached = [] }: NetworkDescription): string {
  const none = switches.length === 0 ? ["The host has no virtual switch."] : [];
  const homeless = unattached.length === 0 ? [] : ["on no switch", ...formatPorts(unattached)];
  return [...none, ...switches.flatMap(formatSwitch), ...homeless].map(printable).join("\n");
}

function formatSwitch({ name, uplinks, ports }: NetworkDescription["switches"][number]): readonly string[] {
  const up = uplinks.map(({ device, hasLink }) => `${device} (${hasLink ? "up" : "down"})`).join(", ");
  return [`${name}  uplinks: ${up || "none"}`, ...formatPorts(ports)];
}

function formatPorts(ports: readonly PortDescription[]): readonly string[] {
  return alignColumns([HEADINGS, ...ports.map(formatPort)]).map((line) => `  ${line}`);
}

const HEADINGS = ["PORT", "PORT GROUP", "VLAN", "PLUGGED IN", "MAC", "SENT", "DROPPED", "STATE"];

function formatPort(port: PortDescription): readonly string[] {
  const { id, portGroup = "-", vlanId, initialMac, effectiveMac, counters, connected, blockedBecause } = port;
  const dropped = Object.entries(counters.dropped).map(([reason, frames]) => `${reason} ${frames}`);
  return [
    ...[String(id), portGroup, String(vlanId), formatConnectee(port)],
    effectiveMac === initialMac ? initialMac : `${effectiveMac} (initially ${initialMac})`,
    ...[String(counters.sentFrames), dropped.join(", ") || "0"],
    [blockedBecause ?? (connected ? "connected" : "disconnected"), ...formatLogged(port)].join("; "),
  ];
}

/** What the rules with `log` of an adapter's firewall judged. */
function formatLogged({ counters: { logged = {} } }: PortDescription): readonly string[] {
  const rules = Object.entries(logged).map(([place, packets]) => `rule ${Number(place) + 1} of its firewall ${packets}`);
  return rules.length === 0 ? [] : [`logged: ${rules.join(", ")}`];
}

function formatConnectee({ connectee }: PortDescription): string {
  return connectee.kind === "virtualMachine" ? `VM ${connectee.vm}, NIC ${connectee.key}` : connectee.device;
}

/** Each column as wide as its widest text; the last ones carry no blanks at their end. */
function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
