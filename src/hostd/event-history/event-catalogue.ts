/**
 * The kinds of event that this host records, as EventManager.description shows them: category, title, text. A table; pure.
 * An event of a kind that is missing here can't be posted. Source: vim25 EventDescriptionEventDetail; ESXi's access control.
 */
import type { EventDescriptionEventDetail } from "../../wire/index.ts";

export type EventCategory = "info" | "warning" | "error" | "user";
export const EVENT_CATEGORIES: readonly EventCategory[] = ["info", "warning", "error", "user"];

type Row = readonly [category: EventCategory, title: string, format: string];

const rows = {
  UserLoginSessionEvent: ["info", "User login", "User {userName}@{ipAddress} logged in as {userAgent}"],
  UserLogoutSessionEvent: ["info", "User logout", "User {userName}@{ipAddress} logged out"],
  BadUsernameSessionEvent: ["error", "Cannot login user", "Cannot login {userName}@{ipAddress}"],
  AccountCreatedEvent: ["info", "Account created", "Account {spec.id} was created"],
  AccountUpdatedEvent: ["info", "Account updated", "Account {spec.id} was updated"],
  AccountRemovedEvent: ["info", "Account removed", "Account {account} was removed"],
  PermissionAddedEvent: ["info", "Permission added", "{principal} has role {role.name} on {entity.name}"],
  PermissionUpdatedEvent: ["info", "Permission changed", "{principal} has role {role.name} on {entity.name}"],
  PermissionRemovedEvent: ["info", "Permission removed", "The permission of {principal} on {entity.name} was removed"],
  RoleAddedEvent: ["info", "Role added", "Role {role.name} was added"],
  RoleUpdatedEvent: ["info", "Role updated", "Role {role.name} was updated"],
  RoleRemovedEvent: ["info", "Role removed", "Role {role.name} was removed"],
  EventEx: ["info", "Host audit", "{message}"],
  GeneralHostInfoEvent: ["info", "Host information", "{message}"],
  EnteringMaintenanceModeEvent: ["info", "Entering maintenance mode", "The host has begun to enter maintenance mode"],
  EnteredMaintenanceModeEvent: ["info", "Entered maintenance mode", "The host is in maintenance mode"],
  ExitMaintenanceModeEvent: ["info", "Exit maintenance mode", "The host has left maintenance mode"],
  CanceledHostOperationEvent: ["info", "Host operation cancelled", "The operation on the host was cancelled"],
  HostShutdownEvent: ["info", "Host shut down", "The host is being shut down: {reason}"],
  LocalDatastoreCreatedEvent: ["info", "Local datastore created", "Created the datastore {datastore.name}"],
  DatastoreRenamedEvent: ["info", "Datastore renamed", "Renamed the datastore {oldName} to {newName}"],
  DatastoreDestroyedEvent: ["info", "Datastore removed", "Removed the datastore {datastore.name}"],
  NetworkRollbackEvent: ["error", "Network changed back", "The network is as it was before {methodName}: nobody reached the host"],
  GeneralUserEvent: ["user", "User event", "{message}"],
  ResourcePoolCreatedEvent: ["info", "Resource pool created", "Created resource pool {resourcePool.name} in {parent.name}"],
  ResourcePoolReconfiguredEvent: ["info", "Resource pool reconfigured", "Updated configuration of {resourcePool.name}"],
  ResourcePoolMovedEvent: ["info", "Resource pool moved", "Moved resource pool {resourcePool.name} to {newParent.name}"],
  ResourcePoolDestroyedEvent: ["info", "Resource pool removed", "Removed resource pool {resourcePool.name}"],
  VmResourcePoolMovedEvent: ["info", "VM moved to a resource pool", "Moved {vm.name} to resource pool {newParent.name}"],
  VmCreatedEvent: ["info", "VM created", "Created virtual machine {vm.name}"],
  VmBeingClonedEvent: ["info", "VM being cloned", "{vm.name} is being cloned to {destName}"],
  VmClonedEvent: ["info", "VM cloned", "{vm.name} is a clone of {sourceVm.name}"],
  VmCloneFailedEvent: ["error", "Cannot clone VM", "Cannot clone {vm.name} to {destName}: {reason.msg}"],
  TaskEvent: ["info", "Task", "Task: {info.descriptionId}"],
  VmRegisteredEvent: ["info", "VM registered", "Registered {vm.name}"],
  VmRemovedEvent: ["info", "VM removed", "Removed {vm.name} from the inventory"],
  VmReconfiguredEvent: ["info", "VM reconfigured", "Reconfigured {vm.name}"],
  VmRenamedEvent: ["info", "VM renamed", "Renamed {oldName} to {newName}"],
  VmStartingEvent: ["info", "VM starting", "{vm.name} is starting"],
  VmPoweredOnEvent: ["info", "VM powered on", "{vm.name} is powered on"],
  VmFailedToPowerOnEvent: ["error", "Cannot power on VM", "Cannot power on {vm.name}: {reason.msg}"],
  VmStoppingEvent: ["info", "VM stopping", "{vm.name} is stopping"],
  VmPoweredOffEvent: ["info", "VM powered off", "{vm.name} is powered off"],
  VmResettingEvent: ["info", "VM resetting", "{vm.name} is reset"],
  VmSuspendingEvent: ["info", "VM being suspended", "{vm.name} is being suspended"],
  VmReloadFromPathEvent: ["info", "VM reloaded from path", "The configuration of {vm.name} was read anew from {configPath}"],
  VmUpgradeCompleteEvent: ["info", "VM hardware upgraded", "The hardware of {vm.name} is {version}"],
  VmSuspendedEvent: ["info", "VM suspended", "{vm.name} is suspended"],
  VmMacChangedEvent: [
    "warning",
    "VM MAC changed",
    "The MAC address of {vm.name} was changed from {oldMac} to {newMac} for adapter {adapter}",
  ],
  VmMacConflictEvent: ["error", "VM MAC conflict", "The MAC address {mac} of {vm.name} conflicts with that of {conflictedVm.name}"],
  VmMessageEvent: ["info", "VM message", "Message on {vm.name}: {message}"],
  VmMessageWarningEvent: ["warning", "VM warning", "{vm.name}: {message}"],
  VmAcquiredTicketEvent: ["info", "Console ticket acquired", "A ticket of type {ticketType} for {vm.name} was acquired"],
  VmRemoteConsoleConnectedEvent: ["info", "Remote console opened", "A remote console of {vm.name} was opened"],
  VmRemoteConsoleDisconnectedEvent: ["info", "Remote console closed", "A remote console of {vm.name} was closed"],
  VmGuestShutdownEvent: ["info", "Guest OS shut down", "Guest OS shut down for {vm.name}"],
  VmGuestStandbyEvent: ["info", "Guest stands by", "The guest OS of {vm.name} stands by"],
  VmFailedToStandbyGuestEvent: ["error", "Guest cannot stand by", "{vm.name} cannot stand by: {reason.msg}"],
  VmGuestRebootEvent: ["info", "Guest reboot", "Guest OS reboot for {vm.name}"],
} as const satisfies Readonly<Record<string, Row>>;

export type PostedEvent = keyof typeof rows;

export const eventDetails: readonly EventDescriptionEventDetail[] = Object.entries<Row>(rows).map(
  ([key, [category, description, format]]) => ({
    key,
    description,
    category,
    formatOnDatacenter: format,
    formatOnComputeResource: format,
    formatOnHost: format,
    formatOnVm: format,
    fullFormat: format,
  }),
);

/** Undefined for a kind that this host does not record. */
export function categoryOf(type: string): EventCategory | undefined {
  return Object.hasOwn(rows, type) ? rows[type as PostedEvent][0] : undefined;
}
