/** What is done with a program or a map that is known by its number, while it is open: for those who look at others' work. */
import { closeSync } from "node:fs";
import { mapFdById, programFdById } from "./info.ts";
import { loadProgram, type ProgramSpec } from "./programs.ts";

/** @returns undefined when there is no such program (any more) */
export function withProgram<T>(id: number, deed: (fd: number) => T): T | undefined {
  return withDescriptor(programFdById(id), deed);
}

/** @returns undefined when there is no such map (any more) */
export function withMap<T>(id: number, deed: (fd: number) => T): T | undefined {
  return withDescriptor(mapFdById(id), deed);
}

/** With all of them open at once. @returns undefined when one of them is not there (any more) */
export function withMaps<T>(ids: readonly number[], deed: (fds: readonly number[]) => T): T | undefined {
  const [first, ...others] = ids;
  if (first === undefined) return deed([]);
  return withMap(first, (fd) => withMaps(others, (fds) => deed([fd, ...fds])));
}

/** Loads a program for as long as the deed takes: it is attached nowhere. @throws {VerifierRefused} */
export function withLoaded<T>(spec: ProgramSpec, deed: (fd: number) => T): T {
  const fd = loadProgram(spec);
  try {
    return deed(fd);
  } finally {
    closeSync(fd);
  }
}

function withDescriptor<T>(fd: number | undefined, deed: (fd: number) => T): T | undefined {
  if (fd === undefined) return undefined;
  try {
    return deed(fd);
  } finally {
    closeSync(fd);
  }
}
