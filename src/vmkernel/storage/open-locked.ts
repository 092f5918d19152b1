/** Open files with a lock, and how an attachment takes one over. */
import type { DatastorePath } from "../../base/index.ts";
import { OpenFile, tryLock } from "../../system/index.ts";
import { fileLocked } from "./file-fault.ts";

/** The open file as the fields of an attachment: from now the attachment closes it. */
export function handOn(open: OpenFile): { readonly fd: number; [Symbol.dispose](): void } {
  const kept = new OpenFile(open.release());
  return { fd: kept.fd, [Symbol.dispose]: () => kept[Symbol.dispose]() };
}

/** Locks without waiting; closes the file when another holds it. @throws {Fault} FileLocked */
export function lockOrRefuse(open: OpenFile, file: DatastorePath, kind: "shared" | "exclusive"): OpenFile {
  if (tryLock(open.fd, kind)) return open;
  open[Symbol.dispose]();
  throw fileLocked(file);
}
