/** Brings a bare clone on a bare machine to where it can run: packages, modules, build, user. Does nothing that is done already. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NEEDS_MIB, requireSpace } from "./machine.mjs";
import { findMissing } from "./packages.mjs";
import { runQuietly, say, startLog } from "./progress.mjs";
import { REPOSITORY } from "./repository.mjs";

/**
 * @param {{ packages: string[], build: string[] }} what `packages` may be installed (none without root); `build` is given to tsc
 */
export async function setUp({ packages, build }) {
  const missing = packages.length === 0 ? [] : findMissing(packages); // nothing is asked of a system that may not be Debian
  requireSpace([
    ...(missing.length === 0 ? [] : [{ path: "/", mib: NEEDS_MIB.packages }]),
    ...(modulesAreCurrent() ? [] : [{ path: REPOSITORY, mib: NEEDS_MIB.modules }]),
  ]);
  startLog();
  if (missing.length > 0) await installPackages(missing);
  if (!modulesAreCurrent()) await installModules();
  await runQuietly("building", [join(REPOSITORY, "node_modules/.bin/tsc"), ...build]);
}

async function installPackages(missing) {
  const env = { DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_MODE: "l" };
  const apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"];
  await runQuietly("reading Debian's package lists", [...apt, "update"], { env, hint: "Is Debian's package mirror reachable?" });
  say(`missing: ${missing.join(", ")}`);
  await runQuietly(`installing ${missing.length} Debian packages`, [...apt, "install", "--yes", "--no-install-recommends", ...missing], {
    env,
  });
}

const STAMP = join(REPOSITORY, "node_modules/.installed-from");

/** Whether node_modules is what package-lock.json says, for this Node. */
function modulesAreCurrent() {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8") === lockHash();
}

function lockHash() {
  const lock = readFileSync(join(REPOSITORY, "package-lock.json"));
  return createHash("sha256").update(lock).update(process.version).digest("hex");
}

async function installModules() {
  // NODE_ENV=production would leave out the compiler.
  const env = { NODE_ENV: "development" };
  const retries = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]; // npm's own would keep a person waiting for minutes
  await runQuietly("installing npm packages", ["npm", "ci", "--include=dev", "--no-audit", "--no-fund", ...retries], {
    env,
    hint: "Is the npm registry reachable?",
  });
  writeFileSync(STAMP, lockHash());
}

/** hostd's user, who must be able to read its code, also in a clone that was made with umask 077. */
export function prepareUser() {
  const run = (...command) => execFileSync(command[0], command.slice(1), { cwd: REPOSITORY, stdio: ["ignore", "ignore", "pipe"] });
  if (!/^bulkhead:/m.test(readFileSync("/etc/passwd", "utf8"))) {
    run(
      "useradd",
      "--system",
      "--user-group",
      "--no-create-home",
      "--home-dir",
      "/nonexistent",
      "--shell",
      "/usr/sbin/nologin",
      "bulkhead",
    );
  }
  run("chmod", "-R", "a+rX", "dist", "node_modules", "package.json", "src/wire/vim25/schema.json");
}
