import { expect, test } from "vitest";
import { authenticate } from "./accounts.ts";
import { hashPassword } from "./password.ts";

const root = { name: "root", fullName: "Administrator", passwordHash: await hashPassword("s3cret") };
const find = (name: string) => (name === "root" ? root : undefined);

test.each<[string, string, string, boolean]>([
  ["the right password", "root", "s3cret", true],
  ["a wrong password", "root", "S3cret", false],
  ["no password", "root", "", false],
  ["a user that does not exist", "admin", "s3cret", false],
  ["a user that does not exist, with the password of the decoy", "admin", "no account has this password", false],
])("login with %s", async (_, name, password, accepted) => {
  expect((await authenticate(find, name, password)) !== undefined).toBe(accepted);
});
