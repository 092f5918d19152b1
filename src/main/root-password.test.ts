import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifyPassword } from "../access/index.ts";
import { hostPaths } from "../base/index.ts";
import {
  chooseRootPassword,
  initialPasswordPath,
  type KnownPasswords,
  knownPasswords,
  makePassword,
  prepareRootPassword,
  settleRootPassword,
} from "./root-password.ts";

const nothing: KnownPasswords = { given: undefined, pending: undefined, initial: undefined, isNewHost: false };
const choose = (known: Partial<KnownPasswords>) => chooseRootPassword({ ...nothing, ...known }, () => "made-now");

test.each<[string, Partial<KnownPasswords>, ReturnType<typeof choose>]>([
  ["a new host makes one", { isNewHost: true }, { kind: "made", password: "made-now" }],
  [
    "a given one goes before all others",
    { given: "given-one", pending: "p", initial: "i", isNewHost: true },
    { kind: "given", password: "given-one" },
  ],
  ["an empty one counts as none", { given: "", isNewHost: true }, { kind: "made", password: "made-now" }],
  ["a start that broke off is taken up", { pending: "pending", initial: "i" }, { kind: "made", password: "pending" }],
  ["a later start shows the first one", { initial: "first" }, { kind: "kept", password: "first" }],
  ["once that is taken away, nobody knows it", {}, { kind: "unknown" }],
])("%s", (_, known, expected) => {
  expect(choose(known)).toEqual(expected);
});

test.each([
  ["short", "1234567"],
  ["endless", "x".repeat(1025)],
])("a given password that is %s is refused with its length, not its text", (_, given) => {
  expect(() => choose({ given })).toThrow(new RegExp(`has ${given.length} bytes`));
  expect(() => choose({ given })).not.toThrow(given);
});

test("made passwords differ and have more than 20 characters", () => {
  const made = Array.from({ length: 100 }, makePassword);
  expect(new Set(made).size).toBe(100);
  expect(made.every((password) => /^[A-Za-z2-9]{24}$/.test(password))).toBe(true);
});

test("a made password is root's alone to read, outlives a start that breaks off, and goes when another is given", async () => {
  const root = mkdtempSync(join(tmpdir(), "bulkhead-password-"));
  try {
    const paths = hostPaths(root);
    mkdirSync(paths.hostdState, { recursive: true });
    const made = chooseRootPassword(knownPasswords(paths, {}), makePassword);
    const hash = await prepareRootPassword(paths, made);
    if (made.kind !== "made" || hash === undefined) throw new Error("none was made");
    expect(await verifyPassword(made.password, hash)).toBe(true);

    writeFileSync(join(paths.hostdState, "hostd.db"), ""); // hostd was killed before it had stored the password
    expect(chooseRootPassword(knownPasswords(paths, {}), makePassword)).toEqual(made);

    settleRootPassword(paths, made);
    expect(chooseRootPassword(knownPasswords(paths, {}), makePassword)).toEqual({ kind: "kept", password: made.password });
    expect(readFileSync(initialPasswordPath(paths), "utf8")).toBe(`${made.password}\n`);
    expect(statSync(initialPasswordPath(paths)).mode & 0o777).toBe(0o600);

    settleRootPassword(paths, { kind: "given", password: "another-one" });
    expect(chooseRootPassword(knownPasswords(paths, {}), makePassword)).toEqual({ kind: "unknown" });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
