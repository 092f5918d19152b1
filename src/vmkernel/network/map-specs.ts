/** The maps of switches and ports, as the kernel makes them. Pure. */
import type { MapSpec } from "../../system/index.ts";
import { COUNTERS_BYTES } from "./compile/counters.ts";
import { CONNECTION_BYTES, CONNECTIONS_MAX, FLOW_BYTES } from "./compile/firewall/places.ts";
import { LOGGED_BYTES } from "./compile/firewall/rules.ts";
import { BUCKETS_BYTES } from "./compile/police.ts";
import type { MAPS } from "./compile/port-builder.ts";
import { TABLE_KEY_BYTES, TABLE_VALUE_BYTES, VLAN_IDS } from "./plan-table.ts";

/** BPF_F_RDONLY_PROG: no program can write to it, whatever it does. */
const READ_ONLY = 1 << 7;
const ONE = { keyBytes: 4, entriesMax: 1 } as const;

type Spec = Omit<MapSpec, "name">;
type MapName = keyof typeof MAPS;

//= paper «Virtual Switch Correctness»
//# Virtual switches do not gather information from the network to populate their forwarding tables.
/** What a table of the switch is; all that a program can reach is in it. */
export const INNER_TABLE: Omit<Spec, "entriesMax"> = {
  kind: "hash",
  keyBytes: TABLE_KEY_BYTES,
  valueBytes: TABLE_VALUE_BYTES,
  flags: READ_ONLY,
};

export const SWITCH_MAPS = {
  table: { kind: "arrayOfMaps", ...ONE, valueBytes: 4 },
  standIns: { kind: "array", ...ONE, valueBytes: VLAN_IDS * 2, flags: READ_ONLY },
} as const satisfies { readonly [Name in MapName]?: Spec };

/** A port's own: what its programs write. */
export const PORT_MAPS = {
  counters: { kind: "array", ...ONE, valueBytes: COUNTERS_BYTES },
  buckets: { kind: "array", ...ONE, valueBytes: BUCKETS_BYTES },
  connections: { kind: "lruHash", keyBytes: FLOW_BYTES, valueBytes: CONNECTION_BYTES, entriesMax: CONNECTIONS_MAX },
  logged: { kind: "array", ...ONE, valueBytes: LOGGED_BYTES },
} as const satisfies { readonly [Name in MapName]?: Spec };

export type PortMapName = keyof typeof PORT_MAPS;
export const PORT_MAP_NAMES = Object.keys(PORT_MAPS) as readonly PortMapName[];

export function isPortMap(name: string): name is PortMapName {
  return Object.hasOwn(PORT_MAPS, name);
}
