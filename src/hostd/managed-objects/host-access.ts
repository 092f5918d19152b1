/**
 * vim25 HostCertificateManager, HostAccessManager and HostAuthenticationManager: by what clients know the host, and who may come.
 */
import { X509Certificate } from "node:crypto";
import { letsIn } from "../../access/index.ts";
import {
  fault,
  type HostAccessControlEntry,
  type HostAccessMode,
  type HostAuthenticationManagerInfo,
  type HostCertificateManagerCertificateInfo,
  type HostCertificateManagerCertificateSpec,
} from "../../wire/index.ts";
import { accessModeOf, roleOfMode } from "../access-control/access-mode.ts";
import { replacePermissions } from "../access-control/entity-permissions.ts";
import { changeLockdownMode, updateLockdownExceptions, updateSystemUsers } from "../access-control/lockdown.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { HOST, HOST_MANAGERS, ROOT_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const DAY_MS = 86_400_000;

export const hostCertificateManager = {
  type: "HostCertificateManager",
  properties: { certificateInfo: (agent) => certificateInfo(agent) },
  methods: {
    RetrieveCertificateInfoList: (agent) => [{ kind: "Machine", ...certificateInfo(agent) }],
    GenerateCertificateSigningRequest(agent, { useIpAddressAsCommonName, spec }) {
      refuseKind(spec);
      return agent.certificates.requestFor(useIpAddressAsCommonName ? "address" : "hostName");
    },
    GenerateCertificateSigningRequestByDn(agent, { distinguishedName, spec }) {
      refuseKind(spec);
      return agent.certificates.requestForName(distinguishedName);
    },
    InstallServerCertificate: (agent, { cert }, call) => installCertificate(agent, cert, call),
    NotifyAffectedServices: () => {}, // new connections have been served with it since it was installed
    ListCACertificates: ({ certificates }) => certificates.trusted.certificates,
    ListCACertificateRevocationLists: ({ certificates }) => certificates.trusted.crls,
    ReplaceCACertificatesAndCRLs: (agent, { caCert, caCrl = [] }, call) => replaceAuthorities(agent, caCert, caCrl, call),
  },
} as const satisfies ManagedObjectType<"HostCertificateManager", HostAgent>;

/** @throws {Fault} NotSupported for another certificate than the one that the host serves */
function refuseKind(spec: HostCertificateManagerCertificateSpec | undefined): void {
  if (spec === undefined || spec.kind === "Machine") return;
  throw fault("NotSupported", `The operation is not supported on the object. This host has no certificate of kind ${spec.kind}.`, {});
}

/** @throws {Fault} HostConfigFault */
async function installCertificate(agent: HostAgent, pem: string, call: Call): Promise<void> {
  const { sha256 } = await agent.certificates.install(pem);
  auditCertificates(agent, "cert.server.install", `SHA-256 ${sha256}`, call);
  const { userName } = sessionOf(call);
  const message = `The host's certificate is now that with the SHA-256 thumbprint ${sha256}`;
  agent.events.post("GeneralHostInfoEvent", message, { userName }, { message });
  agent.changes.changed(HOST, HOST_MANAGERS.certificateManager);
}

/** @throws {Fault} HostConfigFault */
async function replaceAuthorities(agent: HostAgent, certificates: readonly string[], crls: readonly string[], call: Call): Promise<void> {
  await agent.certificates.trusted.replace(certificates, crls);
  auditCertificates(agent, "cert.castore.replace", `${certificates.length} authorities, ${crls.length} revocation lists`, call);
}

function auditCertificates(agent: HostAgent, id: string, object: string, call: Call): void {
  agent.audit({ id, subject: sessionOf(call).userName, object, result: "success", ip: call.client.address });
}

function certificateInfo({ identity, clock }: HostAgent): HostCertificateManagerCertificateInfo {
  const { issuer, subject, validFrom, validTo } = new X509Certificate(identity.certificate);
  const [notBefore, notAfter] = [new Date(validFrom), new Date(validTo)];
  const status = certificateStatus({ notBeforeMs: notBefore.getTime(), notAfterMs: notAfter.getTime() }, clock.now());
  return { issuer: onOneLine(issuer), notBefore, notAfter, subject: onOneLine(subject), status };
}

/** vim25 HostCertificateManagerCertificateInfoCertificateStatus: vCenter's own steps are 8 months, 2 months and 7 days before the end. */
export function certificateStatus(validity: { readonly notBeforeMs: number; readonly notAfterMs: number }, nowMs: number): string {
  const leftMs = validity.notAfterMs - nowMs;
  if (nowMs < validity.notBeforeMs) return "unknown";
  if (leftMs < 0) return "expired";
  if (leftMs < 7 * DAY_MS) return "expirationImminent";
  if (leftMs < 60 * DAY_MS) return "expiringShortly";
  if (leftMs < 240 * DAY_MS) return "expiring";
  return "good";
}

/** Node gives a name's parts a line each, the most general first; clients show them in one, the other way round. */
export const onOneLine = (name: string): string => name.split("\n").reverse().join(",");

export const hostAccessManager = {
  type: "HostAccessManager",
  properties: { lockdownMode: ({ lockdown }) => lockdown.current.mode },
  methods: {
    RetrieveHostAccessControlEntries: (agent) => accessEntries(agent),
    ChangeAccessMode: (agent, args, call) => changeAccessMode(agent, args, call),
    QuerySystemUsers: ({ lockdown }) => lockdown.systemUsers,
    UpdateSystemUsers: (agent, { users = [] }) => updateSystemUsers(agent, users),
    QueryLockdownExceptions: ({ lockdown }) => lockdown.current.exceptions,
    UpdateLockdownExceptions: (agent, { users = [] }, call) => updateLockdownExceptions(agent, users, doerOf(call)),
    ChangeLockdownMode: (agent, { mode }, call) => changeLockdownMode(agent, mode, doerOf(call)),
  },
} as const satisfies ManagedObjectType<"HostAccessManager", HostAgent>;

const doerOf = (call: Call) => ({ userName: sessionOf(call).userName, address: call.client.address });

/** vim25 HostSystem's own names for it, older than its modes. */
export const lockdownMethods = {
  EnterLockdownMode: ({ agent }: { readonly agent: HostAgent }, _: unknown, call: Call) =>
    changeLockdownMode(agent, "lockdownNormal", doerOf(call)),
  ExitLockdownMode: ({ agent }: { readonly agent: HostAgent }, _: unknown, call: Call) =>
    changeLockdownMode(agent, "lockdownDisabled", doerOf(call)),
};

/** Everybody who has a permission somewhere, but the system's own users. */
function accessEntries({ accounts, lockdown }: HostAgent): readonly HostAccessControlEntry[] {
  const rows = accounts.permissions();
  const principals = [...new Set(rows.map(({ principal }) => principal))].filter((name) => !lockdown.systemUsers.includes(name));
  return principals.map((principal) => {
    const own = rows.filter((row) => row.principal === principal);
    return { principal, group: false, accessMode: accessModeOf(own, ROOT_FOLDER.value) };
  });
}

interface AccessChange {
  readonly principal: string;
  readonly isGroup: boolean;
  readonly accessMode: HostAccessMode;
}

/** @throws {Fault} InvalidArgument, UserNotFound, SecurityError, NoPermission, AuthMinimumAdminPermission */
function changeAccessMode(agent: HostAgent, { principal, isGroup, accessMode }: AccessChange, call: Call): void {
  if (accessMode === "accessOther") {
    throw fault("InvalidArgument", "accessOther is what is none of the others, and cannot be given.", { invalidProperty: "accessMode" });
  }
  if (isGroup || agent.accounts.find(principal) === undefined) {
    throw fault("UserNotFound", `There is no user ${principal}.`, { principal, unresolved: false });
  }
  const { current, systemUsers } = agent.lockdown;
  if (systemUsers.includes(principal)) throw fault("SecurityError", `${principal} is a user of the system's own.`, {});
  if (!letsIn(current, principal)) throw fault("SecurityError", "In lockdown mode only the access of exception users is changed.", {});
  replacePermissions(agent, principal, roleOfMode(accessMode), call);
}

/** Accounts are the host's own; there is no directory to ask. */
export const authenticationManagerInfo = (): HostAuthenticationManagerInfo => ({
  authConfig: [{ $type: "HostLocalAuthenticationInfo", enabled: true }],
});

export const hostAuthenticationManager = {
  type: "HostAuthenticationManager",
  properties: { info: () => authenticationManagerInfo(), supportedStore: () => [] },
  methods: {},
} as const satisfies ManagedObjectType<"HostAuthenticationManager", HostAgent>;
