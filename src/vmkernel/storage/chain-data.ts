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
  readonly file: Readable;
  readonly format: "raw" | "qcow2";
  /** What errors call the file. */
  readonly name: string;
}

/** An open file, whoever closes it. */
export type Readable = Pick<OpenFile, "fd">;

/** Neighbouring clusters of one kind. `from` is where the data lies in the file of that link; absent for what reads as zeros. */
export interface Run {
  readonly offset: number;
  readonly length: number;
  readonly from?: { readonly file: Readable; readonly offset: number };
}

const PIECE_BYTES = 1024 * 1024;
const ABSENT: ClusterState = { kind: "absent" };

/**
 * The parts of a disk that some link of `chain` has, in their order. What none has is left out: it reads as zeros, or is the parent's
 * where the last link has one.
 * @param chain nearest first
 */
export async function* runsOf(chain: readonly OpenLink[], capacityBytes: number): AsyncGenerator<Run> {
  const maps = await mapsOf(chain);
  const base = chain.at(-1)?.format === "raw" ? chain.at(-1)?.file : undefined;
  for (let begin = 0; begin < capacityBytes; begin += L2_SPAN_BYTES) {
    const span = { offset: begin, length: Math.min(L2_SPAN_BYTES, capacityBytes - begin) };
    const tables = await tablesOf(maps, begin / L2_SPAN_BYTES);
    if (tables.length === 0) {
      if (base !== undefined) yield* rawRuns(base, span);
    } else yield* spanRuns(tables, base, span);
  }
}

/** One table of a span: its states, and the file that its data is in. */
interface Table {
  readonly file: Readable;
  readonly states: (cluster: number) => ClusterState;
}

async function* spanRuns(
  tables: readonly Table[],
  base: Readable | undefined,
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
  base: Readable | undefined,
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
function* expand(run: Run, base: Readable | undefined): Generator<Run> {
  if (base === undefined || run.from?.file !== base) yield run;
  else yield* rawRuns(base, run);
}

function* rawRuns(base: Readable, { offset, length }: { readonly offset: number; readonly length: number }): Generator<Run> {
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

/** What lies over a chain, in the order of the disk and in pieces of any length; without bytes where it reads as zeros. */
export interface Overlay {
  readonly parts: AsyncIterable<{ readonly offset: number; readonly length: number; readonly bytes?: Buffer }>;
  /** Nearest first. */
  readonly parents: readonly OpenLink[];
}

/** Writes the parts into a new qcow2 file. Of a cluster that they have only some of, the rest is the parents'. @returns how long it is */
export async function writeOverlaid(
  { parts, parents }: Overlay,
  to: OpenFile,
  { capacityBytes, watch }: { readonly capacityBytes: number; readonly watch: (doneBytes: number) => void },
): Promise<number> {
  const layout = new Qcow2Layout(capacityBytes);
  const below = await ChainReader.open(parents, capacityBytes);
  const bytes = Buffer.alloc(CLUSTER_BYTES);
  let cluster = -1;
  let end = 0; // how much of the cluster is in `bytes`
  const settle = async () => {
    if (cluster < 0) return;
    await below.read(cluster, bytes, { begin: end, end: CLUSTER_BYTES });
    await writeAllPieces(to.fd, layout.enter(cluster));
    await writeAllAt(to.fd, [bytes], layout.placeData(cluster));
    watch(cluster * CLUSTER_BYTES);
  };
  for await (const part of parts) {
    const length = Math.min(part.length, capacityBytes - part.offset);
    for (let done = 0; done < length; ) {
      const at = (part.offset + done) % CLUSTER_BYTES;
      const next = (part.offset + done - at) / CLUSTER_BYTES;
      const taken = Math.min(CLUSTER_BYTES - at, length - done);
      if (next !== cluster) {
        await settle();
        [cluster, end] = [next, 0];
      }
      await below.read(cluster, bytes, { begin: end, end: at });
      if (part.bytes === undefined) bytes.fill(0, at, at + taken);
      else part.bytes.copy(bytes, at, done, done + taken);
      end = at + taken;
      done += taken;
    }
  }
  await settle();
  const { pieces: last, length } = layout.finish();
  await writeAllPieces(to.fd, last);
  watch(capacityBytes);
  return length;
}

/** A chain that is read cluster by cluster, upwards, several at a time: the tables of one span are in memory. */
export class ChainReader {
  readonly #capacityBytes: number;
  readonly #maps: readonly (Qcow2Map | undefined)[];
  readonly #base: Readable | undefined;
  #span = -1;
  #tables: Promise<readonly Table[]> = Promise.resolve([]);

  private constructor(chain: readonly OpenLink[], maps: readonly (Qcow2Map | undefined)[], capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#maps = maps;
    this.#base = chain.at(-1)?.format === "raw" ? chain.at(-1)?.file : undefined;
  }

  static async open(chain: readonly OpenLink[], capacityBytes: number): Promise<ChainReader> {
    return new ChainReader(chain, await mapsOf(chain), capacityBytes);
  }

  /** Reads that part of a cluster into the same place of `into`. Behind the disk's end are zeros. */
  async read(cluster: number, into: Buffer, { begin, end }: { readonly begin: number; readonly end: number }): Promise<void> {
    if (end <= begin) return;
    into.fill(0, begin, end);
    const offset = cluster * CLUSTER_BYTES;
    const length = Math.min(end, this.#capacityBytes - offset) - begin;
    if (length <= 0) return;
    const tables = await this.#tablesOf(Math.floor(cluster / L2_ENTRIES));
    const run = findRun(tables, this.#base, { offset, length: CLUSTER_BYTES, cluster: cluster % L2_ENTRIES });
    if (run?.from !== undefined) await readAt(run.from.file.fd, into.subarray(begin, begin + length), run.from.offset + begin);
  }

  #tablesOf(span: number): Promise<readonly Table[]> {
    if (span !== this.#span) this.#tables = tablesOf(this.#maps, span);
    this.#span = span;
    return this.#tables;
  }
}

const mapsOf = (chain: readonly OpenLink[]) =>
  Promise.all(chain.map((link) => (link.format === "qcow2" ? Qcow2Map.open(link) : undefined)));

const tablesOf = async (maps: readonly (Qcow2Map | undefined)[], span: number): Promise<readonly Table[]> =>
  (await Promise.all(maps.map((map) => map?.table(span)))).filter((table) => table !== undefined);

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
