/**
 * The kernel's packet filter (nftables), by its own program: a script is one transaction, all of it or nothing.
 * Source: nft(8), libnftables-json(5).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";

const NFT = "/usr/sbin/nft";
const NSENTER = "/usr/bin/nsenter";
/** A script takes some 20 ms; what has not ended by then hangs. */
const RUN_TIMEOUT_MS = 20_000;
/** A table of ours lists as some hundred kilobytes at the most. */
const OUTPUT_BYTES_MAX = 8 * 2 ** 20;

/** Which network's filter: a namespace by its file, or the one that this process is in. */
export interface FilterPlace {
  readonly namespace?: string | undefined;
}

/** @throws {SystemError} with what nft complains of; then nothing has changed */
export async function loadRules(script: string, place: FilterPlace = {}): Promise<void> {
  const { code, stderr } = await runNft(["-f", "-"], place, script);
  if (code !== 0) throw new SystemError(`loading the packet filter: ${firstLine(stderr, code)}`);
}

/**
 * What the kernel holds of a table: chains, sets and rules, in order, without what only counts.
 * @returns undefined when there is no such table
 */
export async function listTable(name: string, place: FilterPlace = {}): Promise<readonly unknown[] | undefined> {
  return (await listWhole(name, place))?.map(withoutCounts);
}

/** How many packets have come to the last rule of a chain that counts them; undefined where there is none. */
export async function countAtEnd(table: string, chain: string, place: FilterPlace = {}): Promise<number | undefined> {
  const counts = (await listWhole(table, place))?.flatMap(({ rule }) => {
    const { chain: of, expr } = (rule ?? {}) as { chain?: string; expr?: readonly { counter?: { packets: number } }[] };
    return of === chain ? (expr ?? []).flatMap(({ counter }) => counter?.packets ?? []) : [];
  });
  return counts?.at(-1);
}

async function listWhole(name: string, place: FilterPlace): Promise<readonly Record<string, unknown>[] | undefined> {
  const { code, stdout, stderr } = await runNft(["--json", "--numeric", "list", "table", "inet", name], place);
  if (code !== 0 && stderr.includes("No such file or directory")) return undefined;
  if (code !== 0) throw new SystemError(`listing the packet filter's table ${name}: ${firstLine(stderr, code)}`);
  const { nftables } = JSON.parse(stdout) as { nftables: readonly Record<string, unknown>[] };
  return nftables.filter((object) => !("metainfo" in object));
}

/** Does nothing when there is none. */
export async function deleteTable(name: string, place: FilterPlace = {}): Promise<void> {
  await loadRules(`table inet ${name}\ndelete table inet ${name}\n`, place);
}

/** @returns undefined when this kernel and its nft take a filter like ours, else why not. Nothing is changed. */
export async function tryPacketFilter(): Promise<string | undefined> {
  const script = `table inet bulkhead-probe {
    chain input { type filter hook input priority filter; policy accept; ct state established accept; tcp flags & (syn | ack) == syn drop; }
  }\n`;
  try {
    const { code, stderr } = await runNft(["--check", "-f", "-"], {}, script);
    return code === 0 ? undefined : firstLine(stderr, code);
  } catch (error) {
    if (errnoCode(error) === "ENOENT") return `${NFT} is not installed`;
    throw error;
  }
}

/** Handles number what was made in which order, and counters what has passed: neither is of what is let through. */
function withoutCounts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCounts);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !["handle", "packets", "bytes"].includes(key));
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutCounts(inner)]));
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runNft(args: readonly string[], { namespace }: FilterPlace, input = ""): Promise<Ended> {
  const [program = NFT, ...rest] = namespace === undefined ? [NFT, ...args] : [NSENTER, `--net=${namespace}`, NFT, ...args];
  const child = spawn(program, rest, {
    cwd: "/",
    env: {},
    stdio: ["pipe", "pipe", "pipe"],
    timeout: RUN_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  child.stdin?.on("error", () => {}); // it ended before it read: its exit code says so
  child.stdin?.end(input);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  return { code, stdout, stderr };
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    bytes += chunk.length;
    if (bytes > OUTPUT_BYTES_MAX) throw new SystemError(`${NFT} says more than ${OUTPUT_BYTES_MAX} bytes`);
    chunks.push(Buffer.from(chunk as Buffer));
  }
  return Buffer.concat(chunks).toString();
}

function firstLine(stderr: string, code: number | null): string {
  return stderr.trim().split("\n")[0] || `nft ended with ${code ?? "a signal"}`;
}
