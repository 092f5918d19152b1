/** Maps like those that a program uses, with nothing in them: what it does can be tried over them, and changes nothing for anybody. */
import { closeSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { withMap } from "./by-id.ts";
import { mapInfo } from "./info.ts";
import { createMap, type MapSpec, mapLookup, mapUpdate } from "./maps.ts";

const KEY_BYTES = 4;
const MAP_ID_BYTES = 4;
const ENTRIES_MAX = 64; // nothing is kept in them

/**
 * Of a map of one map, the twin has one like that in it.
 * @param ids of maps that there are
 * @param deed gets descriptors, in the order of the ids, for as long as it takes
 * @throws {SystemError} when one of them is gone, or of a kind that we make none of
 */
export function withMapTwins<T>(ids: readonly number[], deed: (fds: readonly number[]) => T): T {
  const [twins, inner]: [number[], number[]] = [[], []];
  try {
    for (const id of ids) {
      const spec = specOf(id);
      if (spec.kind !== "arrayOfMaps") twins.push(createMap(spec));
      else {
        const held = withMap(id, (fd) => mapLookup(fd, Buffer.alloc(KEY_BYTES), MAP_ID_BYTES)?.readUInt32LE());
        const within = createMap(specOf(held ?? 0));
        inner.push(within);
        const twin = createMap({ ...spec, inner: within });
        twins.push(twin);
        const value = Buffer.alloc(MAP_ID_BYTES);
        value.writeUInt32LE(within);
        mapUpdate(twin, Buffer.alloc(KEY_BYTES), value);
      }
    }
    return deed(twins);
  } finally {
    for (const fd of [...twins, ...inner]) closeSync(fd);
  }
}

function specOf(id: number): MapSpec {
  const info = withMap(id, mapInfo);
  if (info?.kind === undefined) throw new SystemError(`there is no map ${id} of a kind that is known`);
  const { kind, keyBytes, valueBytes, entriesMax } = info;
  return { name: "twin", kind, keyBytes, valueBytes, entriesMax: Math.min(entriesMax, ENTRIES_MAX) };
}
