/**
 * Passwords of local accounts: hashed with scrypt, compared in constant time.
 * Source: RFC 7914; paper «Administrative User Access».
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

// RFC 7914 §2: N = 2^15, r = 8, p = 1 cost about 80 ms and 32 MiB a guess on one core of 2026.
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** Longer than any pass phrase; keeps one login from hashing megabytes. */
export const PASSWORD_BYTES_MAX = 1024;

/** @returns "scrypt$<N>$<r>$<p>$<salt>$<key>", salt and key in base64 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await deriveKey(password, salt, COST);
  return ["scrypt", COST.N, COST.r, COST.p, salt.toString("base64"), key.toString("base64")].join("$");
}

/** Whether `password` is the one that `hash` was made of. A hash of any other form, such as "*", matches nothing: the account is locked. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [scheme, N, r, p, salt, key] = hash.split("$");
  if (scheme !== "scrypt" || salt === undefined || key === undefined || Buffer.byteLength(password) > PASSWORD_BYTES_MAX) return false;
  const expected = Buffer.from(key, "base64");
  const cost = { N: Number(N), r: Number(r), p: Number(p), maxmem: COST.maxmem };
  return timingSafeEqual(await deriveKey(password, Buffer.from(salt, "base64"), cost), expected);
}

function deriveKey(password: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, cost, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
