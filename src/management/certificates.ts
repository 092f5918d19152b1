/**
 * The host's certificate: its face to every client that connects. Made once, self-signed, and kept, because clients remember
 * its thumbprint. An administrator's own replaces it by putting two files in its place.
 * Source: paper «Network Access to Administrative Interfaces»; names and places of the files as on ESXi.
 */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { chmod, mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/index.ts";
import { alternativeNames, exportKey, type HostNames, KEY_ALGORITHM, loadX509 } from "./signing-request.ts";
import { writeWhole } from "./whole-file.ts";

const KEY_FILE = "rui.key";
const CERTIFICATE_FILE = "rui.crt";
/** Of the signing request that was made last; the host's own once its certificate is there. */
const REQUEST_KEY_FILE = "request.key";
const VALID_YEARS = 10;
const BACKDATED_MS = 24 * 60 * 60 * 1000; // a client whose clock is behind would not accept one that begins now

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

export function describe(key: string, cert: string): HostCertificate {
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
    const cert = await readFile(join(folder, CERTIFICATE_FILE), "utf8");
    const parsed = new X509Certificate(cert);
    await finishInstalling(folder, parsed);
    const key = await readFile(join(folder, KEY_FILE), "utf8");
    const isGood = parsed.checkPrivateKey(createPrivateKey(key)) && Date.parse(parsed.validTo) > nowMs;
    return isGood ? describe(key, cert) : undefined;
  } catch (error) {
    // Not being allowed to read, or a broken disk, is no reason to put a new identity in the old one's place.
    if (error instanceof Error && "syscall" in error && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}

/**
 * Puts a checked certificate in the place of the one that is served. The certificate comes first, and is what counts: a crash
 * between the two steps leaves one that belongs to the request's key, and the next start takes the second.
 */
export async function installCertificate(folder: string, cert: string, isOfRequest: boolean): Promise<HostCertificate> {
  await writeWhole(join(folder, CERTIFICATE_FILE), cert, 0o644);
  if (isOfRequest) await rename(join(folder, REQUEST_KEY_FILE), join(folder, KEY_FILE));
  return describe(await readFile(join(folder, KEY_FILE), "utf8"), cert);
}

async function finishInstalling(folder: string, certificate: X509Certificate): Promise<void> {
  const key = await readRequestKey(folder);
  if (key !== undefined && certificate.checkPrivateKey(createPrivateKey(key))) {
    await rename(join(folder, REQUEST_KEY_FILE), join(folder, KEY_FILE));
  }
}

/** The key of a signing request that no certificate has been installed for. */
export async function readRequestKey(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, REQUEST_KEY_FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The one before is given up: a certificate for it is not taken any more. */
export function writeRequestKey(folder: string, key: string): Promise<void> {
  return writeWhole(join(folder, REQUEST_KEY_FILE), key, 0o600);
}

async function makeCertificate({ hostName, addresses }: HostNames, nowMs: number): Promise<{ key: string; cert: string }> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const expires = new Date(nowMs);
  expires.setUTCFullYear(expires.getUTCFullYear() + VALID_YEARS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [hostName] }, { O: ["Bulkhead"] }],
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: expires,
    keys,
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames({ hostName, addresses })),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: `${certificate.toString("pem")}\n` };
}

async function keepOld(path: string): Promise<void> {
  try {
    await rename(path, `${path}.old`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
