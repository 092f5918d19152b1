/** hostd's side of vmkernel's file door: open files by descriptor, and the uploads that they belong to. */
import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { type DatastorePath, formatDatastorePath, messageOf, Turns } from "../base/index.ts";
import { askForDescriptor } from "../system/index.ts";
import { fault, LineSplitter } from "../wire/index.ts";
import { FILE_LINE_BYTES_MAX, type FileRequest, type FileResults } from "./file-door.ts";
import { ConnectionLost } from "./rpc-client.ts";
import { decodeMessage, encodeRequest } from "./rpc-wire.ts";

/** vmkernel answers in milliseconds, also on a machine that is busy; one that is stuck is not waited for. */
const ANSWER_MS = 15_000;
/** Each waits on a thread of its own, of the four that also read and write files. */
const ASKING_MAX = 2;
/** Names what was received: what is still in memory goes to the disk first. */
const COMMIT_MS = 600_000;

/** An open file. Whoever asked for it closes it. */
export interface DownloadFile extends Disposable {
  readonly fd: number;
}

/** A file that is being received. Closed without a commit, it is gone, or kept to be resumed where that was asked for. */
export interface UploadFile extends Disposable {
  readonly fd: number;
  /** @throws {Fault} what became of the name meanwhile: FileLocked, FileAlreadyExists, NoDiskSpace … */
  commit(): Promise<FileResults["commit"]>;
}

/** Open files of the datastores, as hostd gets them. */
/** The file of one disk of a chain. */
export interface OpenedLayer extends DownloadFile {
  readonly format: "raw" | "qcow2";
  /** What errors call it. */
  readonly name: string;
}

export interface FileDoor {
  /** @throws {Fault} FileNotFound, FileLocked, CannotAccessFile … @throws {ConnectionLost}, as the others do */
  openDownload(file: DatastorePath): Promise<DownloadFile>;
  beginUpload(file: DatastorePath, rules: { readonly sizeBytes: number | undefined; readonly mustBeNew: boolean }): Promise<UploadFile>;
  resumeUpload(
    file: DatastorePath,
    rules: { readonly sizeBytes: number; readonly mustBeNew: boolean; readonly mayBegin: boolean },
  ): Promise<UploadFile>;
  /** What a disk has of its own, to read. */
  openLayer(descriptor: DatastorePath): Promise<OpenedLayer>;
  /** The data of a disk, to write anew; it reads as zeros. Closed without a commit, it holds what was written. */
  beginDiskImport(descriptor: DatastorePath, options: { readonly eager: boolean }): Promise<UploadFile>;
}

/** @returns a socket that listens on one of the host's own interfaces, the caller's to close. @throws {Fault} NotFound, InvalidArgument */
export async function askToListen(path: string, place: { readonly device: string; readonly port: number }): Promise<number> {
  const { fd, socket } = await open(path, { kind: "listen", ...place });
  socket.destroy();
  return fd;
}

type Opening = Exclude<FileRequest, { kind: "commit" }>;

/** @param path of the door's socket */
export function createFileDoor(path: string): FileDoor {
  const turns = new Turns(ASKING_MAX);
  const ask = (request: Opening) => turns.take(() => open(path, request));
  const openToRead = async (request: Opening): Promise<DownloadFile> => {
    const { fd, socket } = await ask(request);
    socket.destroy();
    return { fd, [Symbol.dispose]: onlyOnce(() => closeSync(fd)) };
  };
  return {
    openDownload: (file) => openToRead({ kind: "openDownload", file }),
    openLayer: async (descriptor) => {
      const { fd, socket, result } = await ask({ kind: "openLayer", descriptor });
      socket.destroy();
      const { format } = result as FileResults["openLayer"];
      return { fd, format, name: formatDatastorePath(descriptor), [Symbol.dispose]: onlyOnce(() => closeSync(fd)) };
    },
    beginDiskImport: async (descriptor, { eager }) => new Upload(await ask({ kind: "beginDiskImport", descriptor, eager })),
    beginUpload: async (file, { sizeBytes, mustBeNew }) =>
      new Upload(await ask({ kind: "beginUpload", file, mustBeNew, ...(sizeBytes === undefined ? {} : { sizeBytes }) })),
    resumeUpload: async (file, rules) => new Upload(await ask({ kind: "resumeUpload", file, ...rules })),
  };
}

interface Opened {
  readonly fd: number;
  readonly result: unknown;
  readonly socket: Socket;
}

async function open(path: string, request: Opening): Promise<Opened> {
  const question = { path, line: encodeRequest(1, request).trimEnd(), bytesMax: FILE_LINE_BYTES_MAX, timeoutMs: ANSWER_MS };
  const { line, fd, socket } = await askForDescriptor(question).catch((cause) => {
    throw new ConnectionLost(`${request.kind}: vmkernel did not answer`, true, { cause });
  });
  try {
    const message = decodeMessage(line);
    if (message.kind === "fault") throw message.fault;
    if (fd === undefined) throw new Error("vmkernel answered without a file");
    socket.on("error", () => {}); // "close" follows
    return { fd, socket, result: message.kind === "result" ? message.result : undefined };
  } catch (error) {
    socket.destroy();
    if (fd !== undefined) closeSync(fd);
    throw error;
  }
}

class Upload implements UploadFile {
  readonly fd: number;
  readonly #socket: Socket;
  readonly #close: () => void;

  constructor({ fd, socket }: Opened) {
    this.fd = fd;
    this.#socket = socket;
    this.#close = onlyOnce(() => {
      socket.destroy();
      closeSync(fd);
    });
  }

  commit(): Promise<FileResults["commit"]> {
    const socket = this.#socket;
    const lines = new LineSplitter(FILE_LINE_BYTES_MAX);
    return new Promise((resolve, reject) => {
      socket.setTimeout(COMMIT_MS, () => socket.destroy());
      socket.on("close", () => reject(lostWith("vmkernel went away before it had named the file")));
      socket.on("data", (chunk) => {
        try {
          for (const line of lines.push(chunk)) {
            const message = decodeMessage(line);
            if (message.kind === "result") resolve(message.result as FileResults["commit"]);
            else if (message.kind === "fault") reject(message.fault);
          }
        } catch (error) {
          reject(lostWith(messageOf(error)));
        }
      });
      if (socket.destroyed) reject(lostWith("vmkernel went away before it could name the file"));
      socket.write(encodeRequest(2, { kind: "commit" }));
    });
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

function lostWith(reason: string) {
  return fault("HostCommunication", `The upload was not finished: ${reason}.`, {});
}

function onlyOnce(deed: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    deed();
  };
}
