/**
 * The authorities that the host trusts, and the certificates that they have taken back: who may sign what is installed on it. Kept
 * as one file. Source: RFC 5280; vim25 ReplaceCACertificatesAndCRLs.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fault } from "../wire/index.ts";
import { parseChain, refuse } from "./check-certificate.ts";
import { loadX509 } from "./signing-request.ts";
import { writeWhole } from "./whole-file.ts";

const FILE = "castore.json";
const AUTHORITIES_MAX = 100;
const CRLS_MAX = 100;
const CRL_CHARACTERS_MAX = 1024 * 1024;

interface Stored {
  readonly certificates: readonly string[];
  readonly crls: readonly string[];
}

export class TrustedAuthorities {
  readonly #folder: string;
  #stored: Stored;

  private constructor(folder: string, stored: Stored) {
    this.#folder = folder;
    this.#stored = stored;
  }

  static async open(folder: string): Promise<TrustedAuthorities> {
    const text = await readFile(join(folder, FILE), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    return new TrustedAuthorities(folder, text === undefined ? { certificates: [], crls: [] } : (JSON.parse(text) as Stored));
  }

  /** PEM. */
  get certificates(): readonly string[] {
    return this.#stored.certificates;
  }

  /** PEM. */
  get crls(): readonly string[] {
    return this.#stored.crls;
  }

  get authorities(): readonly X509Certificate[] {
    return this.#stored.certificates.map((pem) => new X509Certificate(pem));
  }

  /** All of them or none. @throws {Fault} HostConfigFault */
  async replace(certificates: readonly string[], crls: readonly string[]): Promise<void> {
    if (certificates.length > AUTHORITIES_MAX || crls.length > CRLS_MAX) throw invalid("there are too many of them");
    const authorities = certificates.map(parseAuthority);
    for (const crl of crls) await checkCrl(crl, authorities);
    const stored = { certificates: authorities.map((authority) => authority.toString()), crls };
    await writeWhole(join(this.#folder, FILE), JSON.stringify(stored), 0o600);
    this.#stored = stored;
  }

  /** @param path a certificate, and those above it. @throws {Fault} HostConfigFault when one of them has been taken back */
  async refuseRevoked(path: readonly X509Certificate[]): Promise<void> {
    if (this.#stored.crls.length === 0) return;
    const x509 = await loadX509();
    for (const crl of this.#stored.crls.map((pem) => new x509.X509Crl(pem))) {
      for (const [index, certificate] of path.entries()) {
        const issuer = path[index + 1];
        if (issuer === undefined || new x509.X509Certificate(issuer.raw).subject !== crl.issuer) continue;
        if (crl.findRevoked(new x509.X509Certificate(certificate.raw)) !== null) throw refuse("its authority has taken it back");
      }
    }
  }
}

function parseAuthority(pem: string): X509Certificate {
  const [authority, ...more] = parseChain(pem);
  if (authority === undefined || more.length > 0) throw invalid("each is to be one certificate");
  if (!authority.ca) throw invalid("one of them is no authority's");
  return authority;
}

/** One that no authority of the list has signed would take nothing back. */
async function checkCrl(pem: string, authorities: readonly X509Certificate[]): Promise<void> {
  if (pem.length > CRL_CHARACTERS_MAX) throw invalid(`a revocation list is longer than ${CRL_CHARACTERS_MAX} characters`);
  const x509 = await loadX509();
  let crl: InstanceType<typeof x509.X509Crl>;
  try {
    crl = new x509.X509Crl(pem);
  } catch (error) {
    throw invalid("a revocation list cannot be parsed", { cause: error });
  }
  // RFC 5280 §5.1.2.5 wants it; and what the list takes back would be overlooked without it by the parser that is used here.
  if (crl.nextUpdate === undefined) throw invalid("a revocation list does not say until when it holds");
  const candidates = authorities
    .map((authority) => new x509.X509Certificate(authority.raw))
    .filter(({ subject }) => subject === crl.issuer);
  for (const authority of candidates) if (await crl.verify({ publicKey: authority })) return;
  throw invalid("a revocation list is signed by none of the authorities");
}

function invalid(because: string, options?: ErrorOptions) {
  return fault("HostConfigFault", `The authorities stay as they are: ${because}.`, {}, options);
}
