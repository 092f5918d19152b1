/**
 * UUIDs as .vmx and .vmdk write them: "56 4d 0a … 01-9c …", eight bytes, a dash, eight bytes. Pure.
 * Source: ESXi's VM files (uuid.bios, vc.uuid, ddb.uuid).
 */

const SPACED = /^([0-9a-f]{2} ){7}[0-9a-f]{2}-([0-9a-f]{2} ){7}[0-9a-f]{2}$/i;

/** @returns 32 lower-case hex digits, or undefined when `text` is none */
export function parseSpacedUuid(text: string): string | undefined {
  return SPACED.test(text.trim()) ? text.replace(/[ -]/g, "").toLowerCase() : undefined;
}

/** @param hex 32 hex digits */
export function formatSpacedUuid(hex: string): string {
  const bytes = hex.toLowerCase().match(/../g) ?? [];
  return `${bytes.slice(0, 8).join(" ")}-${bytes.slice(8).join(" ")}`;
}

/** 32 hex digits as RFC 9562 writes them: 8-4-4-4-12. */
export function formatCanonicalUuid(hex: string): string {
  return hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** @returns 32 lower-case hex digits, or undefined when `text` is not of the form 8-4-4-4-12 */
export function parseCanonicalUuid(text: string): string | undefined {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.replaceAll("-", "").toLowerCase() : undefined;
}
