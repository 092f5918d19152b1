/**
 * A device or block node as the command line names it, as QMP takes it: "driver,key=value,a.b=c" → {driver, key, a: {b}}. Pure.
 * One plan serves both roads, so that a device is the same whether it was there at power-on or came later.
 * Source: QEMU 7.2 util/keyval.c; the types of the options as QAPI BlockdevOptionsRaw, ObjectOptions and the devices' properties have them.
 */

/** Options whose values are numbers or switches in QMP; every other one is a text. */
const NUMBERS = new Set(["size", "scsi-id", "lun", "unit", "nr", "max_ports", "vgamem_mb", "l2-cache-size", "l2-cache-entry-size"]);
const SWITCHES = new Set(["read-only", "merge", "dump", "vhost"]);
/** QEMU counts sizes on its command line; "128M" is what the plans write. */
const SIZE = /^(\d+)M$/;
const MIB = 1024 * 1024;

type Json = { [key: string]: string | number | boolean | Json };

/** @param implied what the first word is the value of: "driver" for a device, "qom-type" for an object, "type" for a network */
export function qmpArguments(option: string, implied?: "driver" | "qom-type" | "type"): Json {
  const found: Json = {};
  splitOptions(option).forEach((part, index) => {
    const at = part.indexOf("=");
    if (at < 0 && index === 0 && implied !== undefined) found[implied] = part;
    else put(found, part.slice(0, at).split("."), part.slice(at + 1));
  });
  return found;
}

/** A comma in a value is written twice. */
function splitOptions(option: string): string[] {
  return option.split(/(?<!,),(?!,)/).map((part) => part.replaceAll(",,", ","));
}

function put(into: Json, path: readonly string[], text: string): void {
  const [name = "", ...rest] = path;
  if (rest.length === 0) {
    into[name] = parseValue(name, text);
    return;
  }
  const inner = into[name];
  const next: Json = typeof inner === "object" ? inner : {};
  into[name] = next;
  put(next, rest, text);
}

function parseValue(name: string, text: string): string | number | boolean {
  if (SWITCHES.has(name)) return text === "on";
  if (!NUMBERS.has(name)) return text;
  const size = SIZE.exec(text);
  return size?.[1] === undefined ? Number(text) : Number(size[1]) * MIB;
}
