import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../base/index.ts";
import { loadOrCreateCertificate, thumbprintOf } from "./certificates.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "certificates-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const nowMs = Date.now();
const names = { hostName: "host1.example", addresses: ["192.0.2.7", "2001:db8::7"] };
const ensure = (at = nowMs) => loadOrCreateCertificate(folder, names, { ...systemClock, now: () => at });

test("a new certificate names the host and its addresses, and serves a client that knows it", async () => {
  const { key, cert } = await ensure();
  const parsed = new X509Certificate(cert);
  expect(parsed.subject).toContain("CN=host1.example");
  expect(parsed.subjectAltName?.split(", ")).toEqual([
    "DNS:host1.example",
    "DNS:localhost",
    "IP Address:192.0.2.7",
    "IP Address:2001:DB8:0:0:0:0:0:7",
    "IP Address:127.0.0.1",
    "IP Address:0:0:0:0:0:0:0:1",
  ]);
  expect(parsed.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
  expect(Math.round((Date.parse(parsed.validTo) - nowMs) / (365.25 * 86_400_000))).toBe(10);

  const server = createServer({ key, cert }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const authorized = await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, ca: cert }, () => {
      resolve(socket.authorized);
      socket.destroy();
    });
    socket.on("error", reject);
  }).finally(() => server.close());
  expect(authorized).toBe(true);
});

test("the key is its owner's alone", async () => {
  await ensure();
  expect((await stat(join(folder, "rui.key"))).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(["rui.crt", "rui.key"]);
});

test("the next start takes the same certificate", async () => {
  expect(await ensure()).toEqual(await ensure());
});

test("a thumbprint is of the certificate itself, in the form that vim25 has", async () => {
  const { cert, der, sha1, sha256 } = await ensure();
  const parsed = new X509Certificate(cert);
  expect({ sha1, sha256 }).toEqual({ sha1: parsed.fingerprint, sha256: parsed.fingerprint256 });
  expect(thumbprintOf(der)).toEqual({ sha1, sha256 });
  expect(sha1).toMatch(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
});

test.each([
  ["a certificate that can't be parsed", "rui.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ["a key that can't be parsed", "rui.key", "nonsense"],
  ["an empty certificate, as a crash may leave it", "rui.crt", ""],
])("%s is replaced and kept beside", async (_, name, text) => {
  const before = await ensure();
  await writeFile(join(folder, name), text);
  const after = await ensure();
  expect(after.sha256).not.toBe(before.sha256);
  expect(await readFile(join(folder, `${name}.old`), "utf8")).toBe(text);
});

test("a key that belongs to another certificate is replaced", async () => {
  const first = await ensure();
  await rm(join(folder, "rui.crt"));
  await ensure();
  await writeFile(join(folder, "rui.key"), first.key);
  const repaired = await ensure();
  expect(repaired.key).not.toBe(first.key);
  expect(await ensure()).toEqual(repaired);
});

test("a certificate that has run out is replaced", async () => {
  const before = await ensure();
  const after = await ensure(nowMs + 11 * 365 * 86_400_000);
  expect(after.sha256).not.toBe(before.sha256);
});
