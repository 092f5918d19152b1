/**
 * What a guest says of itself, as its agent answered. Pure.
 * The guest writes what it likes: everything is bounded and cleaned before anybody else sees it.
 * Source: QEMU qga/qapi-schema.json.
 */
import { isIP } from "node:net";
import type { GuestAddress, GuestDisk, GuestNic, GuestState } from "../rpc.ts";
import { type GuestNetworkFiles, parseGuestNetwork } from "./parse-guest-network.ts";

export interface GuestAnswers {
  readonly hostName: unknown;
  readonly osInfo: unknown;
  readonly interfaces: unknown;
  /** Of guest-info: which commands the agent knows and may carry out. */
  readonly info: unknown;
  readonly fileSystems: unknown;
  readonly networkFiles?: GuestNetworkFiles;
}

const NAME_LENGTH_MAX = 255; // a DNS name
const NICS_MAX = 16; // more than a VM has; a guest with bridges and tunnels has others besides
const ADDRESSES_MAX = 32;

const FILE_SYSTEMS_MAX = 64;

export function parseGuestState(answers: GuestAnswers): Extract<GuestState, { tools: "running" }> {
  const { hostName, osInfo, interfaces, info, fileSystems, networkFiles } = answers;
  const network = networkFiles && parseGuestNetwork(networkFiles);
  const name = cleanText(objectOf(hostName)["host-name"]);
  const os = cleanText(objectOf(osInfo)["pretty-name"]) ?? cleanText(objectOf(osInfo).name);
  const id = cleanText(objectOf(osInfo).id);
  return {
    tools: "running",
    ...(name && { hostName: name }),
    ...(os && { osName: os }),
    ...(id && { osId: id }),
    runsPrograms: ["guest-exec", "guest-exec-status"].every((command) => isEnabled(info, command)),
    nics: parseInterfaces(interfaces),
    disks: parseFileSystems(fileSystems),
    ...(network && { network }),
  };
}

/** Whether the agent lets files of its guest be read. */
export function readsFiles(info: unknown): boolean {
  return ["guest-file-open", "guest-file-read", "guest-file-close"].every((command) => isEnabled(info, command));
}

function isEnabled(info: unknown, command: string): boolean {
  return listOf(objectOf(info).supported_commands).some((entry) => {
    const { name, enabled } = objectOf(entry);
    return name === command && enabled === true;
  });
}

function parseFileSystems(fileSystems: unknown): GuestDisk[] {
  return listOf(fileSystems)
    .flatMap((entry) => {
      const { mountpoint, type, "total-bytes": total, "used-bytes": used } = objectOf(entry);
      const path = cleanText(mountpoint);
      if (path === undefined || !isBytes(total) || !isBytes(used) || used > total) return [];
      return [{ path, type: cleanText(type) ?? "", capacityBytes: total, freeBytes: total - used }];
    })
    .slice(0, FILE_SYSTEMS_MAX);
}

function isBytes(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function parseInterfaces(interfaces: unknown): GuestNic[] {
  return listOf(interfaces)
    .flatMap((entry) => {
      const { "hardware-address": mac, "ip-addresses": addresses } = objectOf(entry);
      if (typeof mac !== "string" || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac) || mac === LOOPBACK_MAC) return [];
      return [{ mac: mac.toLowerCase(), addresses: parseAddresses(addresses) }];
    })
    .slice(0, NICS_MAX);
}

const LOOPBACK_MAC = "00:00:00:00:00:00";

/** One whose network is not told, or is told wrong, is by itself in its own. */
function parseAddresses(addresses: unknown): GuestAddress[] {
  return listOf(addresses)
    .flatMap((entry) => {
      const { "ip-address": address, prefix } = objectOf(entry);
      if (typeof address !== "string") return [];
      const version = isIP(address);
      if (version === 0) return [];
      const longest = version === 4 ? 32 : 128;
      const isLength = Number.isInteger(prefix) && Number(prefix) >= 0 && Number(prefix) <= longest;
      return [{ address, prefixLength: isLength ? Number(prefix) : longest }];
    })
    .slice(0, ADDRESSES_MAX);
}

function cleanText(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = value.replace(/\p{Cc}/gu, "").slice(0, NAME_LENGTH_MAX);
  return text === "" ? undefined : text;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
