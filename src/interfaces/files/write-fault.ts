/** What a file system says against a write, as the fault that a client knows. Pure. */
import { fault } from "../../wire/index.ts";

export function writeFault(cause: unknown): unknown {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const options = { cause };
  if (code === "ENOSPC" || code === "EDQUOT") return fault("NoDiskSpace", "The datastore is full.", { file: "", datastore: "" }, options);
  if (code === "EFBIG") return fault("FileFault", "The datastore's file system holds no file that large.", { file: "" }, options);
  return cause;
}
