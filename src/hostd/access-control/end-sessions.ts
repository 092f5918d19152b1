/** Whoever has no account any more is out at once: of the API, and of the consoles that they look at. */
import type { HostAgent } from "../agent.ts";

export function endSessionsOf({ sessions, vms, consoles }: Pick<HostAgent, "sessions" | "vms" | "consoles">, userName: string): void {
  for (const session of sessions.list()) if (session.userName === userName) sessions.close(session);
  for (const { id } of vms.list()) {
    for (const viewer of consoles.viewersOf(id)) if (viewer.connection.userName === userName) viewer.end();
  }
}
