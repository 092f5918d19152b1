/**
 * The host's certificate: its face to every client that connects. Made once, self-signed, and kept, because clients remember
 * its thumbprint. An administrator's own replaces it by putting two files in its place.
 * Source: paper «Network Access to Administrative Interfaces»; names and places of the files as on ESXi.
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/index.ts";

const KEY_FILE = "rui.key";
const CERTIFICATE_FILE = "rui.crt";
const VALID_YEARS = 10;
const BACKDATED_MS = 24 * 60 * 60 * 1000; // a client whose clock is behind would not accept one that begins now
const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };

export interface HostCertificate extends Thumbprint {
  /** PEM, as a TLS server takes them. */
  readonly key: string;
  readonly cert: string;
  /** The certificate's bytes, as vim25's HostConfigInfo.certificate has them. */
  readonly der: Uint8Array;
}

export interface Thumbprint {
  /** Upper-case hex pairs between colons, as vim25's sslThumbprint. */
  readonly sha1: string;
  readonly sha256: string;
}

export interface HostNames {
  readonly hostName: string;
  /** IP addresses that clients reach the host by. */
  readonly addresses: readonly string[];
}

/**
 * The certificate in `folder`, which is made when it is not there. One that is missing, can't be parsed, has run out or does not
 * belong to its key is replaced by a new self-signed one for `names`, and kept beside it under ".old".
 */
export async function loadOrCreateCertificate(folder: string, names: HostNames, clock: Clock = systemClock): Promise<HostCertificate> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await readCertificate(folder, clock.now());
  if (found !== undefined) {
    await chmod(join(folder, KEY_FILE), 0o600);
    return found;
  }
  const { key, cert } = await makeCertificate(names, clock.now());
  for (const name of [KEY_FILE, CERTIFICATE_FILE]) await keepOld(join(folder, name));
  await writeWhole(join(folder, KEY_FILE), key, 0o600);
  await writeWhole(join(folder, CERTIFICATE_FILE), cert, 0o644);
  return describe(key, cert);
}

function describe(key: string, cert: string): HostCertificate {
  const { raw } = new X509Certificate(cert);
  return { key, cert, der: new Uint8Array(raw), ...thumbprintOf(raw) };
}

/** @param cert PEM or DER */
export function thumbprintOf(cert: string | Uint8Array): Thumbprint {
  const der = new X509Certificate(cert).raw;
  const digest = (algorithm: string) =>
    createHash(algorithm)
      .update(der)
      .digest("hex")
      .toUpperCase()
      .replace(/..(?=.)/g, "$&:");
  return { sha1: digest("sha1"), sha256: digest("sha256") };
}

async function readCertificate(folder: string, nowMs: number): Promise<HostCertificate | undefined> {
  try {
    const key = await readFile(join(folder, KEY_FILE), "utf8");
    const cert = await readFile(join(folder, CERTIFICATE_FILE), "utf8");
    const parsed = new X509Certificate(cert);
    const isGood = parsed.checkPrivateKey(createPrivateKey(key)) && Date.parse(parsed.validTo) > nowMs;
    return isGood ? describe(key, cert) : undefined;
  } catch (error) {
    // Not being allowed to read, or a broken disk, is no reason to put a new identity in the old one's place.
    if (error instanceof Error && "syscall" in error && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}

async function makeCertificate({ hostName, addresses }: HostNames, nowMs: number): Promise<{ key: string; cert: string }> {
  // Loaded only on a host's first start: it is large, and an idle host shall be small.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const expires = new Date(nowMs);
  expires.setUTCFullYear(expires.getUTCFullYear() + VALID_YEARS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [hostName] }, { O: ["Bulkhead"] }],
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: expires,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(hostName, addresses)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END PRIVATE KEY-----\n`,
    cert: `${certificate.toString("pem")}\n`,
  };
}

function alternativeNames(hostName: string, addresses: readonly string[]): { type: "dns" | "ip"; value: string }[] {
  const names = new Set([hostName, "localhost", ...addresses, "127.0.0.1", "::1"]);
  return [...names].map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }));
}

async function keepOld(path: string): Promise<void> {
  try {
    await rename(path, `${path}.old`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** In one step: a crash leaves the old file, or none, and a pair of which one is missing is made anew. */
async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode, flush: true });
  await chmod(temporary, mode); // one that an earlier crash left keeps its own mode
  await rename(temporary, path);
}
