/** Whoever may not come in any more is out at once: of the API, and of the consoles that they look at. */
import type { HostAgent } from "../agent.ts";

type Open = Pick<HostAgent, "sessions" | "vms" | "consoles">;

export function endSessionsOf(open: Open, userName: string): void {
  endSessionsWhere(open, (name) => name === userName);
}

export function endSessionsWhere({ sessions, vms, consoles }: Open, isOut: (userName: string) => boolean): void {
  for (const session of sessions.list()) if (isOut(session.userName)) sessions.close(session);
  for (const { id } of vms.list()) {
    for (const viewer of consoles.viewersOf(id)) if (isOut(viewer.connection.userName)) viewer.end();
  }
}
