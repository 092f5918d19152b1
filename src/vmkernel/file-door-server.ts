/**
 * vmkernel's file door: it opens beneath a datastore's root and passes the descriptor on. hostd never opens a path.
 * A connection has one file. What it holds is let go when the connection ends, however it ends.
 */
import { closeSync, existsSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { assertNever, type DatastorePath, Fault, messageOf } from "../base/index.ts";
import { listenUnix, sendWithDescriptor } from "../system/index.ts";
import { fault, LineSplitter } from "../wire/index.ts";
import type { FileAttachment } from "./attachments.ts";
import { FILE_LINE_BYTES_MAX, type FileRequest, type FileResults, parseFileRequest } from "./file-door.ts";
import { refusePeer } from "./rpc-peer.ts";
import { decodeLine, encodeFault, encodeResult } from "./rpc-wire.ts";
import type { Storage, Upload } from "./storage/index.ts";

export interface FileDoorParts {
  readonly socket: string;
  /** Who owns the socket beside root: hostd's user and group. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly storage: Pick<Storage, "openForRead" | "openLog" | "beginUpload" | "resumeUpload" | "openOwn" | "beginDiskImport">;
  /** Whether a monitor has the file open to write at its end, and only there. */
  readonly isGrowing: (file: DatastorePath) => boolean;
  /** A socket that listens on one of the host's own interfaces. */
  readonly listen: (device: string, port: number) => Promise<number>;
  readonly log: (line: string) => void;
}

/** Well over the transfers that hostd has under way at once. */
const CONNECTIONS_MAX = 256;
/** hostd asks as soon as it has connected. */
const FIRST_LINE_MS = 10_000;

export class FileDoorServer {
  readonly #parts: FileDoorParts;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(parts: FileDoorParts) {
    this.#parts = parts;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Takes the place of a socket that an earlier vmkernel left. The folder is there already. */
  static async listen(parts: FileDoorParts): Promise<FileDoorServer> {
    if (existsSync(parts.socket)) unlinkSync(parts.socket);
    const door = new FileDoorServer(parts);
    const fd = listenUnix(parts.socket, { mode: 0o660, uid: 0, gid: parts.owner.gid });
    await new Promise<void>((resolve, reject) => {
      door.#server.once("error", reject);
      door.#server.listen({ fd }, resolve);
    });
    return door;
  }

  /** Ends every conversation: uploads that are not whole are gone. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    if (existsSync(this.#parts.socket)) unlinkSync(this.#parts.socket);
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {}); // "close" follows
    const refusal = refusePeer(socket, this.#parts.owner.uid);
    if (refusal !== undefined) {
      this.#parts.log(refusal);
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const conversation = new Conversation(socket, this.#parts);
    socket.setTimeout(FIRST_LINE_MS, () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      conversation.end();
    });
    const lines = new LineSplitter(FILE_LINE_BYTES_MAX);
    socket.on("data", (chunk) => {
      socket.setTimeout(0); // an upload takes as long as hostd lets it
      try {
        for (const line of lines.push(chunk)) conversation.take(line);
      } catch (error) {
        this.#parts.log(`closing a connection of the file door: ${messageOf(error)}`);
        socket.destroy();
      }
    });
  }
}

/** One connection: a file that is asked for, and for an upload its end. Lines are answered one after another. */
class Conversation {
  readonly #socket: Socket;
  readonly #storage: FileDoorParts["storage"];
  readonly #isGrowing: FileDoorParts["isGrowing"];
  readonly #listen: FileDoorParts["listen"];
  #turn: Promise<void> = Promise.resolve();
  #upload: Upload | undefined;
  #hasBegun = false;
  #hasEnded = false;

  constructor(socket: Socket, { storage, isGrowing, listen }: FileDoorParts) {
    this.#listen = listen;
    this.#socket = socket;
    this.#storage = storage;
    this.#isGrowing = isGrowing;
  }

  take(line: string): void {
    this.#turn = this.#turn.then(() => this.#answer(line));
  }

  end(): void {
    this.#hasEnded = true;
    void this.#turn.then(() => this.#upload?.[Symbol.dispose]()); // what is being carried out is not cut off in its middle
  }

  async #answer(line: string): Promise<void> {
    if (this.#hasEnded) return;
    let id = 0;
    try {
      const message = decodeLine(line);
      id = message.id;
      if (message.kind === "cancel") throw fault("InvalidRequest", "A file is let go by closing its connection.", {});
      await this.#perform(id, parseFileRequest(message.request));
    } catch (error) {
      if (this.#socket.writable) this.#socket.write(encodeFault(id, error));
    }
  }

  async #perform(id: number, request: FileRequest): Promise<void> {
    switch (request.kind) {
      case "openDownload": {
        this.#begin();
        using open = await this.#openDownload(request.file);
        return this.#pass(id, open.fd);
      }
      case "beginUpload":
        this.#begin();
        this.#upload = await this.#storage.beginUpload(request.file, { mustBeNew: request.mustBeNew, sizeBytes: request.sizeBytes });
        return this.#pass(id, this.#upload.fd);
      case "resumeUpload":
        this.#begin();
        this.#upload = await this.#storage.resumeUpload(request.file, request);
        return this.#pass(id, this.#upload.fd);
      case "listen": {
        this.#begin();
        const fd = await this.#listen(request.device, request.port);
        try {
          return this.#pass(id, fd);
        } finally {
          closeSync(fd);
        }
      }
      case "openLayer": {
        this.#begin();
        using open = await this.#storage.openOwn(request.descriptor, { writable: false, isLocked: true });
        return this.#pass(id, open.fd, { format: open.format } satisfies FileResults["openLayer"]);
      }
      case "beginDiskImport":
        this.#begin();
        this.#upload = await this.#storage.beginDiskImport(request.descriptor, request);
        return this.#pass(id, this.#upload.fd);
      case "commit":
        return this.#commit(id);
      default:
        return assertNever(request);
    }
  }

  /** A serial port's log is locked against a second writer; what is in it already does not change, and people follow it as it grows. */
  async #openDownload(file: DatastorePath): Promise<FileAttachment> {
    try {
      return await this.#storage.openForRead(file);
    } catch (error) {
      if (error instanceof Fault && error.fault === "FileLocked" && this.#isGrowing(file)) return this.#storage.openLog(file);
      throw error;
    }
  }

  #begin(): void {
    if (this.#hasBegun) throw fault("InvalidRequest", "This connection has its file already.", {});
    this.#hasBegun = true;
  }

  #pass(id: number, fd: number, result: FileResults[keyof FileResults] = null): void {
    if (!this.#hasEnded) sendWithDescriptor(this.#socket, encodeResult(id, result), fd);
  }

  async #commit(id: number): Promise<void> {
    const upload = this.#upload;
    if (upload === undefined) throw fault("InvalidRequest", "There is no upload on this connection.", {});
    this.#upload = undefined; // a second try has nothing to name
    using _ = upload;
    const result: FileResults["commit"] = await upload.commit();
    if (this.#socket.writable) this.#socket.write(encodeResult(id, result));
  }
}
