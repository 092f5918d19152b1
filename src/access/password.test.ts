import { expect, test } from "vitest";
import { hashPassword, PASSWORD_BYTES_MAX, verifyPassword } from "./password.ts";

test("a password matches its own hash and no other does", async () => {
  const hash = await hashPassword("correct horse");
  expect(await verifyPassword("correct horse", hash)).toBe(true);
  expect(await verifyPassword("correct Horse", hash)).toBe(false);
  expect(await verifyPassword("", hash)).toBe(false);
});

test("two hashes of one password differ", async () => {
  expect(await hashPassword("x")).not.toBe(await hashPassword("x"));
});

test.each(["*", "!", "", "scrypt$1$1$1", "x$32768$8$1$AAAA$AAAA"])("the locked hash %j matches nothing", async (hash) => {
  expect(await verifyPassword("", hash)).toBe(false);
});

test("a password past the bound is refused, not hashed", async () => {
  const long = "a".repeat(PASSWORD_BYTES_MAX + 1);
  expect(await verifyPassword(long, await hashPassword(long))).toBe(false);
});
