/**
 * The .vmx file of a VM: `key = "value"` lines. Pure.
 * Every line that is not changed is written back as it was read, so a file that ESXi made stays whole.
 * Source: ESXi's VM files.
 */
import { fault } from "../vim25/index.ts";

/** A .vmx file: its lines in order, and its values by key. Unchangeable; {@link updateVmx} makes another. */
export interface Vmx {
  readonly lines: readonly VmxLine[];
  /** Values by lower-case key: keys have no case. */
  readonly values: ReadonlyMap<string, string>;
}

/** `text` is the line as it stands in the file, without its line end. */
export type VmxLine =
  /** A comment or an empty line. */
  | { readonly kind: "other"; readonly text: string }
  | { readonly kind: "entry"; readonly key: string; readonly value: string; readonly text: string };

/** New values by key, as the key is to be spelled where it is new; undefined takes the key out. */
export type VmxChanges = Readonly<Record<string, string | undefined>>;

/** What a datastore's file may hold as text (vmkernel reads no more); ESXi's own files have a few KiB. */
export const VMX_BYTES_MAX = 1024 * 1024;
const VMX_LINES_MAX = 8192; // a VM of 256 disks has about 2,000
const KEY_LENGTH_MAX = 256;
const VALUE_LENGTH_MAX = 512 * 1024; // guestinfo.userdata of cloud-init takes tens of KiB

export const emptyVmx: Vmx = { lines: [], values: new Map() };

/**
 * @param text the whole file (untrusted: anyone who may write to the datastore wrote it)
 * @param name what errors call the file
 * @throws {Fault} InvalidVmConfig, which names the line
 */
export function parseVmx(text: string, name: string): Vmx {
  if (Buffer.byteLength(text) > VMX_BYTES_MAX) throw invalid(name, `is larger than ${VMX_BYTES_MAX} bytes`);
  const rows = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  if (rows.at(-1) === "") rows.pop();
  if (rows.length > VMX_LINES_MAX) throw invalid(name, `has more than ${VMX_LINES_MAX} lines`);
  const values = new Map<string, string>();
  const lines = rows.map((row, index): VmxLine => {
    const line = parseLine(row, `${name}, line ${index + 1}`);
    if (line.kind === "entry") {
      const key = line.key.toLowerCase();
      if (values.has(key)) throw invalid(`${name}, line ${index + 1}`, `sets ${line.key} again`, line.key);
      values.set(key, line.value);
    }
    return line;
  });
  checkEncoding(values, text, name);
  return { lines, values };
}

export function formatVmx(vmx: Vmx): string {
  return vmx.lines.map((line) => `${line.text}\n`).join("");
}

/** The value of `key`, whatever its case; undefined when it is not set. */
export function readVmx(vmx: Vmx, key: string): string | undefined {
  return vmx.values.get(key.toLowerCase());
}

/**
 * Sets and removes keys. A key that is there keeps its line and its spelling; new ones come last, in the order given.
 * @throws {Fault} InvalidVmConfig for a key or value that no .vmx can hold
 */
export function updateVmx(vmx: Vmx, changes: VmxChanges): Vmx {
  const pending = new Map(Object.entries(changes).map(([key, value]) => [key.toLowerCase(), { key, value }]));
  const lines: VmxLine[] = [];
  for (const line of vmx.lines) {
    const change = line.kind === "entry" ? pending.get(line.key.toLowerCase()) : undefined;
    if (line.kind === "other" || change === undefined) {
      lines.push(line);
      continue;
    }
    pending.delete(line.key.toLowerCase());
    if (change.value === line.value) lines.push(line);
    else if (change.value !== undefined) lines.push(makeEntry(line.key, change.value));
  }
  for (const { key, value } of pending.values()) if (value !== undefined) lines.push(makeEntry(key, value));
  const values = new Map(lines.flatMap((line) => (line.kind === "entry" ? [[line.key.toLowerCase(), line.value] as const] : [])));
  return { lines, values };
}

/** Keys in their order and spelling. */
export function vmxKeys(vmx: Vmx): string[] {
  return vmx.lines.flatMap((line) => (line.kind === "entry" ? [line.key] : []));
}

function makeEntry(key: string, value: string): VmxLine {
  if (!isVmxKey(key)) throw invalid("The configuration", `cannot have the key ${JSON.stringify(key.slice(0, KEY_LENGTH_MAX))}`, key);
  if (value.length > VALUE_LENGTH_MAX)
    throw invalid("The configuration", `cannot have a value of ${value.length} characters (${key})`, key);
  return { kind: "entry", key, value, text: `${key} = "${escapeValue(value)}"` };
}

/** Whether a .vmx can have such a key. */
export function isVmxKey(key: string): boolean {
  return key.length <= KEY_LENGTH_MAX && /^[^\s"#=\p{Cc}][^\s"=\p{Cc}]*$/u.test(key);
}

function parseLine(row: string, at: string): VmxLine {
  if (/^\s*(#|$)/.test(row)) return { kind: "other", text: row };
  const equals = row.indexOf("=");
  if (equals < 0) throw invalid(at, "has no =");
  const key = row.slice(0, equals).trim();
  if (!isVmxKey(key)) throw invalid(at, "has no proper key before =");
  const written = row.slice(equals + 1).trim();
  if (written.length > VALUE_LENGTH_MAX) throw invalid(at, `has a value of more than ${VALUE_LENGTH_MAX} characters`, key);
  return { kind: "entry", key, value: unescapeValue(unquote(written, at, key)), text: row };
}

function unquote(written: string, at: string, key: string): string {
  if (!written.startsWith('"')) {
    if (/["\p{Cc}]/u.test(written)) throw invalid(at, `has a stray quote or control character in the value of ${key}`, key);
    return written; // hosted products leave quotes out around plain words
  }
  const match = /^"([^"\p{Cc}]*)"\s*(#.*)?$/u.exec(written);
  if (match?.[1] === undefined) throw invalid(at, `has a value of ${key} that does not end with its quote`, key);
  return match[1];
}

/** `|` and two hex digits stand for a UTF-8 byte; anything else after `|` stands for itself, as an old file may have it. */
function unescapeValue(text: string): string {
  return text.replace(/(?:\|[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll("|", ""), "hex").toString("utf8"));
}

function escapeValue(value: string): string {
  return value.replace(/["|\p{Cc}\u2028\u2029]/gu, (character) =>
    Buffer.from(character).toString("hex").toUpperCase().replace(/../g, "|$&"),
  );
}

// Other encodings agree with UTF-8 on ASCII; beyond it the text that reached us may have been read wrongly.
function checkEncoding(values: ReadonlyMap<string, string>, text: string, name: string): void {
  const encoding = values.get(".encoding") ?? "UTF-8";
  if (/^utf-?8$/i.test(encoding)) return;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is all of ASCII
  if (!/^[\u0000-\u007f]*$/.test(text))
    throw invalid(name, `has characters beyond ASCII in the encoding ${encoding}; only UTF-8 is read`, ".encoding");
}

function invalid(at: string, problem: string, property?: string) {
  return fault("InvalidVmConfig", `${at} ${problem}.`, property === undefined ? {} : { property });
}
