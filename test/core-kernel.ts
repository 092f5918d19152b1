/**
 * A kernel that has core scheduling: none of Debian's has (CONFIG_SCHED_CORE is not set in 6.1, nor in the 6.12 of its backports). It is
 * the one that Ubuntu 22.04 was released with, which stays in its archive as it is; what it has to be is written here, so nothing of
 * Ubuntu's is trusted. Downloaded by apt and unpacked beside the guest's parts: never installed.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_OUT } from "../guest/build.mjs";
import type { MachineKernel } from "./stock-machine.ts";

const RELEASE = "5.15.0-25-generic";
const SOURCE = "deb [arch=amd64 trusted=yes] http://archive.ubuntu.com/ubuntu jammy main";
const SHA256_OF: Readonly<Record<string, string>> = {
  [`linux-image-unsigned-${RELEASE}`]: "ac69df20790c48217eb1386ef81fd10d3f20a4ede4dab81cc107c65d29549fa0",
  [`linux-modules-${RELEASE}`]: "d0ba4087d9e1d497925b3481d3531fba6c2a852855f8019d73b0b1385aa4da1f",
};

export function findCoreKernel(): MachineKernel {
  const packages = join(DEFAULT_OUT, "packages");
  const folder = join(packages, `ubuntu-${RELEASE}`);
  if (!existsSync(folder)) {
    mkdirSync(packages, { recursive: true });
    const work = mkdtempSync(join(packages, "unpacking-"));
    try {
      download(work);
      execFileSync("depmod", ["-b", join(work, "unpacked"), RELEASE]);
      renameSync(join(work, "unpacked"), folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return { kernel: join(folder, "boot", `vmlinuz-${RELEASE}`), modulesFolder: join(folder, "lib/modules", RELEASE, "kernel") };
}

function download(work: string): void {
  for (const name of ["lists/partial", "cache/archives/partial", "archives"]) mkdirSync(join(work, name), { recursive: true });
  writeFileSync(join(work, "sources.list"), `${SOURCE}\n`);
  const settings = [
    ...[
      `Dir::Etc::sourcelist=${work}/sources.list`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${work}/lists`,
      `Dir::Cache=${work}/cache`,
    ],
    ...["APT::Sandbox::User=root"],
  ].flatMap((setting) => ["-o", setting]);
  const apt = (...words: readonly string[]) =>
    execFileSync("apt-get", ["-q", ...settings, ...words], { cwd: join(work, "archives"), stdio: ["ignore", "ignore", "pipe"] });
  apt("update");
  apt("download", ...Object.keys(SHA256_OF));
  for (const archive of readdirSync(join(work, "archives"))) {
    const path = join(work, "archives", archive);
    const sum = createHash("sha256").update(readFileSync(path)).digest("hex");
    if (sum !== SHA256_OF[archive.split("_")[0] ?? ""]) throw new Error(`${archive} is not what it was: its SHA-256 is ${sum}`);
    execFileSync("dpkg-deb", ["-x", path, join(work, "unpacked")]);
  }
}
