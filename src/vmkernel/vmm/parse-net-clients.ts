/**
 * What QEMU's `info network` tells of NICs and what stands behind them. Pure.
 * It tells of every adapter which MAC its guest's driver has set; QMP tells that of virtio alone (query-rx-filter).
 * Source: QEMU 7.2 net/net.c hmp_info_network, print_net_client. A guest that broke out may have written it: what does not fit is not there.
 */
import { keyOfDeviceId } from "./expected-devices.ts";
import { keyOfNetworkId } from "./plan-devices.ts";

export interface NetClients {
  /** By the key of the NIC, lower case. */
  readonly macs: ReadonlyMap<number, string>;
  /** Keys of taps that no NIC has (any more). */
  readonly orphans: readonly number[];
}

/** Far more than ten NICs need. */
const TEXT_LENGTH_MAX = 16 * 1024;
const NIC = /^(dev\d+): index=\d+,type=nic,model=[^,]*,macaddr=([0-9a-f]{2}(?::[0-9a-f]{2}){5})$/;
/** At the beginning of a line; behind its NIC it is indented. */
const ORPHAN = /^(net\d+): index=\d+,type=tap\b/;

export function parseNetClients(text: unknown): NetClients {
  const lines = String(text).slice(0, TEXT_LENGTH_MAX).split(/\r?\n/);
  const macs = lines.flatMap((line) => {
    const [, id = "", mac = ""] = NIC.exec(line) ?? [];
    const key = keyOfDeviceId(id);
    return key === undefined ? [] : [[key, mac] as const];
  });
  return { macs: new Map(macs), orphans: lines.flatMap((line) => keyOfNetworkId(ORPHAN.exec(line)?.[1] ?? "") ?? []) };
}
