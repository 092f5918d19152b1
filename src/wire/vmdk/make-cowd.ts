/**
 * A COWD extent (vmfsSparse) as ESXi lays one out: header, directory, tables, grains of one sector. Pure. The host writes none; it is for
 * who makes a folder of ESXi's by hand, as tests do.
 */
import { SECTOR_BYTES } from "./descriptor.ts";
import { COWD_TABLE_ENTRIES } from "./sparse-header.ts";

const DIRECTORY_SECTOR = 4;
const TABLE_SECTORS = (COWD_TABLE_ENTRIES * 4) / SECTOR_BYTES;

/** @param grains what the extent has of its own: 512 bytes by the sector that they are */
export function makeCowd(capacitySectors: number, grains: ReadonlyMap<number, Buffer>): Buffer {
  const tables = Math.ceil(capacitySectors / COWD_TABLE_ENTRIES);
  const directorySectors = Math.ceil((tables * 4) / SECTOR_BYTES);
  const used = [...new Set([...grains.keys()].map((sector) => Math.floor(sector / COWD_TABLE_ENTRIES)))].toSorted((a, b) => a - b);
  const firstTable = DIRECTORY_SECTOR + directorySectors;
  const firstGrain = firstTable + used.length * TABLE_SECTORS;
  const file = Buffer.alloc((firstGrain + grains.size) * SECTOR_BYTES);
  file.write("COWD", 0, "latin1");
  [1, 3, capacitySectors, 1, DIRECTORY_SECTOR, tables, firstGrain + grains.size].forEach((word, index) => {
    file.writeUInt32LE(word, 4 + index * 4);
  });
  used.forEach((table, index) => {
    file.writeUInt32LE(firstTable + index * TABLE_SECTORS, DIRECTORY_SECTOR * SECTOR_BYTES + table * 4);
  });
  [...grains].forEach(([sector, bytes], index) => {
    const table = firstTable + used.indexOf(Math.floor(sector / COWD_TABLE_ENTRIES)) * TABLE_SECTORS;
    file.writeUInt32LE(firstGrain + index, table * SECTOR_BYTES + (sector % COWD_TABLE_ENTRIES) * 4);
    bytes.copy(file, (firstGrain + index) * SECTOR_BYTES);
  });
  return file;
}
