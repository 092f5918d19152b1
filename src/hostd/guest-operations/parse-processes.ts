/** What a guest says of its processes (untrusted), as vim25 shows it. Pure. Source: proc(5). */
import type { GuestProgram } from "../../vmkernel/index.ts";
import type { GuestProcessInfo } from "../../wire/index.ts";
import { cleanText, dateOf } from "./parse-files.ts";

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux for PCs
const STAT_LINE = /^s (\d{1,10}) \((.*)\) \S(?: -?\d+){18} (\d{1,18})/; // after the name and the state, the 22nd field is the start
const COUNT_MAX = 4096;

/** @param startedByClients what vmkernel knows, listed after `output` was written: what has ended since is in one of both */
export function parseProcesses(output: Buffer, startedByClients: readonly GuestProgram[]): GuestProcessInfo[] {
  const lines = output.toString("utf8").split("\n");
  const bootSeconds = Number(/^boot (\d{1,12})$/m.exec(output.toString("latin1"))?.[1] ?? 0);
  const owners = new Map(lines.flatMap(ownerOf));
  const started = new Map(startedByClients.map((program) => [program.pid, program]));
  const live = lines.flatMap((line, index): GuestProcessInfo[] => {
    const match = STAT_LINE.exec(line);
    if (match === null) return [];
    const [, pid = "", name = "", ticks] = match;
    const next = lines[index + 1] ?? "";
    return [
      {
        name: cleanText(name),
        pid: Number(pid),
        owner: owners.get(pid) ?? "",
        cmdLine: next.startsWith("c ") ? cleanText(next.slice(2).trimEnd()) : "",
        startTime: dateOf(bootSeconds + Math.floor(Number(ticks) / TICKS_PER_SECOND)),
      },
    ];
  });
  // One that has ended may still be there as a process that nobody has waited for, or its number may be another's by now.
  const running = live.filter(({ pid }) => started.get(pid)?.end === undefined);
  const there = new Set(running.map(({ pid }) => pid));
  return [...running, ...startedByClients.filter(({ pid }) => !there.has(pid)).map(describe)].slice(0, COUNT_MAX);
}

function ownerOf(line: string): (readonly [pid: string, owner: string])[] {
  const match = /^u \/proc\/(\d{1,10}) (\S{1,256})$/.exec(line);
  return match === null ? [] : [[match[1] ?? "", cleanText(match[2] ?? "")]];
}

function describe({ pid, user, commandLine, startedAtMs, end }: GuestProgram): GuestProcessInfo {
  return {
    name: commandLine.split(" ", 1)[0]?.split("/").at(-1) ?? "",
    pid,
    owner: user,
    cmdLine: commandLine,
    startTime: new Date(startedAtMs),
    ...(end === undefined ? {} : { endTime: new Date(end.atMs), exitCode: end.exitCode }),
  };
}

const VARIABLES_MAX = 4096;

/** @param names those wanted; empty for all */
export function parseEnvironment(output: Buffer, names: readonly string[]): string[] {
  const variables = output.toString("utf8").split("\0").filter(Boolean).slice(0, VARIABLES_MAX).map(cleanText);
  if (names.length === 0) return variables;
  return variables.filter((variable) => names.includes(variable.split("=", 1)[0] ?? ""));
}
