/**
 * The import rule of the source tree, as a function of its files. Pure.
 * Imports point down the list of layers; the subsystems of vmkernel do not know each other; one layer calls Linux.
 * Source: ARCHITECTURE «Where a line of code belongs».
 */

export interface SourceFile {
  /** Beneath src/, with forward slashes: "vmkernel/vmm/plan.ts". */
  readonly path: string;
  readonly text: string;
}

/** From the bottom up: a layer imports from those before it. */
const LAYERS = [
  "base",
  "wire",
  "ebpf",
  "system",
  "vmkernel",
  "access",
  "management",
  "integrity",
  "hostd",
  "interfaces",
  "evidence",
  "main",
] as const;

/** Modules by which code reaches the operating system, other processes or the network: system/ has them, nobody else. */
const RESTRICTED: ReadonlySet<string> = new Set([
  "koffi",
  "libsql",
  "node:child_process",
  "node:cluster",
  "node:dgram",
  "node:dns",
  "node:fs",
  "node:fs/promises",
  "node:http",
  "node:http2",
  "node:https",
  "node:module", // createRequire imports anything
  "node:net",
  "node:os",
  "node:tls",
  "node:worker_threads",
]);

/** What these modules export that touches nothing. */
const HARMLESS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["node:net", new Set(["isIP", "isIPv4", "isIPv6"])],
  ["node:os", new Set(["constants"])],
]);

/** What esxcli's commands are, and how they and `top` print: a command at the machine loads no host agent with it, nor the host these. */
const SIDE_DOORS: ReadonlySet<string> = new Set([
  "/src/hostd/esxcli/index.ts",
  "/src/interfaces/esxcli/index.ts",
  "/src/interfaces/top/index.ts",
]);

interface Exception {
  /** A module, a file outside src/ by its path in the repository, or "system path" for the name of a file that is Linux's and not ours. */
  readonly what: string;
  /** A file, or a folder with everything in it. */
  readonly where: string;
  readonly because: string;
}

/** Reviewed in every diff: who may do what the rule forbids, and why. */
export const EXCEPTIONS: readonly Exception[] = [
  { what: "node:fs", where: "wire/vim25/schema-rows.ts", because: "reads the schema that is shipped beside the code" },
  { what: "node:fs", where: "vmkernel/", because: "keeps its run-time files, which are its own; Linux's are read by system/" },
  { what: "node:fs", where: "management/", because: "keeps the host's certificate, and those it trusts, in hostd's own folder" },
  { what: "node:fs", where: "main/", because: "wires the processes together: their folders, locks and logs" },
  { what: "node:os", where: "main/host-run.ts", because: "the host is called what its machine is called" },
  { what: "node:os", where: "main/machine.ts", because: "asks once, at start, at which addresses the machine is reached" },
  { what: "guest/build.mjs", where: "main/start/start.ts", because: "the demonstration boots the guest that is built there" },
  { what: "node:net", where: "vmkernel/rpc-server.ts", because: "vmkernel's door is a unix socket" },
  { what: "node:net", where: "vmkernel/file-door-server.ts", because: "its other door, which passes open files, is one too" },
  { what: "node:net", where: "vmkernel/rpc-client.ts", because: "the other end of it" },
  { what: "node:net", where: "vmkernel/vmm/qmp-connection.ts", because: "QEMU's control socket" },
  { what: "node:net", where: "vmkernel/vmm/guest-agent.ts", because: "the guest agent's socket" },
  { what: "libsql", where: "hostd/database.ts", because: "hostd owns the database" },
  { what: "node:https", where: "interfaces/sdk/", because: "the API is HTTPS" },
  { what: "node:net", where: "interfaces/sdk/", because: "the API is served on more than one socket" },
  { what: "node:tls", where: "interfaces/sdk/", because: "the API is HTTPS" },
  { what: "system path", where: "main/machine.ts", because: "asks once, at start, for the ids of hostd's user" },
  { what: "system path", where: "vmkernel/remember-accelerator.ts", because: "the choice holds as long as /dev/kvm is the same device" },
  { what: "system path", where: "vmkernel/vmm/accelerator-kvm.ts", because: "judges what kind of file /dev/kvm is" },
  { what: "system path", where: "vmkernel/vmm/accelerator.ts", because: "opens its own descriptors again by their names in /proc" },
];

/** @returns a sentence for each breach; empty when the rule holds */
export function breachesOfImportRule(files: readonly SourceFile[], exceptions = EXCEPTIONS): readonly string[] {
  return files
    .filter(({ path }) => !path.endsWith(".generated.ts"))
    .flatMap((file) => [...importsOf(file.text).flatMap((one) => judge(file.path, one, exceptions)), ...judgeText(file, exceptions)]);
}

/** Exceptions that no file needs any more. */
export function unusedExceptions(files: readonly SourceFile[]): readonly Exception[] {
  return EXCEPTIONS.filter((exception) => {
    const covered = files.filter(({ path }) => covers(exception, path));
    const others = EXCEPTIONS.filter((other) => other !== exception);
    return breachesOfImportRule(covered, others).length === breachesOfImportRule(covered).length;
  });
}

interface Import {
  readonly from: string;
  /** Undefined for all of the module, and for what is found out only at run time. */
  readonly names: readonly string[] | undefined;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
}

const STATIC_IMPORT = /^\s*(?:import|export)\s+(type\s+)?(?:([^"';]*?)\s+from\s+)?["']([^"']+)["']/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*(?:["']([^"']+)["'])?/g;

function importsOf(text: string): readonly Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const found: Import[] = [...code.matchAll(STATIC_IMPORT)].map(([, type, clause, from = ""]) => ({
    from,
    names: namesIn(clause ?? ""),
    typeOnly: type !== undefined,
  }));
  for (const [, from] of code.replace(/^\s*\/\/.*$/gm, "").matchAll(DYNAMIC_IMPORT)) {
    found.push({ from: from ?? "a name that is computed", names: undefined, typeOnly: false });
  }
  return found;
}

/** The values that `{ a, type B, c as d }` names; undefined for any other clause. */
function namesIn(clause: string): readonly string[] | undefined {
  const inner = /^\{([^}]*)\}$/.exec(clause.trim())?.[1];
  return inner
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "))
    .map((name) => name.split(/\s+/)[0] ?? "");
}

function judge(path: string, one: Import, exceptions: readonly Exception[]): readonly string[] {
  if (one.from === "a name that is computed") return [`${path} imports ${one.from}`];
  return one.from.startsWith(".") ? judgeRelative(path, one.from, exceptions) : judgeModule(path, one, exceptions);
}

function judgeRelative(path: string, from: string, exceptions: readonly Exception[]): readonly string[] {
  const target = new URL(from, `file:///src/${path}`).pathname;
  const breach = (why: string): readonly string[] => [`${path} imports ${from}: ${why}`];
  if (!target.startsWith("/src/")) return isTest(path) || isExcepted(target.slice(1), path, exceptions) ? [] : breach("it is outside src/");
  const [layer, own = ""] = [target.split("/")[2] ?? "", path.split("/")[0]];
  const [height, ownHeight] = [LAYERS.indexOf(layer as never), LAYERS.indexOf(own as never)];
  if (height === -1 || ownHeight === -1) return breach(`${height === -1 ? layer : own} is no layer`);
  if (height > ownHeight) return breach(`${layer} is above ${own}`);
  const isDoor = target === `/src/${layer}/index.ts` || SIDE_DOORS.has(target) || (isTest(path) && isTest(target));
  if (height < ownHeight && !isDoor) return breach(`${layer} is entered by its index.ts`);
  const [sibling, ownSibling] = [target.split("/").slice(2, -1)[1], path.split("/").slice(0, -1)[1]];
  if (own === "vmkernel" && layer === own && ownSibling !== undefined && sibling !== undefined && sibling !== ownSibling) {
    return breach(`${ownSibling} does not know ${sibling}`);
  }
  return [];
}

function judgeModule(path: string, { from, names, typeOnly }: Import, exceptions: readonly Exception[]): readonly string[] {
  const bare = RESTRICTED.has(`node:${from}`) ? `node:${from}` : from; // "fs" is "node:fs"
  if (!RESTRICTED.has(bare) || typeOnly || path.startsWith("system/") || isTest(path)) return [];
  if (names?.every((name) => HARMLESS.get(bare)?.has(name) === true) === true) return [];
  const what = bare.replace(/\/promises$/, "");
  if (isExcepted(what, path, exceptions)) return [];
  return [`${path} imports ${from}: only system/ may`];
}

const SYSTEM_PATH = /["'`]\/(?:proc|sys|dev|etc)\//;
const DEFAULT_EXPORT = /^export\s+default\b|^export\s*\{[^}]*\bas\s+default\b/m;

function judgeText({ path, text }: SourceFile, exceptions: readonly Exception[]): readonly string[] {
  const breaches: string[] = [];
  if (DEFAULT_EXPORT.test(text)) breaches.push(`${path} has a default export`);
  const readsFiles = importsOf(text).some(({ from, typeOnly }) => /^(node:)?fs(\/promises)?$/.test(from) && !typeOnly);
  const allowed = path.startsWith("system/") || isTest(path) || isExcepted("system path", path, exceptions);
  const [systemPath] = SYSTEM_PATH.exec(text) ?? [];
  if (readsFiles && systemPath !== undefined && !allowed)
    breaches.push(`${path} reads files and names ${systemPath.slice(1)}: only system/ may`);
  return breaches;
}

function isExcepted(what: string, path: string, exceptions: readonly Exception[]): boolean {
  return exceptions.some((exception) => exception.what === what && covers(exception, path));
}

function covers({ where }: Exception, path: string): boolean {
  return where.endsWith("/") ? path.startsWith(where) : path === where;
}

/** Tests make folders and processes of their own. */
function isTest(path: string): boolean {
  return /\.(test|fixture)\.ts$/.test(path);
}
