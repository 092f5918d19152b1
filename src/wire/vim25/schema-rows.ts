/** The schema as it is stored: schema.json, read once, when first asked for. About 3 MB in memory. Written by tools/extract-vim25.py. */
import { readFileSync } from "node:fs";

/** [name, type, version that it came with, flags: "?" optional, "~" travels as the key of what it links to; privilege] */
export type MemberRow = readonly [name: string, type: string, version: string, flags: string, privilege?: string];

export interface VersionRow {
  readonly name: string;
  readonly namespace: string;
  readonly includes: readonly string[];
}

export interface EnumRow {
  readonly version: string;
  readonly values: readonly string[];
}

export interface DataObjectRow {
  readonly base: string | null;
  readonly version: string;
  readonly properties: readonly MemberRow[];
}

export interface MethodRow {
  readonly vmodl: string;
  readonly version: string;
  readonly params: readonly MemberRow[];
  readonly result: string;
  readonly optional: boolean;
  readonly privilege: string | null;
  readonly faults: readonly string[];
  readonly taskResult?: string | null;
}

export interface ManagedObjectRow {
  readonly base: string | null;
  readonly vmodl: string;
  readonly version: string;
  readonly properties: readonly MemberRow[];
  readonly methods: Readonly<Record<string, MethodRow>>;
}

/** Maps, because the names that are looked up come from outside: an object would answer to "constructor". */
export interface SchemaRows {
  readonly versions: ReadonlyMap<string, VersionRow>;
  readonly enums: ReadonlyMap<string, EnumRow>;
  readonly dataObjects: ReadonlyMap<string, DataObjectRow>;
  readonly managedObjects: ReadonlyMap<string, ManagedObjectRow>;
}

interface SchemaFile {
  readonly versions: Record<string, VersionRow>;
  readonly enums: Record<string, EnumRow>;
  readonly dataObjects: Record<string, DataObjectRow>;
  readonly managedObjects: Record<string, ManagedObjectRow>;
}

let rows: SchemaRows | undefined;

export function schemaRows(): SchemaRows {
  rows ??= readRows();
  return rows;
}

function readRows(): SchemaRows {
  // The same three steps up from src/wire/vim25 and from dist/wire/vim25: the file is not copied by the compiler.
  const file = new URL("../../../src/wire/vim25/schema.json", import.meta.url);
  const { versions, enums, dataObjects, managedObjects } = JSON.parse(readFileSync(file, "utf8")) as SchemaFile;
  return {
    versions: new Map(Object.entries(versions)),
    enums: new Map(Object.entries(enums)),
    dataObjects: new Map(Object.entries(dataObjects)),
    managedObjects: new Map(Object.entries(managedObjects)),
  };
}
