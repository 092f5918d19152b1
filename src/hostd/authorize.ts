/**
 * Which privilege a method needs, and whether the caller has it: one function, one table. Pure.
 * The schema names the privilege of most methods; those that it leaves open have a row here, and a method without either does
 * not build. Source: ESXi's access control; vim25 method privileges.
 */
import { ANONYMOUS, isAllowed, type Lockdown, letsIn, type Permission, type PrivilegeId, READ, VIEW } from "../access/index.ts";
import { type Fault, parseDatastorePath } from "../base/index.ts";
import { fault, type MethodsWithoutPrivilege, type MoRef, type ResourceConfigSpec, type VirtualMachineConfigSpec } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import { CONSOLE_INTERACT } from "./console/acquire-ticket.ts";
import { privilegesOfExecution } from "./esxcli/catalogue.ts";
import { ADVANCED_OPTIONS } from "./inventory-tree.ts";
import type { ImplementedMethod } from "./managed-objects/index.ts";
import { poolIdOf } from "./resources/pool-tree.ts";
import { privilegesOfSpec } from "./spec-privileges.ts";

type Rule = (args: unknown, target: MoRef) => readonly PrivilegeId[];
const always =
  (...privileges: readonly PrivilegeId[]): Rule =>
  () =>
    privileges;

/**
 * Of a method that several types have: the privilege of the type that the client says its object is of. One who names a type above
 * them, which would do as well, needs those of all.
 */
const ofType =
  (privileges: Readonly<Record<string, PrivilegeId>>): Rule =>
  (_, { type }) => {
    const own = Object.hasOwn(privileges, type) ? privileges[type] : undefined;
    return own === undefined ? Object.values(privileges) : [own];
  };

const destroyed = ofType({
  VirtualMachine: "VirtualMachine.Inventory.Delete",
  Datastore: "Datastore.Delete",
  ResourcePool: "Resource.DeletePool",
});
const renamed = ofType({
  VirtualMachine: "VirtualMachine.Config.Rename",
  Datastore: "Datastore.Rename",
  ResourcePool: "Resource.RenamePool",
});

export const GUEST_QUERY = "VirtualMachine.GuestOperations.Query";
export const GUEST_MODIFY = "VirtualMachine.GuestOperations.Modify";
const GUEST_EXECUTE = "VirtualMachine.GuestOperations.Execute";

/** What is done inside a guest: methods of managers that serve all VMs, so the privilege is needed on the VM that they name. */
const rulesOfGuestOperations = {
  AcquireCredentialsInGuest: always(GUEST_QUERY),
  ChangeFileAttributesInGuest: always(GUEST_MODIFY),
  CreateTemporaryDirectoryInGuest: always(GUEST_MODIFY),
  CreateTemporaryFileInGuest: always(GUEST_MODIFY),
  DeleteDirectoryInGuest: always(GUEST_MODIFY),
  DeleteFileInGuest: always(GUEST_MODIFY),
  InitiateFileTransferFromGuest: always(GUEST_QUERY),
  InitiateFileTransferToGuest: always(GUEST_MODIFY),
  ListFilesInGuest: always(GUEST_QUERY),
  ListProcessesInGuest: always(GUEST_QUERY),
  MakeDirectoryInGuest: always(GUEST_MODIFY),
  MoveDirectoryInGuest: always(GUEST_MODIFY),
  MoveFileInGuest: always(GUEST_MODIFY),
  ReadEnvironmentVariableInGuest: always(GUEST_QUERY),
  ReleaseCredentialsInGuest: always(GUEST_QUERY),
  StartProgramInGuest: always(GUEST_EXECUTE),
  TerminateProcessInGuest: always(GUEST_EXECUTE),
  ValidateCredentialsInGuest: always(GUEST_QUERY),
} as const;

/** Of VirtualDiskManager: what is asked of a disk by its name alone. */
const VIRTUAL_DISK_METHODS = [
  "CopyVirtualDisk_Task",
  "CreateChildDisk_Task",
  "CreateVirtualDisk_Task",
  "DefragmentVirtualDisk_Task",
  "DeleteVirtualDisk_Task",
  "EagerZeroVirtualDisk_Task",
  "ExtendVirtualDisk_Task",
  "InflateVirtualDisk_Task",
  "MoveVirtualDisk_Task",
  "QueryVirtualDiskFragmentation",
  "QueryVirtualDiskGeometry",
  "QueryVirtualDiskInfo_Task",
  "QueryVirtualDiskUuid",
  "SetVirtualDiskUuid",
  "ShrinkVirtualDisk_Task",
  "ZeroFillVirtualDisk_Task",
] as const satisfies readonly ImplementedMethod[];

// By the id, which names one object: a client can call it by a base type.
const isPool = (moid: string): boolean => poolIdOf(moid) !== undefined;

/** What goes into a pool: where it lies, and the pool, allow it alike. */
function privilegesOfMove(list: readonly MoRef[]): readonly PrivilegeId[] {
  const kinds = list.map(({ value }): PrivilegeId => (isPool(value) ? "Resource.MovePool" : "Resource.AssignVMToPool"));
  return kinds.length === 0 ? [READ] : [...new Set(kinds)];
}

/** Each child is asked of by itself: a pool's resources are changed by its editors, a VM's by who may configure them. */
function privilegesOfChildren(specs: readonly ResourceConfigSpec[]): readonly PrivilegeId[] {
  const kinds = specs.map(({ entity }): PrivilegeId => (entity === undefined || isPool(entity.value) ? EDIT_POOL : CONFIGURE_RESOURCES));
  return kinds.length === 0 ? [EDIT_POOL] : [...new Set(kinds)];
}
const EDIT_POOL = "Resource.EditPool";
const CONFIGURE_RESOURCES = "VirtualMachine.Config.Resource";

function privilegesOfUpdate({ name, config }: { readonly name?: string; readonly config?: object }): readonly PrivilegeId[] {
  return [
    ...(name === undefined ? [] : ["Resource.RenamePool"]),
    ...(config === undefined && name !== undefined ? [] : ["Resource.EditPool"]),
  ];
}

const ofEach = <V>(methods: readonly string[], value: V): Readonly<Record<string, V>> =>
  Object.fromEntries(methods.map((method) => [method, value]));

/** Methods of the manager of all permissions: the privilege is needed on the entity whose permissions they are. */
const rulesOfPermissions = {
  RemoveEntityPermission: always("Authorization.ModifyPermissions"),
  ResetEntityPermissions: always("Authorization.ModifyPermissions"),
  RetrieveEntityPermissions: always(READ),
  SetEntityPermissions: always("Authorization.ModifyPermissions"),
} as const;

/** Methods for which the schema names no privilege. */
export const rulesWithoutSchema = {
  AcquireTicket: always(CONSOLE_INTERACT),
  AddVirtualNic: always("Host.Config.Network"),
  ...rulesOfGuestOperations,
  ...rulesOfPermissions,
  FetchUserPrivilegeOnEntities: always(VIEW),
  HasUserPrivilegeOnEntities: always(VIEW),
  RetrieveUserGroups: always(VIEW),
  CloseInventoryViewFolder: always(VIEW),
  OpenInventoryViewFolder: always(VIEW),
  ReadNextTasks: always(VIEW),
  ReadPreviousTasks: always(VIEW),
  CancelTask: always("Global.CancelTask"),
  CloneVM_Task: always("VirtualMachine.Provisioning.Clone"),
  CopyDatastoreFile_Task: always("Datastore.FileManagement"),
  DeleteDatastoreFile_Task: always("Datastore.DeleteFile"),
  DestroyCollector: always(VIEW),
  // A lease is its session's own, which nobody gets without the privilege to import or to export.
  HttpNfcLeaseAbort: always(VIEW),
  HttpNfcLeaseComplete: always(VIEW),
  HttpNfcLeaseGetManifest: always(VIEW),
  HttpNfcLeaseProgress: always(VIEW),
  HttpNfcLeaseSetManifestChecksumType: always(VIEW),
  DestroyPropertyFilter: always(VIEW),
  DestroyChildren: always("Resource.DeletePool"),
  Destroy_Task: (args, target) => (isPool(target.value) ? ["Resource.DeletePool"] : destroyed(args, target)),
  LogUserEvent: always("Global.LogEvent"),
  MakeDirectory: always("Datastore.FileManagement"),
  ModifyListView: always(VIEW),
  MoveDatastoreFile_Task: always("Datastore.FileManagement"),
  ReconfigVM_Task: (args) => privilegesOfSpec((args as { spec: VirtualMachineConfigSpec }).spec),
  ReadNextEvents: always(VIEW),
  ReadPreviousEvents: always(VIEW),
  MoveIntoResourcePool: (args) => privilegesOfMove((args as { list?: readonly MoRef[] }).list ?? []),
  Rename_Task: (args, target) => (isPool(target.value) ? ["Resource.RenamePool"] : renamed(args, target)),
  ResetCollector: always(VIEW),
  ResetListView: always(VIEW),
  ResetListViewFromView: always(VIEW),
  RewindCollector: always(VIEW),
  SearchDatastoreSubFolders_Task: always("Datastore.Browse"),
  SearchDatastore_Task: always("Datastore.Browse"),
  SetCollectorPageSize: always(VIEW),
  UpdateChildResourceConfiguration: (args) => privilegesOfChildren((args as { spec?: readonly ResourceConfigSpec[] }).spec ?? []),
  UpdateConfig: (args) => privilegesOfUpdate(args as { readonly name?: string; readonly config?: object }),
  UpdateNetworkConfig: always("Host.Config.Network"),
  UpdateVirtualNic: always("Host.Config.Network"),
  // Of the host's own options the documentation asks for more than of the agent's.
  UpdateOptions: (_, { value }) => [value === ADVANCED_OPTIONS.value ? "Host.Config.AdvancedConfig" : "Global.Settings"],
} as const satisfies Record<Extract<ImplementedMethod, MethodsWithoutPrivilege>, Rule>;

/** Methods for which the schema names too little: what it says of a ticket lets in who has no session to give one for; the others'
 * documentation asks for this privilege on the datastore; a command of esxcli needs what the method needs that it stands for. */
export const rulesOverSchema: Readonly<Record<string, Rule>> = {
  AcquireGenericServiceTicket: always(VIEW),
  ExecuteSoap: privilegesOfExecution, // each command its own
  ChangeAccessMode: always("Global.Settings", "Authorization.ModifyPermissions"), // it changes permissions as SetEntityPermissions does
  CreateDescriptor: always(READ), // it tells all that the VM is
  ...ofEach(VIRTUAL_DISK_METHODS, always("Datastore.FileManagement")),
};

const rules: Readonly<Record<string, Rule>> = { ...rulesWithoutSchema, ...rulesOverSchema };

const FROM_AND_TO = { file: ["sourceName", "destinationName"], disk: ["sourceName", "destName"] } as const;

/** Methods whose object serves all datastores, and the arguments that name those that are meant: on each the privilege is needed. */
const datastoreArguments: Readonly<Record<string, readonly string[]>> = {
  SearchDatastore_Task: ["datastorePath"],
  SearchDatastoreSubFolders_Task: ["datastorePath"],
  MakeDirectory: ["name"],
  DeleteDatastoreFile_Task: ["name"],
  CopyDatastoreFile_Task: FROM_AND_TO.file,
  MoveDatastoreFile_Task: FROM_AND_TO.file,
  ...ofEach(VIRTUAL_DISK_METHODS, ["name"]),
  CopyVirtualDisk_Task: FROM_AND_TO.disk,
  CreateChildDisk_Task: ["childName", "parentName"],
  MoveVirtualDisk_Task: FROM_AND_TO.disk,
};

/** The names of the datastores that a call is about; undefined for an argument that names none. Empty when it is about its object. */
export function datastoresConcerned(method: string, args: Readonly<Record<string, unknown>>): readonly (string | undefined)[] {
  const names = Object.hasOwn(datastoreArguments, method) ? (datastoreArguments[method] ?? []) : [];
  return names.map((name) => {
    const text = args[name];
    return typeof text === "string" ? parseDatastorePath(text)?.datastore : undefined;
  });
}

/** The entity that a call is about although it is another object's, or undefined. */
export function entityNamed(method: string, args: Readonly<Record<string, unknown>>): MoRef | undefined {
  if (Object.hasOwn(rulesOfPermissions, method)) return args.entity as MoRef | undefined;
  if (method === "CreateDescriptor") return args.obj as MoRef | undefined;
  return Object.hasOwn(rulesOfGuestOperations, method) ? (args.vm as MoRef | undefined) : undefined;
}

/** Executes a command of esxcli. */
export const EXECUTE_SOAP = "ExecuteSoap";

/** Reads one property of any object; pyVmomi sends it, and the schema's managed objects do not declare it. */
export const FETCH = "Fetch";

/**
 * The privileges that a method needs on its object.
 * @param schemaPrivilege what the schema says; undefined when it says nothing
 */
export function requiredPrivileges(
  method: string,
  schemaPrivilege: PrivilegeId | undefined,
  args: unknown,
  target: MoRef,
): readonly PrivilegeId[] {
  if (method === FETCH) return [ANONYMOUS]; // who may read the property is asked when it is read, as for every other read
  const rule = Object.hasOwn(rules, method) ? rules[method] : undefined;
  if (rule !== undefined) return rule(args, target);
  return [schemaPrivilege ?? READ];
}

/** Objects that can be read before login: vim25 clients ask them what the host is and whether they are logged in. */
const readableByAnyone: ReadonlySet<string> = new Set(["ServiceInstance", "ha-sessionmgr", "ha-property-collector"]);

export interface Subject {
  /** Undefined before login. */
  readonly userName: string | undefined;
  readonly permissions: readonly Permission[];
  readonly lockdown: Lockdown;
}

/** Who asks, with all that decides what they may. Every door makes its subject here, so that none forgets a part of it. */
export function subjectOf({ accounts, lockdown }: Pick<HostAgent, "accounts" | "lockdown">, userName: string | undefined): Subject {
  return { userName, permissions: accounts.permissions(), lockdown: lockdown.current };
}

/**
 * Decides whether the subject may use `privileges` on an object.
 * @param path the object's id and its ancestors' up to the root folder
 * @returns NotAuthenticated, NoPermission, or undefined when it may
 */
export function refuseAccess(
  target: MoRef,
  path: readonly string[],
  privileges: readonly PrivilegeId[],
  subject: Subject,
): Fault | undefined {
  const missing = privileges.find((privilege) => !holds(path, privilege, subject));
  if (missing === undefined) return undefined;
  if (subject.userName === undefined) {
    return fault("NotAuthenticated", "The session is not authenticated.", { object: target, privilegeId: missing });
  }
  return fault("NoPermission", "Permission to perform this operation was denied.", { object: target, privilegeId: missing });
}

function holds(path: readonly string[], privilege: PrivilegeId, { userName, permissions, lockdown }: Subject): boolean {
  if (privilege === ANONYMOUS) return true;
  return userName !== undefined && letsIn(lockdown, userName) && isAllowed(path, userName, privilege, permissions);
}

/** Decides whether the subject may read an object's properties. */
export function refuseRead(target: MoRef, path: readonly string[], subject: Subject): Fault | undefined {
  if (readableByAnyone.has(target.value)) return undefined;
  return refuseAccess(target, path, [READ], subject);
}
