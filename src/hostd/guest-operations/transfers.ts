/**
 * Files that go into a guest and come out of it. The API's call answers with an address that has a ticket in it; who has the ticket
 * gets or puts the one file that it is for, once, and only while its owner may. Source: vim25 GuestFileManager, «InitiateFileTransfer».
 */
import { randomBytes } from "node:crypto";
import { type Clock, type Fault, messageOf } from "../../base/index.ts";
import type { GuestLogin } from "../../vmkernel/index.ts";
import { type FileTransferInformation, fault, type GuestFileAttributes } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { GUEST_MODIFY, GUEST_QUERY, refuseAccess, subjectOf } from "../authorize.ts";
import { faultOf } from "../faults.ts";
import type { Client } from "../sessions.ts";
import { Tickets } from "../tickets.ts";
import { parseAttributes } from "./files.ts";
import { doScript, type Guest, requireGuest, runScript } from "./guest.ts";
import { parseListing } from "./parse-files.ts";
import type { AttributeChanges } from "./plan-files.ts";
import {
  PIECE_BYTES,
  planBeginUpload,
  planCheckUpload,
  planDescribeFile,
  planEndUpload,
  planGiveUpUpload,
  planReadPiece,
  planWritePiece,
} from "./plan-transfers.ts";
import { invalid, parseGuestPath } from "./shell.ts";

/** What a ticket stands for. The login is kept with it, in memory, for the minute that it is worth something. */
interface TransferRight {
  readonly vm: string;
  readonly userName: string;
  readonly login: GuestLogin;
  readonly path: string;
  readonly sizeBytes: number;
  readonly direction: "fromGuest" | ToGuest;
}

interface ToGuest {
  readonly attributes: AttributeChanges;
  readonly overwrite: boolean;
}

/** Each holds a piece of a file, and some processes of its guest. */
const TRANSFERS_MAX = 32;
const FILE_BYTES_MAX = 2 ** 43; // 8 TiB: what `dd` counts in pieces, and more than anybody sends through an agent

export class GuestTransfers {
  readonly tickets: Tickets<TransferRight>;
  #underWay = 0;

  constructor(clock: Clock) {
    this.tickets = new Tickets(clock);
  }

  /** @throws {Fault} ResourceInUse. @returns what gives the place back */
  begin(): Disposable {
    if (this.#underWay >= TRANSFERS_MAX) throw fault("ResourceInUse", `${TRANSFERS_MAX} files are being carried already.`, {});
    this.#underWay += 1;
    return {
      [Symbol.dispose]: () => {
        this.#underWay -= 1;
      },
    };
  }
}

export async function offerDownload(call: Call, guest: Guest, guestFilePath: string): Promise<FileTransferInformation> {
  const path = parseGuestPath(guestFilePath, "guestFilePath");
  const [file] = parseListing(await doScript(guest, planDescribeFile(path), path), 1).files;
  if (file === undefined) throw fault("FileFault", `The guest does not say what ${path} is.`, { file: path });
  return {
    attributes: file.attributes,
    size: file.size,
    url: urlOf(call, guest, { path, sizeBytes: file.size, direction: "fromGuest" }),
  };
}

interface UploadArguments {
  readonly guestFilePath: string;
  readonly fileAttributes: GuestFileAttributes;
  readonly fileSize: number;
  readonly overwrite: boolean;
}

/** @returns where the client puts the file */
export async function offerUpload(call: Call, guest: Guest, args: UploadArguments): Promise<string> {
  const path = parseGuestPath(args.guestFilePath, "guestFilePath");
  const { fileSize: sizeBytes, overwrite } = args;
  if (sizeBytes < 0 || sizeBytes > FILE_BYTES_MAX) throw invalid("fileSize", `is not between 0 and ${FILE_BYTES_MAX}`);
  const attributes = parseAttributes(args.fileAttributes);
  await doScript(guest, planCheckUpload({ path, overwrite }), path);
  return urlOf(call, guest, { path, sizeBytes, direction: { attributes, overwrite } });
}

/** Clients put the host's name, as they know it, where the star is. */
function urlOf(call: Call, { agent, vm, login }: Guest, about: Pick<TransferRight, "path" | "sizeBytes" | "direction">): string {
  const token = agent.guestTransfers.tickets.issue({ vm: vm.id, userName: sessionOf(call).userName, login, ...about });
  return `https://*:${agent.identity.port}/guestFile?id=${vm.id}&token=${token}`;
}

export interface TransferRequest {
  /** Untrusted, both. */
  readonly vm: string;
  readonly token: string;
  readonly client: Client;
}

export interface GuestFileContents {
  readonly sizeBytes: number;
  readonly pieces: AsyncIterable<Buffer>;
}

/** @throws {Fault} NotAuthenticated, NoPermission, ManagedObjectNotFound, FileNotFound … */
export function openGuestFile(agent: HostAgent, request: TransferRequest): Promise<GuestFileContents> {
  return recorded(agent, request, "guest.file.download", async (right) => {
    const guest = admit(agent, right, GUEST_QUERY);
    if (right?.direction !== "fromGuest") throw refused(request.vm);
    const [file] = parseListing(await doScript(guest, planDescribeFile(right.path), right.path), 1).files;
    const sizeBytes = file?.size ?? 0; // as it is now: it may have grown since the client asked
    return { sizeBytes, pieces: readPieces(guest, right.path, sizeBytes) };
  });
}

async function* readPieces(guest: Guest, path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  using _ = guest.agent.guestTransfers.begin();
  for (let piece = 0; piece * PIECE_BYTES < sizeBytes; piece += 1) {
    const expected = Math.min(PIECE_BYTES, sizeBytes - piece * PIECE_BYTES);
    const bytes = await doScript(guest, planReadPiece(path, piece), path);
    if (bytes.length < expected) throw fault("FileFault", `${path} became shorter while it was read.`, { file: path });
    yield bytes.subarray(0, expected);
  }
}

export interface GuestFileBody {
  /** What the client says that it sends, where it says so. */
  readonly sizeBytes: number | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** @param body the file's bytes as they come; exactly as many as were promised, or nothing of it stays in the guest */
export function takeGuestFile(agent: HostAgent, request: TransferRequest, body: GuestFileBody): Promise<void> {
  return recorded(agent, request, "guest.file.upload", async (right) => {
    const guest = admit(agent, right, GUEST_MODIFY);
    if (right === undefined || right.direction === "fromGuest") throw refused(request.vm);
    using _ = agent.guestTransfers.begin();
    const { path, sizeBytes, direction } = right;
    if (body.sizeBytes !== undefined && body.sizeBytes !== sizeBytes) throw otherSize(right);
    const gatheredAt = `${path.replace(/[^/]*$/, "")}.bulkhead-${randomBytes(12).toString("hex")}`;
    const upload = { path, gatheredAt, overwrite: direction.overwrite };
    await doScript(guest, planBeginUpload(upload), path);
    try {
      let received = 0;
      for await (const piece of inPieces(body.chunks)) {
        received += piece.length;
        if (received > sizeBytes) break;
        await doScript(guest, planWritePiece(upload, piece), path);
      }
      if (received !== sizeBytes) throw otherSize(right);
      await doScript(guest, planEndUpload(upload, direction.attributes), path);
    } catch (error) {
      await runScript(guest, planGiveUpUpload(upload)).catch(() => {}); // the guest is gone, and the first failure says so
      throw error;
    }
  });
}

function otherSize({ path, sizeBytes }: TransferRight): Error {
  return fault("FileFault", `${sizeBytes} bytes of ${path} were promised, and others came.`, { file: path });
}

/** The same bytes, in pieces of the size that a guest takes; only the last is shorter. */
async function* inPieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes < PIECE_BYTES) continue;
    const all = Buffer.concat(chunks, bytes);
    let start = 0;
    for (; bytes - start >= PIECE_BYTES; start += PIECE_BYTES) yield all.subarray(start, start + PIECE_BYTES);
    chunks = [all.subarray(start)];
    bytes -= start;
  }
  if (bytes > 0) yield Buffer.concat(chunks, bytes);
}

/** The ticket is worth what its owner is worth now. */
function admit(agent: HostAgent, right: TransferRight | undefined, privilege: string): Guest {
  if (right === undefined) throw refused("");
  const guest = requireGuest(agent, { type: "VirtualMachine", value: right.vm });
  const userName = agent.accounts.find(right.userName)?.name;
  const subject = subjectOf(agent, userName);
  const refusal = refuseAccess(guest.vm.ref, agent.inventory.pathOf(right.vm), [privilege], subject);
  if (refusal !== undefined) throw refusal;
  return { ...guest, login: right.login };
}

function refused(vm: string): Error {
  const object = { type: "VirtualMachine", value: vm };
  return fault("NotAuthenticated", "The token is spent, too old, for something else, or none of this host's.", {
    object,
    privilegeId: GUEST_QUERY,
  });
}

/** Redeems the ticket, does the deed, and records both. A ticket that is shown for another VM than its own is spent all the same. */
async function recorded<T>(
  agent: HostAgent,
  { vm, token, client }: TransferRequest,
  id: string,
  deed: (right: TransferRight | undefined) => Promise<T>,
): Promise<T> {
  const redeemed = agent.guestTransfers.tickets.redeem(token);
  const right = redeemed?.vm === vm ? redeemed : undefined;
  const record = (thrown?: Fault): void => {
    const denied = thrown?.fault === "NoPermission" || thrown?.fault === "NotAuthenticated";
    agent.audit({
      id: denied ? "vim.access.denied" : id,
      subject: redeemed?.userName ?? "",
      object: right === undefined ? "guestFile" : `VirtualMachine:${right.vm}.guestFile`,
      result: thrown === undefined ? "success" : "failure",
      ip: client.address,
      ...(thrown === undefined ? {} : { reason: thrown.fault, comment: messageOf(thrown) }),
    });
  };
  try {
    const result = await deed(right);
    record();
    return result;
  } catch (error) {
    const thrown = faultOf(error);
    record(thrown);
    throw thrown;
  }
}
