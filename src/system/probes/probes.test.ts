import { expect, test } from "vitest";
import { tryTap } from "../network/index.ts";
import { existingPaths, tryBpf, tryCommand, trySeccomp } from "./index.ts";

test.each([
  [["/bin/true"], undefined],
  [["/bin/false"], "/bin/false ended with 1"],
  [["/bin/sh", "-c", "echo first >&2; echo last >&2; exit 3"], "last"],
  [["/no/such/program"], "/no/such/program is not installed"],
])("trying %j says %j", async (argv, answer) => {
  expect(await tryCommand(argv)).toBe(answer);
});

test("the kernel answers about seccomp and BPF, by an errno or not at all", () => {
  for (const answer of [trySeccomp(), tryBpf()]) expect(answer ?? "EPERM").toMatch(/^E[A-Z]+$/);
});

test("only paths that are there are kept, in order", () => {
  expect(existingPaths(["/usr", "/no/such/path", "/"])).toEqual(["/usr", "/"]);
});

test("a machine without taps is told from one with them by what its device says", () => {
  expect(tryTap("/dev/net/no-tun")).toBe("ENOENT");
  expect(tryTap("/dev/null")).toBe("ENOTTY"); // a device, and not that one
});
