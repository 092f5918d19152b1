/** The leases that are open, by what their URLs hold; and making one, which lives no longer than the session that asked for it. */
import { randomUUID } from "node:crypto";
import { fault, type MoRef } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { bind } from "../managed-object.ts";
import { httpNfcLease } from "../managed-objects/http-nfc-lease.ts";
import { Lease, type LeaseContent } from "./lease.ts";

const LEASES_MAX = 64; // each has a task, of which there are 256

export class Leases {
  readonly #open = new Map<string, Lease>();

  /** @throws {Fault} ResourceInUse */
  add(lease: Lease): void {
    if (this.#open.size >= LEASES_MAX)
      throw fault("ResourceInUse", `${LEASES_MAX} packages are being sent or fetched already.`, { type: "HttpNfcLease", name: "" });
    this.#open.set(lease.parts.token, lease);
    const remove = () => void this.#open.delete(lease.parts.token);
    lease.completed.then(remove, remove);
  }

  find(token: string): Lease | undefined {
    return this.#open.get(token);
  }

  /** The host stops: what is not whole is taken back. */
  close(): void {
    for (const lease of this.#open.values()) lease.fail(fault("RequestCanceled", "The host agent is being stopped.", {}));
  }
}

/** @param target whose privilege is asked for at each of its files */
export function openLease(call: Call, direction: Lease["parts"]["direction"], target: MoRef = call.ref): Lease {
  const { agent } = call;
  const session = sessionOf(call);
  const ref: MoRef<"HttpNfcLease"> = { type: "HttpNfcLease", value: session.newMoid() };
  const lease = new Lease({
    ref,
    token: randomUUID(),
    direction,
    target,
    userName: session.userName,
    clock: agent.clock,
    changes: agent.changes,
    onRenewed: () => {
      session.lastActiveMs = agent.clock.now(); // a long upload keeps its session, as calls do
    },
  });
  agent.leases.add(lease);
  const ending = () => lease.fail(fault("RequestCanceled", "The session that had the lease has ended.", {}));
  session.addObject({ instance: bind(httpNfcLease, ref.value, lease), dispose: ending });
  return lease;
}

/** Where a lease's files are. Clients put the host's name, as they know it, where the star is. */
export function addressOf({ identity }: HostAgent, { parts }: Lease): Pick<LeaseContent, "urlOf" | "thumbprint"> {
  const host = identity.port === 443 ? "*" : `*:${identity.port}`;
  return { urlOf: (name) => `https://${host}/nfc/${parts.token}/${encodeURIComponent(name)}`, thumbprint: identity.thumbprint };
}
