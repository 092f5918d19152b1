/**
 * How a program comes to run in a guest as one of the guest's users: what the guest's agent is told to run, and what comes of it. Pure.
 *
 * The agent is root and knows no users, so the password is checked by the guest itself, by the same program that its own logins ask
 * (PAM's unix_chkpwd, else busybox's way to make a hash), and what was asked for then runs by `su`. The guest's word is enough: it
 * can only lie about itself. The password goes in on standard input, the script after it, so neither is in any list of processes.
 * Source: qga/qapi-schema.json «guest-exec»; Linux-PAM unix_chkpwd(8); docs/decisions/0007-guest-logins.md.
 */
import { asShape, readInteger, readOptional, readText } from "../shape.ts";

export interface GuestLogin {
  readonly user: string;
  readonly password: string;
}

/** As Debian's and Red Hat's tools allow names; none starts with "-", so none is an option. */
export const GUEST_USER_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}\$?$/;
/** A line of standard input: what has a line end or a zero in it is no password that could be typed. */
export const GUEST_PASSWORD_PATTERN = /^[^\n\0]*$/;
/** `unix_chkpwd` reads no more. */
export const GUEST_PASSWORD_LENGTH_MAX = 511;

const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/wrappers/bin:/run/current-system/sw/bin";

/** Words that our part of the script says; what the user's part says comes after `IN`. */
const ADMITTED = "IN";
const REFUSED = "LOGIN";
const UNABLE = "UNABLE";

const CHECK_PASSWORD = `
PATH=${SEARCH_PATH}
export PATH
user=$1
IFS= read -r password
by_pam() { printf '%s\\0' "$password" | unix_chkpwd "$user" nonull > /dev/null 2>&1; }
by_hash() {
  hash=
  while IFS=: read -r name field rest; do [ "$name" = "$user" ] && hash=$field; done < /etc/shadow
  case $hash in '$1$'*) method=md5 ;; '$5$'*) method=sha256 ;; '$6$'*) method=sha512 ;; *) return 1 ;; esac
  salt=\${hash#??\\$}
  salt=\${salt%%\\$*}
  [ "$(printf '%s\\n' "$password" | busybox mkpasswd -P 0 -m $method -S "$salt" 2> /dev/null)" = "$hash" ]
}
if command -v unix_chkpwd > /dev/null; then by_pam
elif command -v busybox > /dev/null && [ -r /etc/shadow ]; then by_hash
else echo ${UNABLE}; exit; fi || { echo ${REFUSED}; exit; }
password=
`;

const RUN = `${CHECK_PASSWORD}exec env -i PATH="$PATH" su -s /bin/sh "$user" 2> /dev/null`;

/** What the program says nobody reads; that it began it says on descriptor 3, and when it ended we say. */
const START = `${CHECK_PASSWORD}echo ${ADMITTED}
umask 077
set -C
: > "$2" || exit
exec 3>> "$2"
env -i PATH="$PATH" su -s /bin/sh "$user" > /dev/null 2>&1
code=$?
date +%s
exit $code`;

/** Waits until the program has said what became of it, or is gone. */
const AWAIT_REPORT = `tries=0
while [ ! -s "$1" ] && [ -d "/proc/$2" ] && [ $tries -lt 200 ]; do
  sleep 0.1 2> /dev/null || sleep 1
  tries=$((tries + 1))
done
cat "$1"
rm -f "$1"`;

/** Arguments of guest-exec. */
export interface GuestExec {
  readonly path: "/bin/sh";
  readonly arg: readonly string[];
  readonly "input-data": string;
  readonly "capture-output": true;
}

/** Runs `script` and waits; what it writes to its standard output is the answer. */
export function planRun({ user, password }: GuestLogin, script: string): GuestExec {
  return guestExec(["-c", RUN, "sh", user], `${password}\necho ${ADMITTED}\n${script}\n`);
}

/** Runs `script`, which says on its descriptor 3 what became of it (see {@link parseReport}). @param report a new file, in the guest */
export function planStart({ user, password }: GuestLogin, script: string, report: string): GuestExec {
  return guestExec(["-c", START, "sh", user, report], `${password}\n${script}\n`);
}

export function planAwaitReport(report: string, pid: number): GuestExec {
  return guestExec(["-c", AWAIT_REPORT, "sh", report, String(pid)], "");
}

/** Ends what takes too long; what it started itself has hung up on nobody and goes on. */
export function planKill(pid: number): GuestExec {
  return guestExec(["-c", 'kill -9 "$1"', "sh", String(pid)], "");
}

function guestExec(arg: readonly string[], input: string): GuestExec {
  return { path: "/bin/sh", arg, "input-data": Buffer.from(input).toString("base64"), "capture-output": true };
}

const PID = { min: 1, max: 0x7fff_ffff };
const SECONDS = { min: 0, max: 253_402_300_799 }; // the year 9999: what is later no client can read

/** guest-exec's answer (untrusted). @throws {Fault} InvalidArgument */
export function parseExecAnswer(answer: unknown): number {
  return readInteger(asShape(answer, "guest-exec"), "pid", PID);
}

export type ExecStatus = { readonly kind: "running" } | { readonly kind: "ended"; readonly exitCode: number; readonly output: Buffer };

/** guest-exec-status's answer (untrusted). @throws {Fault} InvalidArgument */
export function parseExecStatus(answer: unknown, outputLengthMax: number): ExecStatus {
  const shape = asShape(answer, "guest-exec-status");
  if (shape.fields.exited !== true) return { kind: "running" };
  const exitCode = readOptional(shape, "exitcode", (from, name) => readInteger(from, name, { min: 0, max: 255 }));
  const signal = readOptional(shape, "signal", (from, name) => readInteger(from, name, { min: 0, max: 127 }));
  const output = readOptional(shape, "out-data", (from, name) => readText(from, name, { max: outputLengthMax })) ?? "";
  return { kind: "ended", exitCode: exitCode ?? SIGNALLED + (signal ?? 0), output: Buffer.from(output, "base64") };
}

/** As shells tell it. */
const SIGNALLED = 128;

export type Admission =
  | { readonly kind: "admitted"; readonly output: Buffer }
  /** No such user, another password, a locked or expired account. */
  | { readonly kind: "refused" }
  /** The guest has nothing that could check a password. */
  | { readonly kind: "unable" };

/** What became of a login, and what came after. */
export function parseAdmission(output: Buffer): Admission {
  const end = output.indexOf("\n");
  const word = output.subarray(0, Math.max(end, 0)).toString("latin1");
  if (word === ADMITTED) return { kind: "admitted", output: output.subarray(end + 1) };
  return word === UNABLE ? { kind: "unable" } : { kind: "refused" };
}

export type StartReport =
  | { readonly kind: "started"; readonly pid: number; readonly atMs: number }
  /** A word of the script's for why it did not start its program. */
  | { readonly kind: "failed"; readonly because: string };

/** "pid <pid> <seconds>" or "no <word>"; undefined when the script said neither: it never ran. */
export function parseReport(output: Buffer): StartReport | undefined {
  const text = output.subarray(0, 200).toString("latin1");
  const started = /^pid ([1-9]\d{0,9}) (\d{1,12})\n/.exec(text);
  if (started !== null) return { kind: "started", pid: Number(started[1]), atMs: secondsOf(started[2]) * 1000 };
  const failed = /^no (\w{1,40})\n/.exec(text);
  return failed === null ? undefined : { kind: "failed", because: failed[1] ?? "" };
}

/** When a started program ended, as the guest's clock had it; undefined when it does not say. */
export function parseEnd(output: Buffer): number | undefined {
  const seconds = /^IN\n(\d{1,12})\n$/.exec(output.subarray(0, 40).toString("latin1"))?.[1];
  return seconds === undefined ? undefined : secondsOf(seconds) * 1000;
}

function secondsOf(text: string | undefined): number {
  return Math.min(Number(text), SECONDS.max);
}
