/**
 * A datastore's files as HTTP clients reach them, by the steps that every request takes: authenticate, authorize, admit, perform,
 * record. The door decodes and streams; who may do what, and what is written down of it, is decided here.
 * Source: vim25 FileManager, «HTTP access»; Datastore privileges of ESXi's access control.
 */
import type { PrivilegeId } from "../../access/index.ts";
import { type DatastorePath, type Fault, formatDatastorePath, messageOf } from "../../base/index.ts";
import type { DownloadFile, FileDoor, FolderEntry, UploadFile } from "../../vmkernel/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { refuseAccess, type Subject, subjectOf } from "../authorize.ts";
import { faultOf } from "../faults.ts";
import { authenticateHttp, type HttpCredentials } from "../http-credentials.ts";
import { DATASTORE_FOLDER } from "../inventory-tree.ts";
import type { Client } from "../sessions.ts";
import type { Vm } from "../vm.ts";
import { filesOf, heldFiles } from "./held-files.ts";
import { refuseDelete } from "./plan-delete.ts";
import { refuseOverwrite } from "./plan-upload.ts";

export type FileMethod = "GET" | "HEAD" | "PUT" | "POST" | "DELETE";

export interface FileAccessRequest {
  readonly method: FileMethod;
  /** As it was asked for: a ticket is good for one URL. */
  readonly url: string;
  /** Undefined for the list of the datastores. */
  readonly path: DatastorePath | undefined;
  readonly credentials: HttpCredentials;
  readonly client: Client;
}

/** What a request that was let through may do, and nothing else. */
export interface FileAccess {
  /** The datastores that the caller may look into. */
  datastores(): readonly string[];
  open(): Promise<DownloadFile>;
  list(): Promise<readonly FolderEntry[]>;
  beginUpload(rules: Parameters<FileDoor["beginUpload"]>[1]): Promise<UploadFile>;
  resumeUpload(rules: Parameters<FileDoor["resumeUpload"]>[1]): Promise<UploadFile>;
  remove(): Promise<void>;
}

const privileges = {
  GET: "Datastore.Browse",
  HEAD: "Datastore.Browse",
  PUT: "Datastore.FileManagement",
  POST: "Datastore.FileManagement",
  DELETE: "Datastore.FileManagement",
} as const satisfies Record<FileMethod, PrivilegeId>;

/** How a deed ended that is no failure of the host's: what the audit record says of it. */
export interface FileOutcome {
  readonly comment: string;
  /** Set when the client did not get, or did not send, all of it. */
  readonly broken?: string;
}

/**
 * @param deed streams the answer; until it has ended, the request is under way
 * @throws {Fault} the refusal, or what the deed threw
 */
export async function accessFile(
  agent: HostAgent,
  request: FileAccessRequest,
  deed: (access: FileAccess) => Promise<FileOutcome>,
): Promise<void> {
  let userName: string | undefined;
  try {
    userName = await authenticateHttp(agent, request); // 1
    const subject = subjectOf(agent, userName);
    authorize(agent, request, subject); // 2
    record(agent, request, userName, await deed(accessTo(agent, request, subject))); // 3 admit and 4 perform
  } catch (error) {
    const thrown = faultOf(error);
    record(agent, request, userName, thrown);
    throw thrown;
  }
}

/** Before anything tells whether the datastore exists. */
function authorize({ inventory }: HostAgent, { method, path }: FileAccessRequest, subject: Subject): void {
  if (path === undefined && subject.userName !== undefined) return; // the list has what the caller may see
  const entity: MoRef = (path === undefined ? undefined : inventory.datastoreNamed(path.datastore)) ?? DATASTORE_FOLDER;
  const refusal = refuseAccess(entity, inventory.pathOf(entity.value), [privileges[method]], subject);
  if (refusal !== undefined) throw refusal;
}

function accessTo(agent: HostAgent, { path }: FileAccessRequest, subject: Subject): FileAccess {
  const { inventory, files, vms } = agent;
  const target = (): DatastorePath => {
    if (path !== undefined && inventory.datastoreNamed(path.datastore) !== undefined) return path;
    const name = path?.datastore ?? "";
    throw fault("InvalidDatastore", `The host has no datastore '${name}'.`, { name });
  };
  return {
    datastores: () => agent.datastores().flatMap(({ name, uuid }) => (mayBrowse(agent, uuid, subject) ? [name] : [])),
    open: () => files.openDownload(target()),
    list: () => vms.vmkernel.request({ kind: "listFolder", folder: target() }),
    beginUpload: (rules) => upload(agent, target(), (to) => files.beginUpload(to, rules)),
    resumeUpload: (rules) => upload(agent, target(), (to) => files.resumeUpload(to, rules)),
    async remove() {
      refuseDelete(target(), heldFiles(agent));
      await vms.vmkernel.request({ kind: "remove", path: target() });
    },
  };
}

function mayBrowse({ inventory }: HostAgent, uuid: string, subject: Subject): boolean {
  return refuseAccess({ type: "Datastore", value: uuid }, inventory.pathOf(uuid), [privileges.GET], subject) === undefined;
}

async function upload(agent: HostAgent, to: DatastorePath, begin: (to: DatastorePath) => Promise<UploadFile>): Promise<UploadFile> {
  const refuse = () => refuseOverwrite(to, heldFiles(agent, agent.vms.list().filter(isInUse)));
  refuse();
  const file = await begin(to);
  return {
    fd: file.fd,
    async commit() {
      refuse(); // it may have been powered on since
      const result = await file.commit();
      await refreshUsers(agent, to);
      return result;
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

function isInUse({ situation }: Vm): boolean {
  return situation.powerState !== "poweredOff" || situation.activeTask !== undefined;
}

/** A VM whose .vmx or disk was replaced is what its files say now. */
async function refreshUsers({ vms, datastores }: HostAgent, changed: DatastorePath): Promise<void> {
  const text = formatDatastorePath(changed);
  for (const vm of vms.list()) {
    if (filesOf(vm, datastores()).some((file) => formatDatastorePath(file) === text)) await vms.refresh(vm);
  }
}

/** 5 record: who had which file, from where, and how it ended. */
function record(agent: HostAgent, request: FileAccessRequest, userName: string | undefined, ended: FileOutcome | Fault): void {
  const thrown = "fault" in ended ? ended : undefined;
  const broken = "comment" in ended ? ended.broken : undefined;
  const denied = thrown?.fault === "NoPermission" || thrown?.fault === "NotAuthenticated";
  const reason = thrown?.fault ?? broken;
  agent.audit({
    id: denied ? "vim.access.denied" : "httpaccess.request",
    subject: userName ?? "",
    object: `${request.method} ${request.path === undefined ? "datastores" : formatDatastorePath(request.path)}`,
    result: reason === undefined ? "success" : "failure",
    ip: request.client.address,
    ...(reason === undefined ? {} : { reason }),
    comment: "comment" in ended ? ended.comment : messageOf(ended),
  });
}
