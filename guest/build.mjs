#!/usr/bin/env node
/**
 * Builds the tiny real guest that the demonstration and the tests boot: `node guest/build.mjs [--out FOLDER]` prints the image's path.
 * The image is found again by a hash of everything that it is made of, so a second build takes no time.
 * Plain JavaScript without dependencies: it runs before anything is installed or compiled.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { packCpio } from "./cpio.mjs";
import { makeDisk } from "./disk.mjs";
import { findParts } from "./parts.mjs";

const SOURCES = dirname(fileURLToPath(import.meta.url));
const MOUNT_POINTS = ["dev", "proc", "run", "sys", "tmp"];
// Without notests the kernel spends a tenth of its start on trying out ciphers that this guest does not use; with its timer check it gives
// up on a machine that is so busy that a virtual CPU waits for longer than that check does.
const COMMAND_LINE = "console=tty0 console=ttyS0 quiet no_timer_check cryptomgr.notests";

/** Where the image is kept unless the caller says otherwise: with the sources, for it is made from them. */
export const DEFAULT_OUT = resolve(SOURCES, "../.cache/guest");

/**
 * @param {{ out?: string, report?: (line: string) => void, kernel?: "cloud" | "usual" }} options
 * @returns {{ image: string, built: boolean }} `built` is false when the image was there already
 */
export function buildGuest({ out = DEFAULT_OUT, report = () => {}, kernel = "cloud" } = {}) {
  const parts = findParts(join(out, "packages"), report, kernel);
  const files = [...parts.files, ...ownFiles()].map(({ path, source, text }) => ({ path, content: text ?? readFileSync(source) }));
  const name = kernel === "cloud" ? "guest" : `guest-with-${kernel}-kernel`;
  const folder = join(out, `${name}-${hashInputs(parts, files)}`);
  const guest = { image: join(folder, "guest.img") };
  if (existsSync(folder)) return { ...guest, built: false };
  report("building the guest's disk image");
  buildInto(folder, { parts, files });
  removeOlder({ out, name, current: folder });
  return { ...guest, built: true };
}

/** Made under another name and renamed, so that an interrupted build is never taken for an image. */
function buildInto(folder, { parts, files }) {
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), "building-"));
  try {
    const initramfs = join(work, "initramfs");
    writeFileSync(initramfs, gzipSync(packCpio({ folders: MOUNT_POINTS, files }), { level: 9 }));
    const done = join(work, "done");
    mkdirSync(done);
    makeDisk({ ...parts, initramfs, disk: join(done, "guest.img"), commandLine: COMMAND_LINE, work });
    renameSync(done, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // another build was faster: its image is the same
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const ABANDONED_MS = 60 * 60 * 1000; // a build takes seconds

/** Images of other inputs, and what an interrupted build left. */
function removeOlder({ out, name, current }) {
  const isImage = new RegExp(`^${name}-[0-9a-f]{16}$`);
  for (const entry of readdirSync(out)) {
    const path = join(out, entry);
    const isAbandoned = /^(building|unpacking)-/.test(entry) && Date.now() - statSync(path).mtimeMs > ABANDONED_MS;
    if (isAbandoned || (isImage.test(entry) && path !== current)) rmSync(path, { recursive: true, force: true });
  }
}

/** The files of rootfs/, as they are. */
function ownFiles() {
  const rootfs = join(SOURCES, "rootfs");
  return readdirSync(rootfs, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => ({ path, source: join(rootfs, path) }))
    .filter(({ source }) => statSync(source).isFile());
}

function hashInputs(parts, files) {
  const hash = createHash("sha256").update(COMMAND_LINE);
  for (const name of readdirSync(SOURCES).filter((name) => name.endsWith(".mjs"))) hash.update(readFileSync(join(SOURCES, name)));
  for (const path of [parts.kernel, parts.stub]) hash.update(readFileSync(path));
  for (const { path, content } of files) hash.update(`\0${path}\0`).update(content);
  return hash.digest("hex").slice(0, 16);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  console.log(buildGuest({ ...values, report: (line) => console.error(line) }).image);
}
