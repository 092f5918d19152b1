export * from "./append-log.ts";
export * from "./beneath.ts";
export * from "./identity.ts";
export * from "./inspect.ts";
export * from "./memory-file.ts";
export * from "./open-file.ts";
export * from "./sparse.ts";
export { isErrno, tryLock } from "./syscalls.ts";
export * from "./whole-file.ts";
