import { generateKeyPairSync, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { hashPassword } from "../../access/index.ts";
import { redact } from "./redact.ts";

const privateKey = generateKeyPairSync("ec", { namedCurve: "P-256", privateKeyEncoding: { type: "pkcs8", format: "pem" } } as never)
  .privateKey as unknown as string;

test("a private key, a password's hash and a cookie are taken out, and the text around them stays", async () => {
  const hash = await hashPassword("Correct-Horse-9");
  const cookie = randomBytes(20).toString("hex");
  const text = `before ${privateKey} between ${hash} and ${JSON.stringify({ hash, cookie })} and cst-${cookie} after`;
  const left = redact(text, []);
  expect(left).not.toContain("PRIVATE KEY");
  expect(left).not.toContain("scrypt$");
  expect(left).not.toContain(cookie);
  expect(left).toMatch(/^before \[removed\]\n between \[removed\] and .* after$/s);
});

test("a key that was cut short is taken out to the end", () => {
  expect(redact(`x ${privateKey.slice(0, 80)}`, [])).toBe("x [removed]");
});

test("a Unix system's hash goes too", () => {
  expect(redact("root:$6$salt$abcdefghijklmnop./:1::", [])).toBe("root:[removed]:1::");
});

test("the texts that are known to be secret go wherever they are", () => {
  expect(redact("session 1234-5678 of a", ["1234-5678", ""])).toBe("session [removed] of a");
});

test("what is no secret stays: uuids, thumbprints, paths", () => {
  const text = "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f6 AA:BB:CC:DD [datastore1] a/b.vmx $6 6000c29abcdef0123456789abcdef012";
  expect(redact(text, [])).toBe(text);
});
