/** What the switches outside tell of themselves, as clients see it. Pure. Source: vim25 PhysicalNicHintInfo. */
import type { Neighbour } from "../../vmkernel/index.ts";
import {
  type CdpNeighbour,
  type KeyAnyValue,
  type LinkLayerDiscoveryProtocolInfo,
  type LldpNeighbour,
  type PhysicalNicCdpInfo,
  type PhysicalNicHintInfo,
  parseCdp,
  parseLldp,
} from "../../wire/index.ts";

/** Which networks an adapter sees is not told: nothing of frames is remembered. */
export function showHint(device: string, neighbour: Neighbour | undefined, nowMs: number): PhysicalNicHintInfo {
  const { cdp, lldp } = neighbour === undefined ? {} : read(neighbour, nowMs);
  return {
    device,
    ...(cdp && { connectedSwitchPort: showCdp(cdp) }),
    ...(lldp && { lldpInfo: showLldp(lldp) }),
  };
}

/** As long as it is good. The frame is a stranger's. */
function read({ protocol, frame, heardAtMs }: Neighbour, nowMs: number): { readonly cdp?: CdpNeighbour; readonly lldp?: LldpNeighbour } {
  const bytes = Buffer.from(frame, "base64");
  const [cdp, lldp] = protocol === "cdp" ? [parseCdp(bytes), undefined] : [undefined, parseLldp(bytes)];
  const told = cdp ?? lldp;
  if (told === undefined || nowMs >= heardAtMs + told.timeToLive * 1000) return {};
  return { ...(cdp && { cdp }), ...(lldp && { lldp }) };
}

/** A bit each: what the neighbour is. */
const CAPABILITIES = {
  router: 0x01,
  transparentBridge: 0x02,
  sourceRouteBridge: 0x04,
  networkSwitch: 0x08,
  host: 0x10,
  igmpEnabled: 0x20,
  repeater: 0x40,
} as const;

function showCdp(neighbour: CdpNeighbour): PhysicalNicCdpInfo {
  const { version, timeToLive, deviceId, address, portId, capabilities, softwareVersion, platform, vlan, isFullDuplex, mtu } = neighbour;
  const has = (bit: number): boolean => ((capabilities ?? 0) & bit) !== 0;
  const { router, transparentBridge, sourceRouteBridge, networkSwitch, host, igmpEnabled, repeater } = CAPABILITIES;
  return {
    cdpVersion: version,
    ttl: timeToLive,
    devId: deviceId,
    ...definedOf({ address, portId, softwareVersion, hardwarePlatform: platform, vlan, fullDuplex: isFullDuplex, mtu }),
    ...definedOf({ systemName: neighbour.systemName, mgmtAddr: neighbour.managementAddress, location: neighbour.location }),
    ...(capabilities !== undefined && {
      deviceCapability: {
        router: has(router),
        transparentBridge: has(transparentBridge),
        sourceRouteBridge: has(sourceRouteBridge),
        networkSwitch: has(networkSwitch),
        host: has(host),
        igmpEnabled: has(igmpEnabled),
        repeater: has(repeater),
      },
    }),
  };
}

/** Names of the parameters as ESXi has them. */
function showLldp({ chassisId, portId, timeToLive, ...others }: LldpNeighbour): LinkLayerDiscoveryProtocolInfo {
  const text = (key: string, value: string | undefined): KeyAnyValue[] =>
    value === undefined ? [] : [{ key, value: { anyType: "string", value } }];
  const number = (key: string, value: number | undefined): KeyAnyValue[] =>
    value === undefined ? [] : [{ key, value: { anyType: "int", value } }];
  const parameter = [
    ...text("Port Description", others.portDescription),
    ...text("System Name", others.systemName),
    ...text("System Description", others.systemDescription),
    ...text("Management Address", others.managementAddress),
    ...number("Vlan ID", others.vlan),
    ...number("MTU", others.mtu),
  ];
  return { chassisId, portId, timeToLive, parameter };
}

function definedOf<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
