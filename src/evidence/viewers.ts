/** Reads what a monitor says of its viewers, which may be anything: a guest may have broken out into it. Pure. Source: QMP query-vnc-servers. */

export interface Viewers {
  /** Addresses at which it listens for viewers. */
  readonly listensAt: readonly string[];
  /** Of the connection of each viewer: "unix", "ipv4" … */
  readonly families: readonly string[];
}

/** @returns undefined when it is not of the form that QEMU's answer has */
export function viewersOf(answer: unknown): Viewers | undefined {
  if (!Array.isArray(answer)) return undefined;
  const listensAt: string[] = [];
  const families: string[] = [];
  for (const server of answer) {
    const { server: addresses, clients } = (server ?? {}) as { readonly server?: unknown; readonly clients?: unknown };
    if (!Array.isArray(addresses) || !Array.isArray(clients)) return undefined;
    for (const address of addresses) listensAt.push(`${text(address, "host")}:${text(address, "service")}`);
    for (const client of clients) families.push(text(client, "family"));
  }
  return { listensAt, families };
}

function text(value: unknown, name: string): string {
  const field = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
  return typeof field === "string" ? field : "unknown";
}
