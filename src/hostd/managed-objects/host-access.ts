/**
 * vim25 HostCertificateManager, HostAccessManager and HostAuthenticationManager: by what clients know the host, and who may come.
 * They are read here; what changes them comes with the issue on administrative access.
 */
import { X509Certificate } from "node:crypto";
import { systemRoles } from "../../access/index.ts";
import type { HostAccessControlEntry, HostAuthenticationManagerInfo, HostCertificateManagerCertificateInfo } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { ROOT_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const DAY_MS = 86_400_000;

export const hostCertificateManager = {
  type: "HostCertificateManager",
  properties: { certificateInfo: (agent) => certificateInfo(agent) },
  methods: {
    RetrieveCertificateInfoList: (agent) => [{ kind: "Machine", ...certificateInfo(agent) }],
    ListCACertificates: () => [], // the host calls nobody, so it trusts nobody
    ListCACertificateRevocationLists: () => [],
  },
} as const satisfies ManagedObjectType<"HostCertificateManager", HostAgent>;

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
const onOneLine = (name: string): string => name.split("\n").reverse().join(",");

const ACCESS_MODES: ReadonlyMap<number, string> = new Map(
  systemRoles.map(({ id, name }) => [
    id,
    name === "Admin" ? "accessAdmin" : name === "ReadOnly" ? "accessReadOnly" : name === "NoAccess" ? "accessNoAccess" : "accessOther",
  ]),
);

export const hostAccessManager = {
  type: "HostAccessManager",
  properties: { lockdownMode: () => "lockdownDisabled" as const },
  methods: {
    RetrieveHostAccessControlEntries: ({ accounts }): readonly HostAccessControlEntry[] =>
      accounts
        .permissions()
        .filter(({ entity }) => entity === ROOT_FOLDER.value)
        .map(
          ({ principal, roleId }) =>
            ({ principal, group: false, accessMode: ACCESS_MODES.get(roleId) ?? "accessOther" }) as HostAccessControlEntry,
        ),
    QuerySystemUsers: () => [], // accounts of the host's own that are no administrator's: there are none
    QueryLockdownExceptions: () => [],
  },
} as const satisfies ManagedObjectType<"HostAccessManager", HostAgent>;

/** Accounts are the host's own; there is no directory to ask. */
export const authenticationManagerInfo = (): HostAuthenticationManagerInfo => ({
  authConfig: [{ $type: "HostLocalAuthenticationInfo", enabled: true }],
});

export const hostAuthenticationManager = {
  type: "HostAuthenticationManager",
  properties: { info: () => authenticationManagerInfo(), supportedStore: () => [] },
  methods: {},
} as const satisfies ManagedObjectType<"HostAuthenticationManager", HostAgent>;
