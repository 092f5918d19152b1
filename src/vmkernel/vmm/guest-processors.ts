/**
 * What a running monitor shows its guest as processors, by its own word. Source: QEMU 7.2 qapi/machine-target.json query-cpus-fast,
 * the properties of x86_64-cpu.
 */
import type { GuestProcessor } from "../rpc.ts";

type Execute = (command: string, args?: object) => Promise<unknown>;

export async function readGuestProcessors(execute: Execute): Promise<readonly GuestProcessor[]> {
  const answers = parseProcessors(await execute("query-cpus-fast"));
  return Promise.all(
    answers.map(async ({ path, ...place }) => ({ ...place, nx: (await execute("qom-get", { path, property: "nx" })) === true })),
  );
}

interface Found {
  readonly path: string;
  readonly socket: number;
  readonly core: number;
  readonly thread: number;
}

/** @param answer of query-cpus-fast: one that says not where it is would be one that nobody looks at, so it is an error */
export function parseProcessors(answer: unknown): readonly Found[] {
  if (!Array.isArray(answer)) throw new TypeError(`no list of processors: ${JSON.stringify(answer)}`);
  return answer.map((processor: { readonly "qom-path"?: unknown; readonly props?: Readonly<Record<string, unknown>> } | null) => {
    const { "qom-path": path, props } = processor ?? {};
    const [socket, core, thread] = ["socket-id", "core-id", "thread-id"].map((name) => props?.[name]);
    if (typeof path !== "string" || typeof socket !== "number" || typeof core !== "number" || typeof thread !== "number")
      throw new TypeError(`no processor: ${JSON.stringify(processor)}`);
    return { path, socket, core, thread };
  });
}
