/** Files in a guest, but for their contents (transfers.ts). Source: vim25 GuestFileManager. */
import { randomBytes } from "node:crypto";
import type { GuestFileAttributes, GuestListFileInfo } from "../../wire/index.ts";
import { fault } from "../../wire/index.ts";
import { doScript, faultOfExit, type Guest, runScript } from "./guest.ts";
import { parseListing } from "./parse-files.ts";
import { type AttributeChanges, planChangeAttributes, planCreateTemporary, planListFiles } from "./plan-files.ts";
import { EXIT, invalid, parseGuestPath, requireText } from "./shell.ts";

/** When the client says nothing, as vim25 has it; and what fits into an answer. */
const LISTED = { default: 50, max: 400 };
const NAME_PART_LENGTH_MAX = 100;
const TEMPORARY_FOLDER = "/tmp";

interface ListArguments {
  readonly filePath: string;
  readonly index?: number | undefined;
  readonly maxResults?: number | undefined;
  readonly matchPattern?: string | undefined;
}

export async function listFiles(guest: Guest, args: ListArguments): Promise<GuestListFileInfo> {
  const path = parseGuestPath(args.filePath, "filePath");
  const { index = 0, maxResults = LISTED.default } = args;
  if (index < 0) throw invalid("index", "is negative");
  if (maxResults < 0) throw invalid("maxResults", "is negative");
  const countMax = Math.min(maxResults === 0 ? LISTED.default : maxResults, LISTED.max);
  const pattern =
    args.matchPattern === undefined || args.matchPattern === "" ? undefined : requireText(args.matchPattern, "matchPattern", 1024);
  const { exitCode, output } = await runScript(guest, planListFiles({ path, index, countMax, pattern }));
  if (exitCode === EXIT.badPattern) throw invalid("matchPattern", "is not a regular expression that the guest's grep understands");
  if (exitCode !== EXIT.done) throw faultOfExit(exitCode, path);
  const { total, files } = parseListing(Buffer.from(output, "base64"), countMax);
  return { files, remaining: Math.max(0, total - index - files.length) };
}

interface TemporaryArguments {
  readonly prefix: string;
  readonly suffix: string;
  readonly directoryPath?: string | undefined;
}

/** @returns its path */
export async function createTemporary(guest: Guest, kind: "file" | "directory", args: TemporaryArguments): Promise<string> {
  const { prefix, suffix, directoryPath } = args;
  const folder = directoryPath === undefined || directoryPath === "" ? TEMPORARY_FOLDER : parseGuestPath(directoryPath, "directoryPath");
  for (const [name, text] of Object.entries({ prefix, suffix })) {
    if (requireText(text, name, NAME_PART_LENGTH_MAX).includes("/")) throw invalid(name, "has a slash in it");
  }
  const path = `${folder.replace(/\/+$/, "")}/${prefix}${randomBytes(6).toString("hex")}${suffix}`;
  await doScript(guest, planCreateTemporary(path, kind), path);
  return path;
}

export async function changeAttributes(guest: Guest, filePath: string, attributes: GuestFileAttributes): Promise<void> {
  const path = parseGuestPath(filePath, "guestFilePath");
  await doScript(guest, planChangeAttributes(path, parseAttributes(attributes)), path);
}

const ID = { min: 0, max: 0x7fff_ffff };
const PERMISSIONS = { min: 0, max: 0o7777 };

/** @throws {Fault} InvalidArgument; OperationNotSupportedByGuest for attributes of a Windows file */
export function parseAttributes(attributes: GuestFileAttributes): AttributeChanges {
  if (attributes.$type === "GuestWindowsFileAttributes") {
    throw fault("OperationNotSupportedByGuest", "The guest's files do not have the attributes of Windows.", {});
  }
  if (attributes.symlinkTarget !== undefined && attributes.symlinkTarget !== "") throw invalid("symlinkTarget", "cannot be changed");
  return {
    ownerId: readNumber(attributes, "ownerId", ID),
    groupId: readNumber(attributes, "groupId", ID),
    permissions: readNumber(attributes, "permissions", PERMISSIONS),
    modifiedAtSeconds: secondsOf(attributes.modificationTime, "modificationTime"),
    accessedAtSeconds: secondsOf(attributes.accessTime, "accessTime"),
  };
}

function readNumber(attributes: object, name: string, { min, max }: { readonly min: number; readonly max: number }): number | undefined {
  const value: unknown = Object.hasOwn(attributes, name) ? (attributes as Readonly<Record<string, unknown>>)[name] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || value < min || value > max) throw invalid(name, `is not between ${min} and ${max}`);
  return value;
}

function secondsOf(date: Date | undefined, name: string): number | undefined {
  if (date === undefined) return undefined;
  const seconds = Math.floor(date.getTime() / 1000);
  if (!(seconds >= 0)) throw invalid(name, "is before 1970");
  return seconds;
}
