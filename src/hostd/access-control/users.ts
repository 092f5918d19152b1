/** vim25 local accounts: making, changing and removing users. */
import { type Account, administrators, hashPassword, refusePassword } from "../../access/index.ts";
import { fault, type HostAccountSpec } from "../../wire/index.ts";
import { ROOT } from "../accounts.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { checkPassword } from "../check-password.ts";
import { ROOT_FOLDER } from "../inventory-tree.ts";
import { endSessionsOf } from "./end-sessions.ts";

const USER_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/; // as useradd(8) has it; no "\" and "@", which name users of directories
const DESCRIPTION_CHARACTERS_MAX = 200;
const USERS_MAX = 1000;

/** @throws {Fault} InvalidArgument, AlreadyExists */
export async function createUser(agent: HostAgent, spec: HostAccountSpec, call: Call): Promise<void> {
  const { id, description = "" } = checkSpec(spec);
  if (!USER_NAME.test(id)) throw invalid("user.id", `'${id.slice(0, 40)}' is no name for a user.`);
  if (agent.accounts.list().length >= USERS_MAX) throw fault("InvalidRequest", `The host has ${USERS_MAX} users already.`, {});
  if (spec.password === undefined) throw invalid("user.password", "A new user needs a password.");
  const passwordHash = await hashGood(spec.password, id);
  refuseTaken(agent, id); // after the hash, which takes its time: nothing comes between this and the account
  agent.accounts.set({ name: id, fullName: description, passwordHash });
  post(agent, call, "AccountCreatedEvent", id, description);
}

/** What the spec leaves out stays. @throws {Fault} InvalidArgument, UserNotFound, NoPermission */
export async function updateUser(agent: HostAgent, spec: HostAccountSpec, call: Call): Promise<void> {
  const { id, description } = checkSpec(spec);
  refuseAbove(agent, requireUser(agent, id), call);
  const hash = spec.password === undefined ? undefined : await hashGood(spec.password, id);
  const account = requireUser(agent, id); // it may have been removed meanwhile
  agent.accounts.set({ ...account, fullName: description ?? account.fullName, passwordHash: hash ?? account.passwordHash });
  post(agent, call, "AccountUpdatedEvent", id, description ?? account.fullName);
}

/** Takes the account's permissions along, and ends its sessions. @throws {Fault} UserNotFound, SecurityError, NoPermission */
export function removeUser(agent: HostAgent, name: string, call: Call): void {
  const account = requireUser(agent, name);
  if (name === ROOT) throw fault("SecurityError", "The root account cannot be removed.", {}); // paper «Limit Root Access»
  refuseAbove(agent, account, call);
  refuseLastAdministrator(agent, name);
  agent.accounts.change(() => agent.accounts.remove(name));
  const { userName } = sessionOf(call);
  agent.events.post("AccountRemovedEvent", `Account ${name} was removed`, { userName }, { account: name, group: false });
  endSessionsOf(agent, name);
}

/** By who knows the old password, logged in or not. @throws {Fault} InvalidLogin, InvalidArgument */
export async function changePassword(
  agent: HostAgent,
  { user, oldPassword, newPassword }: { readonly user: string; readonly oldPassword: string; readonly newPassword: string },
  call: Call,
): Promise<void> {
  if ((await checkPassword(agent, { userName: user, password: oldPassword }, call.client)) === undefined) {
    throw fault("InvalidLogin", "Cannot complete login due to an incorrect user name or password.", {});
  }
  const passwordHash = await hashGood(newPassword, user);
  agent.accounts.set({ ...requireUser(agent, user), passwordHash });
  agent.audit({ id: "account.changePassword", subject: user, object: user, result: "success", ip: call.client.address });
}

function checkSpec(spec: HostAccountSpec): HostAccountSpec {
  if ((spec.description ?? "").length > DESCRIPTION_CHARACTERS_MAX || /\p{Cc}/u.test(spec.description ?? "")) {
    throw invalid("user.description", `A description has at most ${DESCRIPTION_CHARACTERS_MAX} characters, and no line ends.`);
  }
  if ("shellAccess" in spec && spec.shellAccess === true) {
    throw fault("NotSupported", "The operation is not supported on the object. This host has no shell to give access to.", {});
  }
  return spec;
}

async function hashGood(password: string, userName: string): Promise<string> {
  const refusal = refusePassword(password, userName);
  if (refusal !== undefined) throw invalid("user.password", `Weak password: ${refusal}`);
  return hashPassword(password);
}

/** Names that differ in case alone would be taken for each other by people. */
function refuseTaken(agent: HostAgent, name: string): void {
  const taken = agent.accounts.list().some((account) => account.name.toLowerCase() === name.toLowerCase());
  if (taken) throw fault("AlreadyExists", `There is a user ${name} already.`, { name });
}

function requireUser(agent: HostAgent, name: string): Account {
  const account = agent.accounts.find(name);
  if (account === undefined) throw fault("UserNotFound", `There is no user ${name}.`, { principal: name, unresolved: false });
  return account;
}

/** Who may manage users would else take over an administrator's account by giving it a password. */
function refuseAbove(agent: HostAgent, { name }: Account, call: Call): void {
  const admins = administrators(agent.accounts.permissions(), ROOT_FOLDER.value);
  if (!admins.includes(name) || admins.includes(sessionOf(call).userName)) return;
  const message = "Permission to perform this operation was denied: only an administrator changes an administrator's account.";
  throw fault("NoPermission", message, { object: ROOT_FOLDER, privilegeId: "Authorization.ModifyPermissions" });
}

/** As every change does; but of RemoveUser the schema declares no AuthMinimumAdminPermission, and a strict client could not read it. */
function refuseLastAdministrator(agent: HostAgent, name: string): void {
  const admins = agent.accounts.administrators();
  if (!admins.includes(name) || agent.lockdown.isAdministrableBy(admins.filter((other) => other !== name))) return;
  throw fault("SecurityError", "The host must keep at least one administrator of everything.", {});
}

function invalid(invalidProperty: string, message: string) {
  return fault("InvalidArgument", message, { invalidProperty });
}

function post(agent: HostAgent, call: Call, event: "AccountCreatedEvent" | "AccountUpdatedEvent", id: string, description: string): void {
  const verb = event === "AccountCreatedEvent" ? "created" : "updated";
  const fields = { spec: { id, description }, group: false };
  agent.events.post(event, `Account ${id} was ${verb}`, { userName: sessionOf(call).userName }, fields);
}
