/**
 * Whether a certificate that a client brings can be the host's: it is one, it is for a key that the host has, it holds now, it is
 * for a server, and what comes with it leads from it upwards. Pure. Source: RFC 5280; vim25 HostCertificateManager.
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import { fault } from "../wire/index.ts";

const PEM_CHARACTERS_MAX = 64 * 1024; // a chain of ten, each with a key of 4096 bits, is 25 KiB
const CHAIN_MAX = 10;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1"; // RFC 5280 §4.2.1.12
const ANY_PURPOSE = "2.5.29.37.0";

export interface CertificateQuestion {
  /** As the client sent it (untrusted): the host's certificate, and those between it and its authority. */
  readonly pem: string;
  /** The host's private keys: of the requests that it made, and the one that it serves with. */
  readonly keys: readonly KeyObject[];
  /** Authorities of which one must have signed it, where there are any. */
  readonly authorities: readonly X509Certificate[];
  readonly nowMs: number;
}

export interface CheckedCertificate {
  /** PEM, the host's own first, and nothing else that was sent. */
  readonly cert: string;
  /** Index in {@link CertificateQuestion.keys}. */
  readonly key: number;
  /** From the host's own to the authority that is trusted, where one is. */
  readonly path: readonly X509Certificate[];
}

/** @throws {Fault} HostConfigFault that says what is wrong */
export function checkCertificate({ pem, keys, authorities, nowMs }: CertificateQuestion): CheckedCertificate {
  const chain = parseChain(pem);
  const [own] = chain;
  if (own === undefined) throw refuse("it holds no certificate");
  if (own.ca) throw refuse("it is an authority's own certificate");
  const key = keys.findIndex((candidate) => own.checkPrivateKey(candidate));
  if (key === -1) throw refuse("it is for a key that this host does not have: have one made by a signing request of this host's");
  for (const certificate of chain) refuseOutOfTime(certificate, nowMs);
  const purposes = own.keyUsage as readonly string[] | undefined; // Node's name for the extended ones
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH) && !purposes.includes(ANY_PURPOSE)) throw refuse("it is not for a server");
  for (const [index, certificate] of chain.entries()) {
    const next = chain[index + 1];
    if (next !== undefined && !isSignedBy(certificate, next)) throw refuse("its certificates do not lead from one to the next");
  }
  const path = authorities.length === 0 ? chain : [...chain, ...anchor(chain, authorities, nowMs)];
  return { cert: chain.map((certificate) => certificate.toString()).join(""), key, path };
}

/** The trusted authority above a chain; nothing more where it ends in one. */
function anchor(chain: readonly X509Certificate[], authorities: readonly X509Certificate[], nowMs: number): readonly X509Certificate[] {
  if (chain.some((certificate) => authorities.some((authority) => authority.fingerprint256 === certificate.fingerprint256))) return [];
  const last = chain.at(-1);
  const found = authorities.find((authority) => last !== undefined && isSignedBy(last, authority));
  if (found === undefined) throw refuse("no authority that this host trusts has signed it");
  refuseOutOfTime(found, nowMs);
  return [found];
}

/** @returns the certificates of a text, in its order; what stands between them is for people */
export function parseChain(pem: string): readonly X509Certificate[] {
  if (pem.length > PEM_CHARACTERS_MAX) throw refuse(`it is longer than ${PEM_CHARACTERS_MAX} characters`);
  const blocks = [...pem.matchAll(BLOCK)];
  if (blocks.some(([, type]) => type !== "CERTIFICATE")) throw refuse("it holds something else than certificates");
  if (blocks.length > CHAIN_MAX) throw refuse(`it holds more than ${CHAIN_MAX} certificates`);
  return blocks.map(([block]) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw refuse("it holds a certificate that cannot be parsed");
    }
  });
}

/** By name and by signature. */
function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function refuseOutOfTime({ validFrom, validTo, subject }: X509Certificate, nowMs: number): void {
  const name = subject.replaceAll("\n", ", ");
  if (Date.parse(validTo) <= nowMs) throw refuse(`that of ${name} has expired, on ${validTo}`);
  if (Date.parse(validFrom) > nowMs) throw refuse(`that of ${name} is not valid before ${validFrom}`);
}

export function refuse(because: string) {
  return fault("HostConfigFault", `The certificate was not taken: ${because}.`, {});
}
