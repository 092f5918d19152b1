/** Looks who is let in at the live host's door: with passwords that nobody has, by the answers that strangers get. */
import { randomBytes } from "node:crypto";
import { type Lockdown, letsIn } from "../access/index.ts";
import { Fault, messageOf } from "../base/index.ts";
import { connectVim, moRef } from "../interfaces/index.ts";

/** Where the door is, and what the host says of who may come in. */
export interface Door {
  readonly url: string;
  /** SHA-256 of the certificate that it shows. */
  readonly thumbprint: string;
  readonly lockdown: Lockdown;
}

export interface ObservedDoor extends Door {
  readonly tries: readonly DoorTry[];
}

export interface DoorTry {
  readonly userName: string;
  /** The name of the fault, "let in", or why there was no answer. */
  readonly answer: string;
}

/**
 * Whom to try: a stranger, and root where root is to be kept out. An exception user is not tried: a password that is wrong is counted
 * against whoever may come in. Pure.
 */
export function whomToTry(lockdown: Lockdown, stranger: string): readonly string[] {
  return letsIn(lockdown, "root") ? [stranger] : [stranger, "root"];
}

export async function tryDoor(door: Door): Promise<ObservedDoor> {
  const tries: DoorTry[] = [];
  for (const userName of whomToTry(door.lockdown, `stranger-${randomBytes(4).toString("hex")}`)) {
    tries.push({ userName, answer: await tryLogin(door, userName) });
  }
  return { ...door, tries };
}

async function tryLogin({ url, thumbprint }: Door, userName: string): Promise<string> {
  try {
    await using client = await connectVim({ url: `${url}/sdk`, thumbprint });
    await client.call(moRef("SessionManager", "ha-sessionmgr"), "Login", { userName, password: randomBytes(16).toString("hex") });
    return "let in";
  } catch (error) {
    return error instanceof Fault ? error.fault : messageOf(error);
  }
}
