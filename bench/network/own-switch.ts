/** The switch of this project, as vmkernel makes it. */
import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseVmId, type VmId } from "../../src/base/index.ts";
import { createTap, disableIpv6, inNamespace, makeNamespace } from "../../src/system/index.ts";
import {
  ExpressPorts,
  type Firewall,
  type NetworkConfig,
  type NicPort,
  networkNamespace,
  VirtualNetwork,
} from "../../src/vmkernel/network/index.ts";
import { deleteTaps, type Forwarder } from "./forwarder.ts";
import { macOf, OPEN_PORT } from "./frames.ts";

const GROUP = "group";
/** Beside it, in its VLAN. */
export const SHAPED_GROUP = "shaped";
export const SHAPED = { averageBandwidth: 100_000_000, peakBandwidth: 200_000_000, burstSize: 250_000 };

/** An EST port group with MAC security, as a host has it from its first start. */
const CONFIG: NetworkConfig = {
  switches: [
    {
      name: "vSwitch0",
      numPorts: 1024,
      mtu: 1500,
      uplinks: [],
      policy: {
        security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true },
        shaping: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 },
        teaming: { policy: "loadbalance_srcid", notifySwitches: true, rollingOrder: false, checkBeacon: false, active: [], standby: [] },
      },
      portGroups: [
        { name: GROUP, vlanId: 0, overrides: {} },
        { name: SHAPED_GROUP, vlanId: 0, overrides: { shaping: { enabled: true, ...SHAPED } } },
      ],
    },
  ],
};

export interface OwnSwitch extends Forwarder {
  /** Of a port that was plugged in, one after the other. */
  readonly plugInMs: number;
  readonly network: VirtualNetwork;
}

/** As vmkernel opens it. */
function openNetwork(folder: string): { readonly network: VirtualNetwork; readonly express: ExpressPorts } {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const express = new ExpressPorts({ namespace: networkNamespace(folder), log, changed: () => void network.followTraffic() });
  const network: VirtualNetwork = new VirtualNetwork({
    ...{ folder, log, promotionGapMs: 1 },
    settled: (state) => express.follow(state),
    handsOver: (device) => express.has(device),
  });
  return { network, express };
}

/** @param firewall of the first port */
export async function makeOwnSwitch(parts: {
  readonly ports: number;
  readonly name?: string;
  readonly firewall?: Firewall;
}): Promise<OwnSwitch> {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-bench-"));
  const { network, express } = openNetwork(join(folder, "network"));
  const attachments: Disposable[] = [];
  const ends: number[] = [];
  const remove = async () => {
    for (const attachment of attachments.splice(0)) attachment[Symbol.dispose]();
    express[Symbol.dispose]();
    await network.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  let plugInMs = Number.NaN;
  try {
    await network.configure(CONFIG);
    const started = performance.now();
    for (let vm = 1; vm <= parts.ports; vm++) {
      const attachment = await network.plugIn(nicOf(vm, vm === 1 ? parts.firewall : undefined), true);
      attachments.push(attachment);
      ends.push(attachment.fd);
    }
    plugInMs = (performance.now() - started) / parts.ports;
    await network.promoted();
  } catch (error) {
    await remove();
    throw error;
  }
  return { name: parts.name ?? "switch", ends, network, plugInMs, remove };
}

export function nicOf(vm: number, firewall?: Firewall): NicPort {
  return { vm: vmId(vm), key: 4000, portGroup: GROUP, initialMac: macOf(vm), effectiveMac: macOf(vm), ...(firewall && { firewall }) };
}

/**
 * A switch of many ports that are there at once: a vmkernel that finds what the one before it left makes all of them in one step.
 * Plugged in one after the other each one is a change of its own.
 */
export async function adoptOwnSwitch(ports: number): Promise<Forwarder & { readonly builtMs: number }> {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-bench-"));
  const { network, express } = openNetwork(join(folder, "network"));
  const ends: number[] = [];
  const remove = async () => {
    deleteTaps(
      join(folder, "network", "namespace"),
      ends.map((_, n) => `v${n + 1}n4000`),
    );
    for (const fd of ends.splice(0)) closeSync(fd);
    express[Symbol.dispose]();
    await network.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const started = performance.now();
    leaveBehind(join(folder, "network"), ports, ends);
    await network.adopt();
    const builtMs = performance.now() - started;
    await network.promoted();
    return { name: "switch", ends, builtMs, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @param ends gets the taps */
function leaveBehind(folder: string, ports: number, ends: number[]): void {
  mkdirSync(folder, { mode: 0o700 });
  makeNamespace(join(folder, "namespace"));
  const plugged = inNamespace(join(folder, "namespace"), () => {
    disableIpv6("default");
    return Array.from({ length: ports }, (_, n) => {
      const device = `v${n + 1}n4000`;
      ends.push(createTap(device, { vnetHeader: true }));
      const nic = nicOf(n + 1);
      const connectee = { kind: "virtualMachine", vm: nic.vm, key: nic.key };
      return { connectee, nic, connected: true, device, switchNumber: 1, number: n + 2 };
    });
  });
  const record = { config: CONFIG, ports: plugged, switchNumbers: { vSwitch0: 1 }, taken: [] };
  writeFileSync(join(folder, "network.json"), JSON.stringify(record));
}

/** Stateful, what is not allowed is denied; of so many rules the last one lets {@link OPEN_PORT} through. */
export function makeFirewall(rules: number, first = 1000): Firewall {
  const ports = [...Array.from({ length: rules - 1 }, (_, n) => first + n), OPEN_PORT];
  return {
    rules: ports.map((port) => ({ direction: "out", action: "allow", protocol: "udp", remotePorts: { first: port, last: port } })),
    otherwise: "deny",
  };
}

function vmId(number: number): VmId {
  const id = parseVmId(String(number));
  if (id === undefined) throw new Error(`${number} is no id of a VM`);
  return id;
}
