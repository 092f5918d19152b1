/** What goes into a guest's shell, and what comes out of a guest: the decisions. Deeds in a real guest: test/guest-operations.test.ts. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { GuestPosixFileAttributes } from "../../wire/index.ts";
import { parseAttributes } from "./files.ts";
import { parseGuestLogin } from "./login.ts";
import { parseListing } from "./parse-files.ts";
import { parseEnvironment, parseProcesses } from "./parse-processes.ts";
import { planAttributes, planListFiles } from "./plan-files.ts";
import { planStartProgram } from "./plan-processes.ts";
import { parseGuestPath, quote } from "./shell.ts";

const words = fc.array(
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll("\0", "")),
  { maxLength: 8 },
);

test("whatever a client's text is, a shell takes it as one word", () => {
  fc.assert(
    fc.property(words, (texts) => {
      const script = `printf '%s\\0' ${["x", ...texts].map(quote).join(" ")}`;
      const output = execFileSync("/bin/sh", ["-s"], { input: script, encoding: "utf8" });
      expect(output.split("\0").slice(1, -1)).toEqual(texts);
    }),
    { numRuns: 100 },
  );
});

test.each(["", "relative", "../etc", "/a\0b", `/${"x".repeat(4095)}`])("%j is no path in a guest", (path) => {
  expect(() => parseGuestPath(path, "filePath")).toThrow("filePath");
});

const auth = (username: string, password: string, changes: object = {}) => ({
  $type: "NamePasswordAuthentication" as const,
  interactiveSession: false,
  username,
  password,
  ...changes,
});

test.each([
  ["an option for a name", auth("-c", "x"), "InvalidGuestLogin"],
  ["a command for a name", auth("$(reboot)", "x"), "InvalidGuestLogin"],
  ["no name", auth("", "x"), "InvalidGuestLogin"],
  ["two lines for a password", auth("alice", "a\nb"), "InvalidGuestLogin"],
  ["a zero in the password", auth("alice", "a\0b"), "InvalidGuestLogin"],
  ["an endless password", auth("alice", "x".repeat(512)), "InvalidGuestLogin"],
  ["the console's session", auth("alice", "x", { interactiveSession: true }), "OperationNotSupportedByGuest"],
  ["a ticket", { $type: "TicketedSessionAuthentication", interactiveSession: false }, "OperationNotSupportedByGuest"],
])("%s is no login: %#", (_, given, name) => {
  expect(() => parseGuestLogin(given as never)).toThrow(expect.objectContaining({ fault: name }));
});

test("a listing is what a real shell lists, page by page, names as hostile as they come", () => {
  const folder = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
  const names = ["-rf", "a b", "it's", "$(reboot)", "*", ".hidden", "..x", "line\nend"];
  for (const name of names) execFileSync("touch", ["--", `${folder}/${name}`]);
  execFileSync("ln", ["-s", "no\nwhere", `${folder}/link`]);
  const list = (index: number, countMax: number, pattern?: string) =>
    parseListing(execFileSync("/bin/sh", ["-s"], { input: planListFiles({ path: folder, index, countMax, pattern }) }), countMax);
  const all = list(0, 100);
  const shown = [".", "..", "-rf", "a b", "it's", "$(reboot)", "*", ".hidden", "..x", "link"];
  expect(all.files.map(({ path }) => path).sort()).toEqual(shown.sort());
  expect(all.total).toBe(shown.length);
  expect(all.files.find(({ path }) => path === "link")).toMatchObject({ type: "symlink", attributes: { symlinkTarget: "no?where" } });
  const pages = [0, 4, 8].flatMap((index) => list(index, 4).files.map(({ path }) => path));
  expect(pages).toEqual(all.files.map(({ path }) => path));
  expect(list(0, 100, "^-").files.map(({ path }) => path)).toEqual(["-rf"]);
  execFileSync("rm", ["-rf", folder]);
});

test.each([
  ["nothing", ""],
  ["a page without an end", `total 999999999\n${"s 81a4 0 0 0 0 0 x\n".repeat(1000)}`],
  ["numbers that are none", "total x\ns zz 0 0 0 0 0 x\ns 81a4 -1 0 0 0 0 x\n"],
  ["bytes that are no text", Buffer.from([0x73, 0x20, 0xff, 0xfe, 0x0a]).toString("latin1")],
])("a guest that lists %s is shown within bounds", (_, text) => {
  const { files, total } = parseListing(Buffer.from(text, "latin1"), 10);
  expect(files.length).toBeLessThanOrEqual(10);
  expect(total).toBeGreaterThanOrEqual(files.length);
});

test("names lose what no XML can have, and times stay within what a date can be", () => {
  const [file] = parseListing(Buffer.from("total 1\ns 81a4 999999999999999999 999999999999 -5 4294967295 0 a\u0001\u001b[2Jb\n"), 10).files;
  expect(file).toMatchObject({ path: "a??[2Jb", size: Number.MAX_SAFE_INTEGER, type: "file" });
  expect(file?.attributes).toMatchObject({
    modificationTime: new Date("9999-12-31T23:59:59Z"),
    accessTime: new Date(0),
    ownerId: -1,
    permissions: 0o644,
  });
});

const stat = (pid: number, name: string, ticks: number) => `s ${pid} (${name}) S ${Array(18).fill("1").join(" ")} ${ticks} 0 0`;

test("a process whose name pretends to be another's line is one process, with that name", () => {
  const output = Buffer.from(`boot 1000\nu /proc/7 alice\n${stat(7, "x) S 1 (y", 250)}\nc /bin/x \n`);
  expect(parseProcesses(output, [])).toEqual([
    { name: "x) S 1 (y", pid: 7, owner: "alice", cmdLine: "/bin/x", startTime: new Date(1_002_000) },
  ]);
});

test("what a client started is listed when it has ended, and when it is between the two", () => {
  const base = { user: "alice", commandLine: "/bin/x -y", startedAtMs: 5000 };
  const over = { ...base, pid: 7, end: { atMs: 6000, exitCode: 1 } };
  const listed = parseProcesses(Buffer.from(`boot 0\n${stat(7, "somebody else's", 1)}\n`), [over, { ...base, pid: 8 }]);
  expect(listed).toEqual([
    { name: "x", pid: 7, owner: "alice", cmdLine: "/bin/x -y", startTime: new Date(5000), endTime: new Date(6000), exitCode: 1 },
    { name: "x", pid: 8, owner: "alice", cmdLine: "/bin/x -y", startTime: new Date(5000) },
  ]);
});

test("of an environment only the variables that are asked for are shown", () => {
  const output = Buffer.from("HOME=/root\0A=1\nB=2\0B=3\0");
  expect(parseEnvironment(output, ["B", "none"])).toEqual(["B=3"]);
  expect(parseEnvironment(output, [])).toEqual(["HOME=/root", "A=1?B=2", "B=3"]);
});

test("one command takes the shell's place, several leave it waiting", () => {
  const program = { path: "/bin/x", folder: undefined, environment: [] };
  expect(planStartProgram({ ...program, arguments: "-a > /tmp/y" })).toContain(quote('exec "$0" -a > /tmp/y'));
  expect(planStartProgram({ ...program, arguments: "-a; b" })).toContain(quote('"$0" -a; b'));
});

test("attributes are changed by numbers, and only those that are given", () => {
  const posixOf = (changes: Partial<GuestPosixFileAttributes>): GuestPosixFileAttributes => ({ ...posix, ...changes });
  const posix: GuestPosixFileAttributes = { $type: "GuestPosixFileAttributes", permissions: 0o640, modificationTime: new Date(90_500) };
  const script = planAttributes(parseAttributes(posix));
  expect(script.split("\n").map((line) => line.split(" 2>")[0])).toEqual(['chmod 0640 "$p"', 'touch -c -m -d @90 "$p"', ""]);
  expect(() => parseAttributes(posixOf({ permissions: 0o10000 }))).toThrow("permissions");
  expect(() => parseAttributes(posixOf({ ownerId: -1 }))).toThrow("ownerId");
  expect(() => parseAttributes({ $type: "GuestWindowsFileAttributes" } as never)).toThrow(
    expect.objectContaining({ fault: "OperationNotSupportedByGuest" }),
  );
});
