/**
 * Lockdown mode: the host is administered through its management server alone, and by whoever is excepted by name. Permissions stay
 * as they are and hold again when it ends. Pure. Source: ESXi's access control; vim25 HostLockdownMode; paper «Administrative User Access».
 */

/** vim25 HostLockdownMode. */
export type LockdownMode = "lockdownDisabled" | "lockdownNormal" | "lockdownStrict";

export interface Lockdown {
  readonly mode: LockdownMode;
  /** Users who may do what their permissions allow in spite of it. */
  readonly exceptions: readonly string[];
}

export const NO_LOCKDOWN: Lockdown = { mode: "lockdownDisabled", exceptions: [] };

/** The account that a management server makes for itself. */
export const MANAGEMENT_ACCOUNT = "vpxuser";

/** Whether a user may come in, from wherever: what they may do there is their permissions' to say. */
export function letsIn({ mode, exceptions }: Lockdown, userName: string): boolean {
  return mode === "lockdownDisabled" || userName === MANAGEMENT_ACCOUNT || exceptions.includes(userName);
}

/**
 * Whether somebody is left who can end it. From the normal mode, root at the machine has a way back (`bulkhead lockdown off`); the
 * strict one is for a machine that nobody walks up to, so an administrator must be among those who come in.
 * @param administrators accounts that may do everything
 */
export function canBeEnded(lockdown: Lockdown, administrators: readonly string[]): boolean {
  return lockdown.mode !== "lockdownStrict" || administrators.some((name) => letsIn(lockdown, name));
}
