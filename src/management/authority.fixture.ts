/** A certificate authority for tests, which signs what it is asked to. */
import type { webcrypto } from "node:crypto";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY_MS = 86_400_000;

export interface Wish {
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly isAuthority?: boolean;
  readonly purpose?: x509.ExtendedKeyUsage;
}

export interface Authority {
  /** PEM. */
  readonly cert: string;
  /** @param request a signing request, PEM. @returns the certificate, PEM */
  sign(request: string, wish?: Wish): Promise<string>;
  /** An authority beneath this one. */
  beneath(name: string): Promise<Authority>;
  /** A list of what it has taken back. @param certs PEM. @returns PEM */
  revoke(...certs: readonly string[]): Promise<string>;
  /** One that does not say until when it holds. */
  revokeForEver(...certs: readonly string[]): Promise<string>;
}

export async function makeAuthority(
  name: string,
  above?: { readonly cert: x509.X509Certificate; readonly key: webcrypto.CryptoKey },
): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const subject = `CN=${name}`;
  let serial = 1;
  const common = (wish: Wish) => ({
    serialNumber: `0${serial++}${Math.floor(Math.random() * 2 ** 30)
      .toString(16)
      .padStart(8, "0")}`,
    notBefore: new Date(wish.fromMs ?? Date.now() - DAY_MS),
    notAfter: new Date(wish.toMs ?? Date.now() + 365 * DAY_MS),
    signingAlgorithm: ALGORITHM,
  });
  const cert = await x509.X509CertificateGenerator.create({
    ...common({}),
    subject,
    issuer: above === undefined ? subject : above.cert.subject,
    publicKey: keys.publicKey,
    signingKey: above === undefined ? keys.privateKey : above.key,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const list = async (certs: readonly string[], until: { readonly nextUpdate?: Date }): Promise<string> => {
    const entries = certs.map((pem) => ({ serialNumber: new x509.X509Certificate(pem).serialNumber, revocationDate: new Date() }));
    const what = { issuer: cert.subject, signingKey: keys.privateKey, signingAlgorithm: ALGORITHM, entries };
    return (await x509.X509CrlGenerator.create({ ...what, ...until })).toString("pem");
  };
  return {
    cert: cert.toString("pem"),
    async sign(text, wish = {}) {
      const request = new x509.Pkcs10CertificateRequest(text);
      if (!(await request.verify())) throw new Error("the request is not signed with its own key");
      const purpose = wish.purpose ?? x509.ExtendedKeyUsage.serverAuth;
      const names = request.extensions.filter((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
      const signed = await x509.X509CertificateGenerator.create({
        ...common(wish),
        subject: request.subject,
        issuer: cert.subject,
        publicKey: request.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(wish.isAuthority ?? false, undefined, true),
          new x509.ExtendedKeyUsageExtension([purpose]),
          ...names,
        ],
      });
      return signed.toString("pem");
    },
    beneath: (other) => makeAuthority(other, { cert, key: keys.privateKey }),
    revoke: (...certs) => list(certs, { nextUpdate: new Date(Date.now() + 30 * DAY_MS) }),
    revokeForEver: (...certs) => list(certs, {}),
  };
}

export { x509 };
