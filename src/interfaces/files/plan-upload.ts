/**
 * What a PUT or a POST and its headers say of the file that comes: how long it is, whether it may take another's place, and whether it is a part
 * of an upload that can be resumed. Pure. Source: RFC 9110 §14.5, RFC 4918 §10.6, docs/decisions/0008.
 */
import type { IncomingHttpHeaders } from "node:http";
import { type ContentRange, parseContentRange } from "./parse-range.ts";

export type UploadPlan =
  | {
      readonly kind: "upload";
      /** Of the body; undefined when the client finds out itself as it goes (chunked). */
      readonly bodyBytes: number | undefined;
      readonly mustBeNew: boolean;
      /** Undefined for a file in one piece. */
      readonly range: ContentRange | undefined;
    }
  | { readonly kind: "refused"; readonly status: 400 | 411 | 413; readonly text: string };

export const FILE_BYTES_MAX = 62 * 2 ** 40; // vSphere's largest virtual disk

/** A POST is a PUT of a file that must not be there yet. */
export function planUpload(method: "PUT" | "POST", headers: IncomingHttpHeaders): UploadPlan {
  const length = headers["content-length"];
  const chunked = headers["transfer-encoding"] !== undefined;
  // Without either there is no body: a client that forgot to say would empty the file.
  if (length === undefined && !chunked) return refused(411, "Content-Length must say how long the file is.");
  const bodyBytes = length === undefined ? undefined : Number(length);
  if (bodyBytes !== undefined && bodyBytes > FILE_BYTES_MAX) return refused(413, "No file on a datastore is that large.");
  const overwrite = headers.overwrite?.toString().trim().toLowerCase() ?? "t";
  if (overwrite !== "t" && overwrite !== "f") return refused(400, "Overwrite is T or F.");
  const text = headers["content-range"];
  const range = text === undefined ? undefined : parseContentRange(text);
  if (text !== undefined) {
    if (range === undefined) return refused(400, "Content-Range must have the form «bytes FIRST-LAST/SIZE», all three of them numbers.");
    if (bodyBytes === undefined) return refused(411, "A part of a file needs a Content-Length.");
    if (bodyBytes !== range.last - range.first + 1) return refused(400, "Content-Length and Content-Range contradict each other.");
    if (range.sizeBytes > FILE_BYTES_MAX) return refused(413, "No file on a datastore is that large.");
  }
  const mustBeNew = method === "POST" || overwrite === "f" || headers["if-none-match"]?.trim() === "*";
  return { kind: "upload", bodyBytes, mustBeNew, range };
}

function refused(status: 400 | 411 | 413, text: string): UploadPlan {
  return { kind: "refused", status, text };
}
