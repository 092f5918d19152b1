/**
 * What QEMU's query-rx-filter tells of the groups that drivers ask their adapters for. Pure. Of all models only virtio's tells it.
 * Source: QEMU 7.2 qapi/net.json RxFilterInfo, hw/net/virtio-net.c. A guest that broke out may have written it: what does not fit is
 * not there, and an adapter of which nothing is known takes every group's frames.
 */
import type { AdapterState } from "../machine.ts";
import { keyOfDeviceId } from "./expected-devices.ts";
import { listOf } from "./live-machine.ts";

type GroupFilter = NonNullable<AdapterState["groups"]>;

/** As many as a virtio adapter keeps (MAC_TABLE_ENTRIES): one whose driver asks for more takes all, and QEMU says so. */
const GROUPS_MAX = 64;
const GROUP_MAC = /^[0-9a-f][13579bdf](:[0-9a-f]{2}){5}$/;

/** By the key of the NIC. */
export function parseRxFilters(answer: unknown): ReadonlyMap<number, GroupFilter> {
  const filters = listOf(answer).flatMap((filter) => {
    const key = keyOfDeviceId(String(filter.name));
    const groups = groupsOf(filter);
    return key === undefined || groups === undefined ? [] : [[key, groups] as const];
  });
  return new Map(filters);
}

function groupsOf(filter: Readonly<Record<string, unknown>>): GroupFilter | undefined {
  const { promiscuous, multicast, "broadcast-allowed": broadcast, "multicast-overflow": overflow, "multicast-table": table } = filter;
  // Also where a driver has not said yet what it wants, and where it never does. It may ask for all groups in any case.
  if (promiscuous !== false || typeof broadcast !== "boolean") return undefined;
  if (multicast === "none") return { broadcast, multicast: [] };
  if (multicast !== "normal" || overflow !== false || !Array.isArray(table) || table.length > GROUPS_MAX)
    return { broadcast, multicast: "all" };
  const groups = table.filter((mac) => typeof mac === "string" && GROUP_MAC.test(mac));
  return { broadcast, multicast: [...new Set<string>(groups)].sort() };
}
