/** hostd as the supervisor runs it: in its sandbox, with the listening socket and its instructions. */
import { join } from "node:path";
import { existingPaths, filesOfPrograms } from "../system/index.ts";
import { planHostdSandbox, startSandboxed } from "../vmkernel/index.ts";
import type { HostRun } from "./host-run.ts";
import { parseMessage } from "./hostd-messages.ts";
import { INSTALLATION } from "./machine.ts";
import type { Thumbprint } from "./run-file.ts";
import { Service } from "./service.ts";

export interface HostdReady {
  readonly thumbprint: Thumbprint;
}

export interface HostdParts extends HostRun {
  /** Bound, and listening from the first hostd on, which does it; hostd gets a copy each time that it is started. */
  readonly socket: number;
  readonly hostName: string;
  readonly addresses: readonly string[];
  /** Names this start of the host, the same for every hostd until the host is started again. */
  readonly hostStart: string;
  readonly rootPasswordHash: string | undefined;
  readonly onChange: () => void;
  /** What it says of itself (untrusted). */
  readonly onLine: (line: string) => void;
}

/** Its code: what it executes, and the packages that it loads. */
const CODE = ["dist", "node_modules", "package.json", "src/wire/vim25/schema.json"].map((name) => join(INSTALLATION, name));
/** Of what hostd has just made and mostly forgets: Node would let it grow to 48 MiB before it clears up, and keep that. */
const YOUNG_MIB = 8;
/** Native parts of packages, which need libraries that Node does not. */
const NATIVE = ["@libsql/linux-x64-gnu/index.node", "@koromix/koffi-linux-x64/linux_x64/koffi.node"].map((name) =>
  join(INSTALLATION, "node_modules", name),
);

export async function startHostd(parts: HostdParts) {
  const { options, user, isolation, socket, log, onChange, onLine } = parts;
  const { paths, listen } = options;
  const plan = planHostdSandbox({
    isolation,
    ...user,
    program: process.execPath,
    args: [`--max-semi-space-size=${YOUNG_MIB}`, join(INSTALLATION, "dist/main/hostd.js")],
    readOnlyPaths: await readOnlyPaths(),
    writablePaths: [paths.hostdState, paths.rpcFolder],
    descriptorCount: 1,
  });
  const { hostName, addresses, hostStart, rootPasswordHash } = parts;
  const identity = { root: paths.root, listen, hostName, addresses, hostStart };
  let passwordHash = rootPasswordHash;
  return Service.start<HostdReady>({
    name: "hostd",
    program: process.execPath,
    async launch(output) {
      const input = `${JSON.stringify({ ...identity, rootPasswordHash: passwordHash })}\n`;
      return startSandboxed(plan, { descriptors: [socket], log: output, stdin: "lifeline", cgroup: undefined, input });
    },
    readReady(line) {
      const ready = parseReady(line);
      // Stored: when hostd is started again, root may have changed it meanwhile.
      if (ready !== undefined) passwordHash = undefined;
      return ready;
    },
    log: (line) => log.append(`hostd: ${line}`),
    onChange,
    onLine,
  });
}

async function readOnlyPaths(): Promise<string[]> {
  const native = existingPaths(NATIVE);
  const files = await filesOfPrograms([process.execPath, "/usr/bin/setpriv", ...native]);
  return [...files.filter((file) => !native.includes(file)), ...CODE];
}

/** Reads hostd's word that it is ready. Pure. */
export function parseReady(line: string): HostdReady | undefined {
  const thumbprint = parseThumbprint(line);
  return parseMessage(line).ready === true && thumbprint !== undefined ? { thumbprint } : undefined;
}

/** Reads hostd's word on the certificate that it serves. Pure. */
export function parseThumbprint(line: string): Thumbprint | undefined {
  const { thumbprint } = parseMessage(line) as { thumbprint?: { sha1?: unknown; sha256?: unknown } };
  const sha1 = readThumbprint(thumbprint?.sha1);
  const sha256 = readThumbprint(thumbprint?.sha256);
  return sha1 !== undefined && sha256 !== undefined ? { sha1, sha256 } : undefined;
}

function readThumbprint(value: unknown): string | undefined {
  return typeof value === "string" && /^[0-9A-F]{2}(:[0-9A-F]{2}){19,31}$/.test(value) ? value : undefined;
}
