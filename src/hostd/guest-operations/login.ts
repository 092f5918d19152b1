/** Who a client wants to be in the guest. Pure. Source: vim25 GuestAuthentication and its subclasses. */
import type { GuestLogin } from "../../vmkernel/index.ts";
import { fault, type GuestAuthentication, type NamePasswordAuthentication } from "../../wire/index.ts";

const USER = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}\$?$/; // as vmkernel takes it
const PASSWORD = /^[^\n\0]{0,511}$/;

/** @throws {Fault} InvalidGuestLogin for what can be nobody's; OperationNotSupportedByGuest for tickets and certificates */
export function parseGuestLogin(auth: GuestAuthentication): GuestLogin {
  if (!isNamePassword(auth)) {
    throw fault("OperationNotSupportedByGuest", `The guest's users are known by name and password, not by ${auth.$type}.`, {});
  }
  if (auth.interactiveSession) {
    throw fault("OperationNotSupportedByGuest", "Programs do not run in the session of a user who is at the guest's console.", {});
  }
  const { username: user, password } = auth;
  if (!USER.test(user) || !PASSWORD.test(password)) {
    throw fault("InvalidGuestLogin", "Failed to authenticate with the guest operating system using the supplied credentials.", {});
  }
  return { user, password };
}

function isNamePassword(auth: GuestAuthentication): auth is NamePasswordAuthentication {
  return auth.$type === "NamePasswordAuthentication";
}
