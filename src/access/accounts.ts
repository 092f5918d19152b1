/** Local accounts and how a login is decided. Source: ESXi's access control; paper «Administrative User Access». */
import { hashPassword, verifyPassword } from "./password.ts";

export interface Account {
  readonly name: string;
  readonly fullName: string;
  /** What hashPassword gives; anything else locks the account. */
  readonly passwordHash: string;
}

let decoy: Promise<string> | undefined;

/**
 * Checks a login. An unknown user costs the same time as a wrong password, so that names can't be told apart by it.
 * @returns the account, or undefined for a wrong name or password
 */
export async function authenticate(
  find: (name: string) => Account | undefined,
  name: string,
  password: string,
): Promise<Account | undefined> {
  const account = find(name);
  decoy ??= hashPassword("no account has this password");
  const matches = await verifyPassword(password, account?.passwordHash ?? (await decoy));
  return account !== undefined && matches ? account : undefined;
}
