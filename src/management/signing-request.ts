/** Certificate signing requests: who the host says it is, signed with a key of its own. Source: RFC 2986; vim25 HostCertificateManager. */
import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import { fault } from "../wire/index.ts";

/** As the certificate authorities of today ask for at least. */
export const KEY_ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };

export interface HostNames {
  readonly hostName: string;
  /** IP addresses that clients reach the host by. */
  readonly addresses: readonly string[];
}

const DN_CHARACTERS_MAX = 1024;
/** RFC 4514, without its quoted and hexadecimal forms: what the certificate says can be read in the request for it. */
const VALUE = String.raw`(?:\\[\\,+"<>;=# ]|[^\\,+"<>;=#\u0000-\u001f\u007f])+`;
const ATTRIBUTE = String.raw`(?:CN|O|OU|L|ST|C|DC|E|SN|G|I|T|UID)\s*=\s*${VALUE}`;
const DISTINGUISHED_NAME = new RegExp(`^\\s*${ATTRIBUTE}(?:[,+]\\s*${ATTRIBUTE})*$`, "u");

/** Reads a distinguished name (untrusted). @throws {Fault} InvalidArgument */
export function parseDistinguishedName(text: string): string {
  if (text.length <= DN_CHARACTERS_MAX && DISTINGUISHED_NAME.test(text) && /(?:^|[,+])\s*CN\s*=/.test(text)) return text.trim();
  const message = "It is a name like 'CN=host1.example, O=Example, C=DE', with a common name (CN).";
  throw fault("InvalidArgument", message, { invalidProperty: "distinguishedName" });
}

/** @param subject a distinguished name, or the common name alone. @returns PEM: the request, and the key that it is made with */
export async function makeSigningRequest(
  subject: { readonly distinguishedName: string } | { readonly commonName: string },
  names: HostNames,
): Promise<{ readonly request: string; readonly key: string }> {
  const x509 = await loadX509();
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "commonName" in subject ? [{ CN: [subject.commonName] }] : nameOf(x509, subject.distinguishedName),
    keys,
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(alternativeNames(names)),
    ],
  });
  return { request: `${request.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

/** Loaded only when it is needed: it is large, and an idle host shall be small. */
export async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** PKCS #8, PEM. */
export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const base64 = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END PRIVATE KEY-----\n`;
}

/** Where clients look for the host, which is what they compare with the certificate. */
export function alternativeNames({ hostName, addresses }: HostNames): { type: "dns" | "ip"; value: string }[] {
  const all = new Set([hostName, "localhost", ...addresses, "127.0.0.1", "::1"]);
  return [...all].map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }));
}

function nameOf(x509: Awaited<ReturnType<typeof loadX509>>, distinguishedName: string) {
  try {
    return new x509.Name(distinguishedName);
  } catch (error) {
    throw fault("InvalidArgument", "The name cannot be encoded.", { invalidProperty: "distinguishedName" }, { cause: error });
  }
}
