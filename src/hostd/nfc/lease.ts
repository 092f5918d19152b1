/**
 * HttpNfcLease: a client's right to send or to fetch the files of a VM for as long as it says that it goes on. When it stops saying so,
 * gives up, or sends what is no disk, all that was made for it is taken back. Source: vim25 HttpNfcLease.
 */
import type { Clock, DatastorePath, Fault } from "../../base/index.ts";
import { defer } from "../../base/index.ts";
import {
  fault,
  faultToLocalized,
  type HttpNfcLeaseInfo,
  type HttpNfcLeaseManifestEntry,
  type LocalizedMethodFault,
  type MoRef,
} from "../../wire/index.ts";
import type { Changes } from "../changes.ts";

/** Clients renew every two seconds; one that is cut off is waited for that long. */
export const LEASE_TIMEOUT_S = 300;
export const CHECKSUM_TYPES = ["sha1", "sha256", "sha512"] as const;
const DEFAULT_CHECKSUM = "sha256"; // what packages of today have in their manifests
export type ChecksumType = (typeof CHECKSUM_TYPES)[number];

/** One file of the lease, as the door moves it. */
export interface LeaseFile {
  /** The last part of its URL: "disk-0.vmdk". */
  readonly name: string;
  readonly key: string;
  readonly importKey: string;
  readonly content:
    | { readonly kind: "disk"; readonly descriptor: DatastorePath; readonly capacityBytes: number; readonly eager: boolean }
    | { readonly kind: "file"; readonly path: DatastorePath };
}

export interface MovedFile {
  readonly sizeBytes: number;
  /** Lower-case hex, as `checksum` is. */
  readonly sha1: string;
  readonly checksumType: ChecksumType;
  readonly checksum: string;
  /** Of a disk: how much of it is not zeros. */
  readonly populatedBytes?: number;
}

interface FileState {
  readonly file: LeaseFile;
  state: "untouched" | "moving" | "broken" | "moved";
  checksumType: ChecksumType;
  moved: MovedFile | undefined;
}

export type LeaseState = "initializing" | "ready" | "done" | "error";

export interface LeaseParts {
  readonly ref: MoRef<"HttpNfcLease">;
  /** What its URLs hold: who knows it is let in. */
  readonly token: string;
  readonly direction: "import" | "export";
  /** The pool that it imports into, or the VM that it exports: whose privileges are asked for. */
  readonly target: MoRef;
  readonly userName: string;
  readonly clock: Clock;
  readonly changes: Changes;
  /** Told whenever the client shows that it is still there. */
  readonly onRenewed: () => void;
}

export interface LeaseContent {
  readonly entity: MoRef<"VirtualMachine">;
  readonly files: readonly LeaseFile[];
  /** Of a file's name. */
  readonly urlOf: (name: string) => string;
  readonly thumbprint: string;
}

const CHECK_MS = 1000;

export class Lease {
  readonly parts: LeaseParts;
  state: LeaseState = "initializing";
  error: LocalizedMethodFault | undefined;
  info: HttpNfcLeaseInfo | undefined;
  transferProgress = 0;
  /** The VM, once it is there. */
  entity: MoRef | undefined;
  readonly #files = new Map<string, FileState>();
  readonly #ended = defer<void>();
  readonly #settled = defer<void>();
  #renewedAtMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: LeaseParts) {
    this.parts = parts;
    this.#renewedAtMs = parts.clock.now();
    this.#ended.promise.catch(() => {}); // whoever waits for it is told; nobody may
    this.#timer = setInterval(() => this.#check(), CHECK_MS).unref();
  }

  /** Resolves when the client says that it is done; rejects with why not. */
  get completed(): Promise<void> {
    return this.#ended.promise;
  }

  get isOpen(): boolean {
    return this.state === "initializing" || this.state === "ready";
  }

  /** From now files may be moved. A no-op for a lease that has ended meanwhile. */
  ready({ entity, files, urlOf, thumbprint }: LeaseContent): void {
    if (this.state !== "initializing") return;
    for (const file of files) this.#files.set(file.name, { file, state: "untouched", checksumType: DEFAULT_CHECKSUM, moved: undefined });
    this.entity = entity;
    this.info = {
      lease: this.parts.ref,
      entity,
      deviceUrl: files.map(({ name, key, importKey, content }) => ({
        key,
        importKey,
        url: urlOf(name),
        sslThumbprint: thumbprint,
        disk: content.kind === "disk",
        ...(this.parts.direction === "export" && { targetId: name }),
      })),
      totalDiskCapacityInKB: files.reduce(
        (sum, { content }) => sum + (content.kind === "disk" ? Math.ceil(content.capacityBytes / 1024) : 0),
        0,
      ),
      leaseTimeout: LEASE_TIMEOUT_S,
    };
    this.renew();
    this.#become("ready");
  }

  /** The client is still there. */
  renew(): void {
    this.#renewedAtMs = this.parts.clock.now();
    this.parts.onRenewed();
  }

  /** @param percent as the client counts it @throws {Fault} Timedout */
  progress(percent: number): void {
    this.#requireNotOver();
    this.transferProgress = Math.min(100, Math.max(0, percent));
    this.renew();
    this.parts.changes.changed(this.parts.ref);
  }

  /** When it returns, the VM is nobody's but its owner's. @throws {Fault} InvalidState while a file is under way or is there by half, Timedout */
  async complete(): Promise<void> {
    this.#requireNotOver();
    if (this.state !== "ready") throw notIn(this.state);
    const open = [...this.#files.values()].find(({ state }) => state === "moving" || state === "broken");
    if (open !== undefined && this.parts.direction === "import") {
      const why = open.state === "moving" ? "is still being sent" : "was not sent to its end";
      throw fault("InvalidState", `The lease cannot be completed: ${open.file.name} ${why}.`, {});
    }
    this.transferProgress = 100;
    this.#become("done");
    this.#ended.resolve();
    await this.#settled.promise;
  }

  /** Ends it, and with it all that it stands for. A no-op for one that has ended. */
  fail(because: Fault, shown: LocalizedMethodFault = faultToLocalized(because)): void {
    if (!this.isOpen) return;
    this.error = shown;
    this.#become("error");
    this.#ended.reject(because);
  }

  /** When it returns, what was made is gone. @param given what the client says of why @throws {Fault} InvalidState */
  async abort(given: LocalizedMethodFault | undefined): Promise<void> {
    if (!this.isOpen) throw notIn(this.state);
    this.fail(fault("RequestCanceled", "The lease was aborted by its client.", {}), given);
    await this.#settled.promise;
  }

  /** The task that the lease is about has ended. */
  settle(): void {
    this.#settled.resolve();
  }

  /** @throws {Fault} InvalidState, InvalidArgument */
  setChecksumTypes(types: readonly { readonly key: string; readonly value: string }[]): void {
    if (this.state !== "ready") throw notIn(this.state);
    const chosen = types.map(({ key, value }) => {
      const file = [...this.#files.values()].find((candidate) => candidate.file.key === key);
      const type = CHECKSUM_TYPES.find((candidate) => candidate === value.toLowerCase().replace("-", ""));
      const invalidProperty = "deviceUrlsToChecksumTypes";
      if (file === undefined) throw fault("InvalidArgument", `The lease has no device '${key}'.`, { invalidProperty });
      if (type === undefined)
        throw fault("InvalidArgument", `There is no checksum type '${value}': it is one of ${CHECKSUM_TYPES.join(", ")}.`, {
          invalidProperty,
        });
      if (file.state === "moving" || file.state === "moved") throw fault("InvalidState", `${file.file.name} has been sent already.`, {});
      return { file, type };
    });
    for (const { file, type } of chosen) file.checksumType = type;
  }

  /** What has been moved to its end. @throws {Fault} InvalidState */
  manifest(): readonly HttpNfcLeaseManifestEntry[] {
    if (this.state !== "ready" && this.state !== "done") throw notIn(this.state);
    return [...this.#files.values()].flatMap(({ file, moved }) => (moved === undefined ? [] : [manifestEntry(file, moved)]));
  }

  /**
   * One file begins to move: one at a time.
   * @throws {Fault} FileNotFound, InvalidState, ResourceInUse
   */
  begin(name: string): Transfer {
    this.#requireNotOver();
    if (this.state !== "ready") throw notIn(this.state);
    const state = this.#files.get(name);
    if (state === undefined) throw fault("FileNotFound", `The lease has no file '${name}'.`, { file: name });
    if (state.state === "moving") throw fault("ResourceInUse", `${name} is being moved already.`, { type: "file", name });
    state.state = "moving";
    state.moved = undefined;
    const lease = this;
    return {
      file: state.file,
      checksumType: state.checksumType,
      progress() {
        if (!lease.isOpen) throw notIn(lease.state);
        lease.renew();
      },
      end(moved) {
        state.state = "moved";
        state.moved = moved;
        lease.renew();
      },
      [Symbol.dispose]() {
        if (state.state === "moving") state.state = "broken";
      },
    };
  }

  #requireNotOver(): void {
    this.#check();
    if (this.state === "error" && this.error?.fault?.$type === "Timedout") throw timedOut();
  }

  #check(): void {
    if (this.isOpen && this.parts.clock.now() - this.#renewedAtMs > LEASE_TIMEOUT_S * 1000 && this.state === "ready") this.fail(timedOut());
  }

  #become(state: LeaseState): void {
    this.state = state;
    if (!this.isOpen) clearInterval(this.#timer);
    this.parts.changes.changed(this.parts.ref);
  }
}

/** A file on its way. Disposed of without an end, it is there by half. */
export interface Transfer extends Disposable {
  readonly file: LeaseFile;
  readonly checksumType: ChecksumType;
  /** Some of it has got on. @throws {Fault} InvalidState when the lease has ended meanwhile */
  progress(): void;
  end(moved: MovedFile): void;
}

function manifestEntry({ key, content }: LeaseFile, moved: MovedFile): HttpNfcLeaseManifestEntry {
  const { sha1, checksum, checksumType, sizeBytes, populatedBytes } = moved;
  return {
    key,
    sha1,
    checksum,
    checksumType,
    size: sizeBytes,
    disk: content.kind === "disk",
    ...(content.kind === "disk" && { capacity: content.capacityBytes }),
    ...(populatedBytes === undefined ? {} : { populatedSize: populatedBytes }),
  };
}

function timedOut(): Fault {
  return fault("Timedout", `The lease has ended: its client said nothing for ${LEASE_TIMEOUT_S} s.`, {});
}

function notIn(state: LeaseState): Fault {
  return fault("InvalidState", `The operation is not allowed in the current state of the lease (${state}).`, {});
}
