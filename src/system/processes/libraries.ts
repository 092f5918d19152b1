/** The files that a program needs beside itself: its loader and libraries, and QEMU's modules. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";

/** The programs and every library that one of them needs: what a file system must hold for them to run in it. */
export async function filesOfPrograms(programs: readonly string[]): Promise<readonly string[]> {
  const libraries = await Promise.all(programs.map(librariesOf));
  return [...new Set([...programs, ...libraries.flat()])];
}

const execFileAsync = promisify(execFile);
const known = new Map<string, Promise<readonly string[]>>();

/**
 * The libraries of a program and its loader, at the paths where the loader looks for them; none when it is static.
 * They change only with an upgrade of the machine, so they are asked for once.
 * @throws {SystemError} when there is no such program
 */
function librariesOf(program: string): Promise<readonly string[]> {
  const found = known.get(program) ?? askLoader(program);
  known.set(program, found);
  found.catch(() => known.delete(program)); // it may be installed later
  return found;
}

async function askLoader(program: string): Promise<readonly string[]> {
  try {
    const { stdout } = await execFileAsync("/usr/bin/ldd", [program], { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } });
    return parseLdd(stdout);
  } catch (cause) {
    if (cause instanceof Error && "stdout" in cause && /not a dynamic executable|statically linked/.test(`${cause.stdout}${cause.message}`))
      return [];
    throw new SystemError(`asking for the libraries of ${program}${errnoCode(cause) === "ENOENT" ? ", for which ldd is missing" : ""}`, {
      cause,
    });
  }
}

/** | name => /path (address) | or | /path of the loader (address) | a line; linux-vdso has no path. Pure. */
export function parseLdd(text: string): string[] {
  const paths = text.split("\n").flatMap((line) => {
    const path = /^\s*(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line)?.[1];
    return path === undefined ? [] : [path];
  });
  return [...new Set(paths)];
}
