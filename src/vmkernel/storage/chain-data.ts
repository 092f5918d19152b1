/**
 * What a disk with parents holds, cluster by cluster, read without a monitor: the first of the chain that has a cluster tells what is
 * in it. For copies of it, and for putting a child into its parent while nobody has them open.
 */
import { dataRanges, type OpenFile, readAt, writeAllAt, writeAllPieces, writeZeros } from "../../system/index.ts";
import {
  CLUSTER_BYTES,
  type ClusterState,
  fault,
  L2_ENTRIES,
  L2_SPAN_BYTES,
  parseQcow2Header,
  QCOW2_HEADER_BYTES,
  Qcow2Layout,
  readL1Entry,
  readL2Entry,
} from "../../wire/index.ts";

export interface OpenLink {
  readonly file: OpenFile;
  readonly format: "raw" | "qcow2";
  /** What errors call the file. */
  readonly name: string;
}

/** Neighbouring clusters of one kind. `from` is where the data lies in the file of that link; absent for what reads as zeros. */
export interface Run {
  readonly offset: number;
  readonly length: number;
  readonly from?: { readonly file: OpenFile; readonly offset: number };
}

const PIECE_BYTES = 1024 * 1024;
const ABSENT: ClusterState = { kind: "absent" };

/**
 * The parts of a disk that some link of `chain` has, in their order. What none has is left out: it reads as zeros, or is the parent's
 * where the last link has one.
 * @param chain nearest first
 */
export async function* runsOf(chain: readonly OpenLink[], capacityBytes: number): AsyncGenerator<Run> {
  const maps = await Promise.all(chain.map((link) => (link.format === "qcow2" ? Qcow2Map.open(link) : undefined)));
  const base = chain.at(-1)?.format === "raw" ? chain.at(-1)?.file : undefined;
  for (let begin = 0; begin < capacityBytes; begin += L2_SPAN_BYTES) {
    const span = { offset: begin, length: Math.min(L2_SPAN_BYTES, capacityBytes - begin) };
    const tables = (await Promise.all(maps.map((map) => map?.table(begin / L2_SPAN_BYTES)))).filter((table) => table !== undefined);
    if (tables.length === 0) {
      if (base !== undefined) yield* rawRuns(base, span);
    } else yield* spanRuns(tables, base, span);
  }
}

/** One table of a span: its states, and the file that its data is in. */
interface Table {
  readonly file: OpenFile;
  readonly states: (cluster: number) => ClusterState;
}

async function* spanRuns(
  tables: readonly Table[],
  base: OpenFile | undefined,
  span: { offset: number; length: number },
): AsyncGenerator<Run> {
  let held: Run | undefined;
  for (let at = 0; at < span.length; at += CLUSTER_BYTES) {
    const offset = span.offset + at;
    const length = Math.min(CLUSTER_BYTES, span.length - at);
    const next = findRun(tables, base, { offset, length, cluster: at / CLUSTER_BYTES });
    const joined = held !== undefined && next !== undefined ? join(held, next) : undefined;
    if (joined !== undefined) held = joined;
    else {
      if (held !== undefined) yield* expand(held, base);
      held = next;
    }
  }
  if (held !== undefined) yield* expand(held, base);
}

function findRun(
  tables: readonly Table[],
  base: OpenFile | undefined,
  { offset, length, cluster }: { readonly offset: number; readonly length: number; readonly cluster: number },
): Run | undefined {
  for (const { file, states } of tables) {
    const state = states(cluster);
    if (state.kind === "data") return { offset, length, from: { file, offset: state.offset } };
    if (state.kind === "zero") return { offset, length };
  }
  return base === undefined ? undefined : { offset, length, from: { file: base, offset } };
}

function join(one: Run, next: Run): Run | undefined {
  if (one.offset + one.length !== next.offset) return undefined;
  const isSame = one.from?.file === next.from?.file && (one.from === undefined || one.from.offset + one.length === next.from?.offset);
  return isSame ? { ...one, length: one.length + next.length } : undefined;
}

/** Of what is the base's, only its data: its holes stay holes. */
function* expand(run: Run, base: OpenFile | undefined): Generator<Run> {
  if (base === undefined || run.from?.file !== base) yield run;
  else yield* rawRuns(base, run);
}

function* rawRuns(base: OpenFile, { offset, length }: { readonly offset: number; readonly length: number }): Generator<Run> {
  for (const range of dataRanges(base, offset + length)) {
    const begin = Math.max(range.offset, offset);
    const end = range.offset + range.length;
    if (end > begin) yield { offset: begin, length: end - begin, from: { file: base, offset: begin } };
  }
}

/** Writes what a chain has into a file that holds its disk byte for byte. `watch` is told how far it has come. */
export async function writeRuns(
  chain: readonly OpenLink[],
  to: OpenFile,
  capacityBytes: number,
  watch: (doneBytes: number) => void,
): Promise<void> {
  for await (const run of runsOf(chain, capacityBytes)) {
    const { from } = run;
    if (from === undefined) await writeZeros(to, run, watch);
    else
      for await (const { offset, bytes } of pieces({ ...run, from })) {
        await writeAllAt(to.fd, [bytes], offset);
        watch(offset + bytes.length);
      }
  }
  watch(capacityBytes);
}

/** Writes what these links have, and nothing of what lies under them, into a new qcow2 file. @returns how long it is */
export async function writeMerged(
  links: readonly OpenLink[],
  to: OpenFile,
  capacityBytes: number,
  watch: (doneBytes: number) => void,
): Promise<number> {
  const layout = new Qcow2Layout(capacityBytes);
  for await (const run of runsOf(links, capacityBytes)) {
    for (let at = 0; at < run.length; at += CLUSTER_BYTES) {
      const cluster = (run.offset + at) / CLUSTER_BYTES;
      await writeAllPieces(to.fd, layout.enter(cluster));
      if (run.from === undefined) layout.placeZero(cluster);
      else {
        const bytes = Buffer.alloc(CLUSTER_BYTES);
        await readAt(run.from.file.fd, bytes, run.from.offset + at);
        await writeAllAt(to.fd, [bytes], layout.placeData(cluster));
      }
      watch(run.offset + at);
    }
  }
  const { pieces: last, length } = layout.finish();
  await writeAllPieces(to.fd, last);
  watch(capacityBytes);
  return length;
}

async function* pieces({ offset, length, from }: Required<Run>): AsyncGenerator<{ readonly offset: number; readonly bytes: Buffer }> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length));
  for (let done = 0; done < length; ) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, length - done));
    const read = await readAt(from.file.fd, wanted, from.offset + done);
    wanted.fill(0, read); // a cluster at the end of its file may be cut short: what is not there reads as zeros
    yield { offset: offset + done, bytes: wanted };
    done += wanted.length;
  }
}

/** Where the clusters of a qcow2 file are: one table of the file is in memory at a time. */
class Qcow2Map {
  readonly #link: OpenLink;
  readonly #l1: Buffer;

  private constructor(link: OpenLink, l1: Buffer) {
    this.#link = link;
    this.#l1 = l1;
  }

  static async open(link: OpenLink): Promise<Qcow2Map> {
    const header = Buffer.alloc(QCOW2_HEADER_BYTES);
    await readAt(link.file.fd, header, 0);
    const { l1Offset, l1Entries } = parseQcow2Header(header, link.name);
    const l1 = Buffer.alloc(l1Entries * 8);
    await readAt(link.file.fd, l1, l1Offset);
    return new Qcow2Map(link, l1);
  }

  /** @returns undefined where the file has nothing in the span */
  async table(span: number): Promise<Table | undefined> {
    const offset = readL1Entry(this.#l1.readBigUInt64BE(span * 8));
    if (offset === 0) return undefined;
    const { file, name } = this.#link;
    const l2 = Buffer.alloc(CLUSTER_BYTES);
    if ((await readAt(file.fd, l2, offset)) === 0) throw fault("InvalidDiskFormat", `${name} is cut short.`, {});
    const states = (cluster: number) => (cluster < L2_ENTRIES ? readL2Entry(l2.readBigUInt64BE(cluster * 8), name) : ABSENT);
    return { file, states };
  }
}
