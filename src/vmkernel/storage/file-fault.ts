/**
 * From what the kernel answered to the fault that a vSphere client knows, with the datastore path in it. Pure.
 * Source: vim25 FileFault and its subclasses, InvalidDatastorePath; messages as the vSphere Web Services API.
 */
import { type DatastorePath, Fault, formatDatastorePath } from "../../base/index.ts";
import { FileTooLong, isErrno, NotRegularFile } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";

/**
 * @param error anything thrown while working on `path`
 * @param doing what we were doing, for the message: "opening"
 * @returns the fault, or `error` itself when no call to the system failed
 */
export function fileFault(error: unknown, path: DatastorePath, doing: string): unknown {
  if (error instanceof Fault) return error;
  const file = formatDatastorePath(path);
  const options = { cause: error };
  if (error instanceof NotRegularFile) return fault("CannotAccessFile", `${doing} ${file}: it is not a regular file`, { file }, options);
  if (error instanceof FileTooLong)
    return fault("CannotAccessFile", `${doing} ${file}: it is larger than a file of its kind can be`, { file }, options);
  // A path component that is a file has nothing beneath it.
  if (isErrno(error, "ENOENT", "ENOTDIR")) return fault("FileNotFound", `File ${file} was not found`, { file }, options);
  if (isErrno(error, "EEXIST")) return fault("FileAlreadyExists", `File ${file} already exists`, { file }, options);
  if (isErrno(error, "ENOTEMPTY")) return fault("DirectoryNotEmpty", `${doing} ${file}: the folder is not empty`, { file }, options);
  if (isErrno(error, "ENOSPC", "EDQUOT")) return noDiskSpace(path, options);
  if (isErrno(error, "EFBIG")) {
    const problem = `${doing} ${file}: the file system of ${path.datastore} holds no file that large`;
    return fault("FileFault", problem, { file }, options);
  }
  if (isErrno(error, "ENAMETOOLONG")) return fault("FileNameTooLong", `${doing} ${file}: a name in it is too long`, { file }, options);
  if (isErrno(error, "EXDEV")) return fault("InvalidDatastorePath", `${file} leads out of its datastore`, { datastorePath: file }, options);
  if (isErrno(error, "ELOOP")) return fault("CannotAccessFile", `${doing} ${file}: there is a symbolic link in it`, { file }, options);
  if (isErrno(error, "EROFS")) return fault("FileNotWritable", `${doing} ${file}: ${path.datastore} is read-only`, { file }, options);
  if (isErrno(error, "EACCES", "EPERM", "EISDIR"))
    return fault("CannotAccessFile", `${doing} ${file}: it cannot be accessed`, { file }, options);
  if (error instanceof Error && "syscall" in error) return fault("FileFault", `${doing} ${file} failed`, { file }, options);
  return error; // a bug of ours is no fault of the file's
}

/** What `deed` throws, as {@link fileFault} tells it. */
export async function naming<T>(path: DatastorePath, doing: string, deed: () => T | Promise<T>): Promise<T> {
  try {
    return await deed();
  } catch (error) {
    throw fileFault(error, path, doing);
  }
}

export function noDiskSpace(path: DatastorePath, options?: ErrorOptions): Fault {
  const file = formatDatastorePath(path);
  return fault("NoDiskSpace", `There is not enough space on ${path.datastore} for ${file}`, { file, datastore: path.datastore }, options);
}

export function fileLocked(path: DatastorePath): Fault {
  const file = formatDatastorePath(path);
  return fault("FileLocked", `Failed to lock the file ${file}: it is in use`, { file });
}
