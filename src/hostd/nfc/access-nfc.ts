/**
 * The files of a lease as HTTP clients reach them. A URL of the lease is all that opens it, as on ESXi, where clients send no cookie
 * there; so its owner's privilege is asked for anew, and each file moves once at a time. Source: vim25 HttpNfcLease.
 */
import type { PrivilegeId } from "../../access/index.ts";
import { type DatastorePath, Fault, messageOf } from "../../base/index.ts";
import type { UploadFile } from "../../vmkernel/index.ts";
import { fault, makeBaseDescriptor, type VmdkDescriptor } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { refuseAccess, subjectOf } from "../authorize.ts";
import { describeDisk } from "../disks/disk-deeds.ts";
import { faultOf } from "../faults.ts";
import { ROOT_POOL } from "../inventory-tree.ts";
import type { Client } from "../sessions.ts";
import type { Lease, LeaseFile, Transfer } from "./lease.ts";
import { type OpenChain, openChain } from "./open-chain.ts";

export type NfcMethod = "GET" | "HEAD" | "POST" | "PUT";

export interface NfcRequest {
  readonly method: NfcMethod;
  /** Untrusted, both. */
  readonly token: string;
  readonly file: string;
  readonly client: Client;
}

/** What a request that was let through may do, and nothing else. */
export type NfcAccess = Pick<Transfer, "checksumType" | "progress" | "end"> &
  (
    | { readonly kind: "importDisk"; readonly name: string; readonly capacityBytes: number; begin(): Promise<UploadFile> }
    | { readonly kind: "importFile"; begin(sizeBytes: number | undefined): Promise<UploadFile> }
    | {
        readonly kind: "exportDisk";
        readonly name: string;
        readonly capacityBytes: number;
        /** As the stream is to describe itself. */
        readonly descriptor: VmdkDescriptor;
        open(): Promise<OpenChain>;
      }
  );

export interface NfcOutcome {
  readonly comment: string;
  /** Set when it did not go to its end. */
  readonly broken?: string;
}

const PRIVILEGES = { import: "VApp.Import", export: "VApp.Export" } as const satisfies Record<Lease["parts"]["direction"], PrivilegeId>;
const METHODS = { import: ["POST", "PUT"], export: ["GET", "HEAD"] } as const;
/** What is wrong with what the client sends, or with where it goes: there is no use in trying again. */
const FINAL = new Set(["InvalidDiskFormat", "NoDiskSpace"]);

/** @throws {Fault} the refusal, or what the deed threw */
export async function accessNfc(agent: HostAgent, request: NfcRequest, deed: (access: NfcAccess) => Promise<NfcOutcome>): Promise<void> {
  let lease: Lease | undefined;
  try {
    lease = agent.leases.find(request.token); // 1 authenticate
    if (lease === undefined) throw fault("NotAuthenticated", "There is no lease of that address, or it has ended.", notAuthenticated);
    authorize(agent, lease); // 2
    using transfer = admit(lease, request); // 3
    const outcome = await deed(await accessTo(agent, transfer, lease)); // 4 perform
    record(agent, { request, lease, outcome }); // 5
  } catch (error) {
    const thrown = faultOf(error);
    if (thrown instanceof Fault && FINAL.has(thrown.fault) && lease?.parts.direction === "import") lease.fail(thrown);
    record(agent, { request, lease, thrown });
    throw thrown;
  }
}

const notAuthenticated = { object: ROOT_POOL, privilegeId: PRIVILEGES.import };

function authorize(agent: HostAgent, { parts: { direction, userName, target } }: Lease): void {
  const refusal = refuseAccess(target, agent.inventory.pathOf(target.value), [PRIVILEGES[direction]], subjectOf(agent, userName));
  if (refusal !== undefined) throw refusal;
}

function admit(lease: Lease, { method, file }: NfcRequest): Transfer {
  const methods: readonly NfcMethod[] = METHODS[lease.parts.direction];
  if (!methods.includes(method))
    throw fault("InvalidRequest", `The files of this lease are ${lease.parts.direction === "import" ? "sent" : "fetched"}.`, {});
  return lease.begin(file);
}

async function accessTo(agent: HostAgent, transfer: Transfer, lease: Lease): Promise<NfcAccess> {
  const { file, checksumType } = transfer;
  const common = { checksumType, progress: () => transfer.progress(), end: (moved: Parameters<Transfer["end"]>[0]) => transfer.end(moved) };
  const { content, name } = file;
  if (content.kind === "file") {
    const begin = (sizeBytes: number | undefined) => agent.files.beginUpload(content.path, { sizeBytes, mustBeNew: false });
    return { kind: "importFile", ...common, begin };
  }
  const { descriptor, capacityBytes, eager } = content;
  if (lease.parts.direction === "import")
    return { kind: "importDisk", ...common, name, capacityBytes, begin: () => agent.files.beginDiskImport(descriptor, { eager }) };
  return {
    kind: "exportDisk",
    ...common,
    name,
    capacityBytes,
    descriptor: await describeStream(agent, file, descriptor),
    open: () => openChain(agent, descriptor),
  };
}

async function describeStream(agent: HostAgent, { name }: LeaseFile, descriptor: DatastorePath): Promise<VmdkDescriptor> {
  const { capacityBytes, adapterType, uuid, contentId } = await describeDisk(agent, descriptor);
  return makeBaseDescriptor({
    capacityBytes,
    thin: false,
    adapterType: adapterType === "ide" || adapterType === "buslogic" ? adapterType : "lsilogic",
    uuid,
    longContentId: `${uuid.slice(0, 24)}${contentId}`,
    hardwareVersion: 4, // what every product can read
    extentFile: name,
  });
}

interface Ended {
  readonly request: NfcRequest;
  readonly lease: Lease | undefined;
  readonly outcome?: NfcOutcome;
  readonly thrown?: Fault;
}

/** Who sent or fetched which file, from where, and how it ended. What opens a lease is not written down. */
function record(agent: HostAgent, { request, lease, outcome, thrown }: Ended): void {
  const reason = thrown?.fault ?? outcome?.broken;
  const denied = thrown?.fault === "NoPermission" || thrown?.fault === "NotAuthenticated";
  agent.audit({
    id: denied ? "vim.access.denied" : "nfc.transfer",
    subject: lease?.parts.userName ?? "",
    object: `${request.method} ${lease?.entity === undefined ? "" : `${lease.entity.type}:${lease.entity.value} `}${request.file}`,
    result: reason === undefined ? "success" : "failure",
    ip: request.client.address,
    ...(reason === undefined ? {} : { reason }),
    comment: thrown === undefined ? (outcome?.comment ?? "") : messageOf(thrown),
  });
}
