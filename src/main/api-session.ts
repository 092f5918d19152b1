/** A session of the host's own commands with its API: a client like any other, with a user and a password. */
import { readFileSync } from "node:fs";
import { type HostPaths, messageOf, SystemError } from "../base/index.ts";
import { connectVim, moRef, type VimClient } from "../interfaces/index.ts";
import { initialPasswordPath, USER_PASSWORD_VARIABLE } from "./root-password.ts";
import { readRunFile } from "./run-file.ts";

const SESSIONS = moRef("SessionManager", "ha-sessionmgr");

/** Ends what {@link logIn} began; a host that is gone has ended it itself. */
export async function logOut(client: VimClient): Promise<void> {
  await client.call(SESSIONS, "Logout", {}).catch(() => {});
  client.close();
}

export interface ApiUser {
  readonly paths: HostPaths;
  readonly user: string;
  readonly passwordFile: string | undefined;
}

/** @throws {SystemError} when there is no host to ask, or it does not let the user in */
export async function logIn({ paths, user, passwordFile }: ApiUser): Promise<VimClient> {
  const running = readRunFile(paths);
  if (running?.thumbprint === undefined) throw new SystemError(`no host runs on ${paths.root}`);
  const password = passwordOf(paths, user, passwordFile);
  const client = await connectVim({ url: running.url, thumbprint: running.thumbprint.sha256 });
  try {
    await client.call(SESSIONS, "Login", { userName: user, password });
    return client;
  } catch (cause) {
    client.close();
    throw new SystemError(`logging in as ${user}: ${messageOf(cause)}`, { cause });
  }
}

/** root's first one lies where only root can read it, as long as nobody has taken it away. */
function passwordOf(paths: HostPaths, user: string, file: string | undefined): string {
  const given = process.env[USER_PASSWORD_VARIABLE];
  const path = file ?? (user === "root" ? initialPasswordPath(paths) : undefined);
  if (file === undefined && given !== undefined && given !== "") return given;
  const ways = `give ${user}'s password as ${USER_PASSWORD_VARIABLE}, or a file that holds it by --password-file`;
  if (path === undefined) throw new SystemError(ways);
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    throw new SystemError(`${path} cannot be read: ${ways}`, { cause });
  }
}
