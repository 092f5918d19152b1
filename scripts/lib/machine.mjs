/** Whether this machine is one that the host can be set up on. What is wrong is said in one line, before anything has been changed. */
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, resolve } from "node:path";
import { Problem } from "./problem.mjs";
import { REPOSITORY } from "./repository.mjs";

const NODE_MIN = { major: 20, minor: 18 }; // allowPartialTrustChain, for certificates that an authority signed
const DEBIAN_MIN = 12;
const MIB = 1024 * 1024;

/** Space that set-up takes, by what is missing. */
export const NEEDS_MIB = { packages: 1500, modules: 600, host: 300 };

export const isRoot = () => process.getuid?.() === 0;

export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN.major || (major === NODE_MIN.major && minor >= NODE_MIN.minor)) return;
  throw new Problem(`this needs Node ${NODE_MIN.major}.${NODE_MIN.minor} or newer, and is run by ${process.version}`);
}

export function requireDebian() {
  const text = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const problem = judgeSystem(text, process.arch);
  if (problem !== undefined) throw new Problem(problem);
}

/** Pure. @returns {string | undefined} why the host does not run on it */
export function judgeSystem(osRelease, arch) {
  const field = (name) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(osRelease)?.[1];
  const name = field("PRETTY_NAME") ?? "a system without /etc/os-release";
  if (field("ID") !== "debian") return `this sets up Debian ${DEBIAN_MIN} or newer, and this is ${name}`;
  const version = field("VERSION_ID"); // none on testing and unstable, which are newer
  if (version !== undefined && Number(version) < DEBIAN_MIN) return `this sets up Debian ${DEBIAN_MIN} or newer, and this is ${name}`;
  return arch === "x64" ? undefined : `virtual machines are x86-64, and this machine is ${arch}`;
}

export function requireRoot(command) {
  if (!isRoot()) throw new Problem(`${command} needs root: it installs packages and starts confined processes. Run it with sudo.`);
}

/** @param {{ path: string, mib: number }[]} needs */
export function requireSpace(needs) {
  for (const { path, mib } of needs) {
    const folder = nearestFolder(path);
    const { bavail, bsize } = statfsSync(folder);
    const freeMib = Math.floor((bavail * bsize) / MIB);
    if (freeMib < mib) throw new Problem(`there are ${freeMib} MiB free on the file system of ${folder}, and ${mib} MiB are needed`);
  }
}

function nearestFolder(path) {
  for (let folder = resolve(REPOSITORY, path); ; folder = dirname(folder)) if (existsSync(folder)) return folder;
}

/** Whether the host could listen there, asked before minutes of set-up. */
export async function requireFreePort({ host, port }) {
  const failure = await new Promise((done) => {
    const server = createServer();
    server.once("error", done);
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(undefined)));
  });
  if (failure === undefined) return;
  const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  if (failure.code === "EADDRINUSE") {
    throw new Problem(
      `${where} is taken: by a host that runs already (bin/bulkhead host status), or choose another with --listen ADDR:PORT`,
    );
  }
  throw new Problem(`${where} can't be listened on: ${failure.message}`);
}
