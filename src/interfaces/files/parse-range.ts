/** Parts of a file, as HTTP asks for them and announces them. Pure. Source: RFC 9110 §13.1.5 (If-Range), §14 (Range, Content-Range). */

export type RangeRequest =
  | { readonly kind: "whole" }
  /** Both ends included. */
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  /** It begins past the end. */
  | { readonly kind: "unsatisfiable" };

/** What a file is known by from one request to the next. */
export interface Validators {
  /** Strong: bytes of one ETag are the same bytes. */
  readonly etag: string;
  /** As HTTP writes a time, which is in whole seconds. */
  readonly lastModified: string;
}

/**
 * Reads a Range header (untrusted). What can't be understood is ignored, as it must be, and so are several ranges at once, as they may
 * be: the client then gets the whole file, and is told so.
 */
export function parseRange(header: string | undefined, sizeBytes: number): RangeRequest {
  const match = /^\s*bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? "");
  const [, from = "", to = ""] = match ?? [];
  if (from === "" && to === "") return { kind: "whole" };
  if (from === "") {
    const suffix = Math.min(Number(to), sizeBytes);
    return suffix === 0 ? { kind: "unsatisfiable" } : { kind: "part", first: sizeBytes - suffix, last: sizeBytes - 1 };
  }
  const first = Number(from);
  const last = Math.min(to === "" ? Number.POSITIVE_INFINITY : Number(to), sizeBytes - 1);
  if (to !== "" && Number(to) < first) return { kind: "whole" };
  return first >= sizeBytes ? { kind: "unsatisfiable" } : { kind: "part", first, last };
}

/** Whether the part that the client has is of this very file. @param header If-Range, untrusted */
export function isStillCurrent(header: string | undefined, { etag, lastModified }: Validators): boolean {
  return header === undefined || header.trim() === etag || header.trim() === lastModified;
}

/** A part that a client sends. */
export interface ContentRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
  /** Of the whole file. */
  readonly sizeBytes: number;
}

/** Reads a Content-Range header (untrusted). @returns undefined for one that is none, contradicts itself, or leaves the whole open */
export function parseContentRange(header: string): ContentRange | undefined {
  const match = /^\s*bytes\s+(\d{1,15})-(\d{1,15})\/(\d{1,15})\s*$/i.exec(header);
  const [first, last, sizeBytes] = (match ?? []).slice(1).map(Number);
  if (first === undefined || last === undefined || sizeBytes === undefined) return undefined;
  return first <= last && last < sizeBytes ? { first, last, sizeBytes } : undefined;
}
