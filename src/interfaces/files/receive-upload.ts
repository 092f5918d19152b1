/**
 * A PUT that was let through: a file in one piece, which is there when it is whole and not before; or a part of one, which is kept
 * until the last part has come. docs/decisions/0008.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FileAccess, FileOutcome } from "../../hostd/index.ts";
import { cutTo, versionOf } from "../../system/index.ts";
import type { ContentRange } from "./parse-range.ts";
import type { UploadPlan } from "./plan-upload.ts";
import { receiveFile } from "./receive-file.ts";
import { writeFault } from "./write-fault.ts";

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly files: FileAccess;
  readonly plan: Extract<UploadPlan, { kind: "upload" }>;
  readonly stallMs: number;
}

export async function receiveUpload(incoming: Incoming): Promise<FileOutcome> {
  const { files, plan, response } = incoming;
  const { bodyBytes, mustBeNew, range } = plan;
  if (range !== undefined) return receivePart(incoming, range);
  using file = await files.beginUpload({ sizeBytes: bodyBytes, mustBeNew });
  const { bytes, broken } = await receive(incoming, file.fd, 0);
  if (broken !== undefined) return { comment: `${bytes} bytes came, and are thrown away`, broken };
  const { replaced } = await file.commit();
  answer(response, replaced ? 200 : 201);
  return { comment: `${bytes} bytes, ${replaced ? "in the place of an older file" : "a new file"}` };
}

async function receivePart(incoming: Incoming, range: ContentRange): Promise<FileOutcome> {
  const { files, plan, response } = incoming;
  const { first, last, sizeBytes } = range;
  using file = await files.resumeUpload({ sizeBytes, mustBeNew: plan.mustBeNew, mayBegin: first === 0 });
  const held = versionOf(file.fd).sizeBytes;
  if (first > held) {
    response.writeHead(416, { "Content-Range": `bytes */${held}`, "Content-Length": 0, Connection: "close" }).end();
    return { comment: `a part from ${first}, and ${held} bytes are there`, broken: "RequestedRangeNotSatisfiable" };
  }
  cutTo(file.fd, first); // what came of this part before comes again
  const { bytes, broken } = await receive(incoming, file.fd, first);
  const comment = `${bytes} bytes from ${first} of ${sizeBytes}`;
  if (broken !== undefined) return { comment: `${comment}, kept`, broken };
  if (last + 1 < sizeBytes) {
    answer(response, 202, { Range: `bytes=0-${last}` });
    return { comment: `${comment}, more to come` };
  }
  const { replaced } = await file.commit();
  answer(response, replaced ? 200 : 201);
  return { comment: `${comment}, whole` };
}

/** Only now the client is told to send: until here it could be refused without having sent a byte. */
async function receive({ request, response, stallMs }: Incoming, fd: number, position: number) {
  if (request.headers.expect !== undefined) response.writeContinue();
  try {
    return await receiveFile(request, fd, position, stallMs);
  } catch (cause) {
    throw writeFault(cause);
  }
}

function answer(response: ServerResponse, status: 200 | 201 | 202, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { "Content-Length": 0, ...headers }).end();
}
