/**
 * The host's certificate while it runs: what it serves, the requests for another, and putting that in the old one's place without
 * a moment between. Source: vim25 HostCertificateManager; paper «Network Access to Administrative Interfaces».
 */
import { createPrivateKey } from "node:crypto";
import { type Clock, messageOf, Turns } from "../base/index.ts";
import {
  describe,
  type HostCertificate,
  installCertificate,
  loadOrCreateCertificate,
  readRequestKey,
  writeRequestKey,
} from "./certificates.ts";
import { checkCertificate, refuse } from "./check-certificate.ts";
import { type HostNames, makeSigningRequest, parseDistinguishedName } from "./signing-request.ts";
import { TrustedAuthorities } from "./trusted-authorities.ts";

/** Takes a certificate for new connections; throws when it cannot be served. */
type Serve = (certificate: HostCertificate) => void;

export class CertificateStore {
  readonly #folder: string;
  readonly #names: HostNames;
  readonly #clock: Clock;
  readonly #trusted: TrustedAuthorities;
  /** Requests and installations, one after the other: each replaces what the next would look at. */
  readonly #turns = new Turns(1);
  #current: HostCertificate;
  #serve: Serve = () => {};

  private constructor(folder: string, names: HostNames, clock: Clock, current: HostCertificate, trusted: TrustedAuthorities) {
    this.#folder = folder;
    this.#names = names;
    this.#clock = clock;
    this.#current = current;
    this.#trusted = trusted;
  }

  static async open(folder: string, names: HostNames, clock: Clock): Promise<CertificateStore> {
    const current = await loadOrCreateCertificate(folder, names, clock);
    return new CertificateStore(folder, names, clock, current, await TrustedAuthorities.open(folder));
  }

  get current(): HostCertificate {
    return this.#current;
  }

  get trusted(): TrustedAuthorities {
    return this.#trusted;
  }

  /** Who serves it. */
  servedBy(serve: Serve): void {
    this.#serve = serve;
  }

  /** A request for the host by its name, or by its first address. @returns PEM */
  requestFor(by: "hostName" | "address"): Promise<string> {
    const { hostName, addresses } = this.#names;
    return this.#request({ commonName: by === "address" ? (addresses[0] ?? hostName) : hostName });
  }

  /** @throws {Fault} InvalidArgument */
  async requestForName(distinguishedName: string): Promise<string> {
    return this.#request({ distinguishedName: parseDistinguishedName(distinguishedName) });
  }

  /**
   * Serves another certificate from now on; connections that are open keep theirs. Of a chain, the host's own comes first.
   * @throws {Fault} HostConfigFault; then the old one is served on
   */
  install(pem: string): Promise<HostCertificate> {
    return this.#turns.take(async () => {
      const requestKey = await readRequestKey(this.#folder);
      const keys = [this.#current.key, ...(requestKey === undefined ? [] : [requestKey])];
      const { cert, key, path } = checkCertificate({
        pem,
        keys: keys.map((text) => createPrivateKey(text)),
        authorities: this.#trusted.authorities,
        nowMs: this.#clock.now(),
      });
      await this.#trusted.refuseRevoked(path);
      this.#try(describe(keys[key] ?? "", cert));
      try {
        this.#current = await installCertificate(this.#folder, cert, key > 0);
      } catch (error) {
        this.#serve(this.#current);
        throw error;
      }
      return this.#current;
    });
  }

  #try(certificate: HostCertificate): void {
    try {
      this.#serve(certificate);
    } catch (error) {
      throw refuse(`it cannot be served (${messageOf(error)})`);
    }
  }

  #request(subject: Parameters<typeof makeSigningRequest>[0]): Promise<string> {
    return this.#turns.take(async () => {
      const { request, key } = await makeSigningRequest(subject, this.#names);
      await writeRequestKey(this.#folder, key);
      return request;
    });
  }
}
