/**
 * What a guest says of itself, as its agent answered. Pure.
 * The guest writes what it likes: everything is bounded and cleaned before anybody else sees it.
 * Source: QEMU qga/qapi-schema.json.
 */
import { isIP } from "node:net";
import type { GuestState } from "../rpc.ts";

export interface GuestAnswers {
  readonly hostName: unknown;
  readonly osInfo: unknown;
  readonly interfaces: unknown;
}

const NAME_LENGTH_MAX = 255; // a DNS name
const NICS_MAX = 16; // more than a VM has; a guest with bridges and tunnels has others besides
const ADDRESSES_MAX = 32;

export function parseGuestState({ hostName, osInfo, interfaces }: GuestAnswers): Extract<GuestState, { tools: "running" }> {
  const name = cleanText(objectOf(hostName)["host-name"]);
  const os = cleanText(objectOf(osInfo)["pretty-name"]) ?? cleanText(objectOf(osInfo).name);
  return { tools: "running", ...(name && { hostName: name }), ...(os && { osName: os }), nics: parseInterfaces(interfaces) };
}

function parseInterfaces(interfaces: unknown): { readonly mac: string; readonly addresses: readonly string[] }[] {
  return listOf(interfaces)
    .flatMap((entry) => {
      const { "hardware-address": mac, "ip-addresses": addresses } = objectOf(entry);
      if (typeof mac !== "string" || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac) || mac === LOOPBACK_MAC) return [];
      return [{ mac: mac.toLowerCase(), addresses: parseAddresses(addresses) }];
    })
    .slice(0, NICS_MAX);
}

const LOOPBACK_MAC = "00:00:00:00:00:00";

function parseAddresses(addresses: unknown): string[] {
  return listOf(addresses)
    .flatMap((entry) => {
      const address = objectOf(entry)["ip-address"];
      return typeof address === "string" && isIP(address) !== 0 ? [address] : [];
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
