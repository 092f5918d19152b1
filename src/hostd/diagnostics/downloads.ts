/**
 * Support bundles that wait to be fetched: files of hostd's own, for an hour and until the next start, a few at a time.
 * Their names cannot be guessed, and whoever fetches one has logged in and may: see {@link openDownload}.
 */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Spool, type SpooledFile } from "../../system/index.ts";
import { encodeTarFile, fault, TAR_END, type TarFile } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { refuseAccess, subjectOf } from "../authorize.ts";
import { ROOT_FOLDER } from "../inventory-tree.ts";
import type { Client } from "../sessions.ts";

const KEPT_MS = 3_600_000;
const BUNDLES_MAX = 2; // each may be as large as all logs together, and hostd's folder holds the database too

export class Downloads {
  readonly #spool: Spool;
  /** Oldest first. */
  #names: readonly string[] = [];

  /** What an earlier hostd left is gone: its clients were told of it in a session that has ended. */
  constructor(folder: string) {
    this.#spool = new Spool(folder);
  }

  /** @returns the bundle's name, once it is whole */
  async add(label: string, files: AsyncIterable<TarFile>): Promise<string> {
    const name = `${label.replaceAll(/[^A-Za-z0-9.-]/g, "_").slice(0, 100)}-${randomUUID()}.tar.gz`;
    await pipeline(Readable.from(encodeTar(files)), createGzip(), (bytes) => this.#spool.write(name, bytes));
    this.#names = [...this.#names, name];
    while (this.#names.length > BUNDLES_MAX) await this.#remove(this.#names[0] ?? "");
    setTimeout(() => void this.#remove(name).catch(() => {}), KEPT_MS).unref(); // else the next start removes it
    return name;
  }

  /** @returns undefined when there is none of that name */
  async open(name: string): Promise<Download | undefined> {
    return this.#names.includes(name) ? { name, ...(await this.#spool.open(name)) } : undefined;
  }

  async #remove(name: string): Promise<void> {
    this.#names = this.#names.filter((other) => other !== name);
    await this.#spool.remove(name);
  }
}

export interface Download extends SpooledFile {
  readonly name: string;
}

async function* encodeTar(files: AsyncIterable<TarFile>): AsyncGenerator<Buffer> {
  for await (const file of files) yield* encodeTarFile(file);
  yield TAR_END;
}

export interface DownloadRequest {
  /** What the client's cookie holds (untrusted); undefined without one. */
  readonly sessionSecret: string | undefined;
  readonly client: Client;
  readonly name: string;
}

const PRIVILEGE = "Global.Diagnostics"; // what asking for the bundle needs

/** Opens a bundle for who may have it, and writes down who did. @throws {Fault} NotAuthenticated, NoPermission, FileNotFound */
export async function openDownload(agent: HostAgent, { sessionSecret, client, name }: DownloadRequest): Promise<Download> {
  const userName = agent.sessions.find(sessionSecret)?.userName;
  const record = { id: "httpaccess.request", subject: userName ?? "", object: `downloads/${name}`, ip: client.address } as const;
  const subject = subjectOf(agent, userName);
  const refusal = refuseAccess(ROOT_FOLDER, [ROOT_FOLDER.value], [PRIVILEGE], subject);
  if (refusal !== undefined) {
    agent.audit({ ...record, result: "failure", reason: refusal.fault });
    throw refusal;
  }
  const download = await agent.downloads.open(name);
  if (download === undefined) {
    agent.audit({ ...record, result: "failure", reason: "FileNotFound" });
    throw fault("FileNotFound", `There is no download ${name}.`, { file: name });
  }
  agent.audit({ ...record, result: "success" });
  return download;
}
