/** The checksums of a file that passes: SHA-1, which every manifest entry has, and the kind that is asked for. Pure. */
import { createHash, type Hash } from "node:crypto";
import type { MovedFile, NfcAccess } from "../../hostd/index.ts";

type ChecksumType = NfcAccess["checksumType"];

export class Checksums {
  readonly #type: ChecksumType;
  readonly #sha1: Hash = createHash("sha1");
  readonly #other: Hash | undefined;

  constructor(type: ChecksumType) {
    this.#type = type;
    this.#other = type === "sha1" ? undefined : createHash(type);
  }

  update(piece: Uint8Array): void {
    this.#sha1.update(piece);
    this.#other?.update(piece);
  }

  end(): Pick<MovedFile, "sha1" | "checksum" | "checksumType"> {
    const sha1 = this.#sha1.digest("hex");
    return { sha1, checksum: this.#other?.digest("hex") ?? sha1, checksumType: this.#type };
  }
}
