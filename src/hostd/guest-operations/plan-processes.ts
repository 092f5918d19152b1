/** Scripts that work on a guest's processes. Pure. Source: vim25 GuestProcessManager; proc(5). */
import { EXIT, quote } from "./shell.ts";

export interface Program {
  readonly path: string;
  /** Text for the guest's shell, as vim25 has it: it may redirect, and quotes what must be quoted. */
  readonly arguments: string;
  /** Undefined: the user's home. */
  readonly folder: string | undefined;
  /** `NAME=value`, all that the program is to find; empty leaves it what the guest gives its users. */
  readonly environment: readonly string[];
}

/** Says on descriptor 3 what vmkernel's startInGuest waits for. */
export function planStartProgram({ path, arguments: args, folder, environment }: Program): string {
  const cd = folder === undefined ? `cd "$HOME" 2> /dev/null || cd /` : `cd ${quote(folder)} 2> /dev/null || stop noFolder`;
  const env = environment.length === 0 ? "" : `env -i ${environment.map(quote).join(" ")} `;
  return `stop() { echo "no $1" >&3; exit; }
p=${quote(path)}
[ -e "$p" ] || stop notFound
[ -d "$p" ] && stop notFile
[ -x "$p" ] || stop denied
${cd}
echo "pid $$ $(date +%s)" >&3
exec 3>&-
exec ${env}/bin/sh -c ${quote(commandText(args))} "$p" < /dev/null`;
}

/** One command takes the shell's place, so that the pid is the program's own; of several the shell is the one to wait for them all. */
function commandText(args: string): string {
  return `${/[;&|\n]/.test(args) ? "" : "exec "}"$0" ${args}`;
}

/** Why a program was not started: the words of {@link planStartProgram}. */
export const START_FAILURES = {
  notFound: EXIT.notFound,
  noFolder: EXIT.notFound,
  notFile: EXIT.notFile,
  denied: EXIT.denied,
} as const;

/** More than a guest of vSphere's largest size runs, and as much as fits into an answer. */
const PROCESSES_MAX = 2000;
const COMMAND_LINE_BYTES = 256;

/**
 * Says, a line each: `boot SECONDS`; `u FOLDER OWNER` of each process's folder; `s STAT` and `c COMMAND LINE` of each process.
 * parse-processes.ts reads it.
 */
export function planListProcesses(pids: readonly number[]): string {
  const folders = pids.length === 0 ? "/proc/[0-9]*" : pids.map((pid) => `/proc/${pid}`).join(" ");
  return `LC_ALL=C
export LC_ALL
while read -r key value; do [ "$key" = btime ] && echo "boot $value"; done < /proc/stat
stat -c 'u %n %U' ${folders} 2> /dev/null
count=0
for d in ${folders}; do
  { IFS= read -r line < "$d/stat"; } 2> /dev/null || continue
  printf 's %s\\n' "$line"
  command=
  { IFS= read -r command < "$d/cmdline"; } 2> /dev/null
  [ -n "$command" ] && { printf 'c '; head -c ${COMMAND_LINE_BYTES} "$d/cmdline" | tr '\\000\\n' '  '; echo; } 2> /dev/null
  count=$((count + 1))
  [ $count -ge ${PROCESSES_MAX} ] && break
done
exit 0`;
}

/** Asks it to end, waits five seconds, and kills it. */
export function planTerminateProcess(pid: number): string {
  return `[ -d /proc/${pid} ] || exit ${EXIT.noProcess}
kill ${pid} 2> /dev/null || { [ -d /proc/${pid} ] && exit ${EXIT.denied}; exit 0; }
tries=0
while kill -0 ${pid} 2> /dev/null; do
  tries=$((tries + 1))
  [ $tries -gt 5 ] && { kill -9 ${pid} 2> /dev/null; exit 0; }
  sleep 1
done
exit 0`;
}

/** Each `NAME=value` with a zero after it. */
export const READ_ENVIRONMENT = "env -0 < /dev/null";
