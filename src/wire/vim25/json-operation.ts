/**
 * What a path of VI/JSON asks for: `/sdk/vim25/{release}/{Type}/{moId}/{name}`, a method to POST to or a property to GET. Pure.
 * Source: the published OpenAPI document of the Virtual Infrastructure JSON API (vmware/vcf-api-specs, vi-json.yaml).
 */
import { findManagedObjectType, type Member, type Method } from "./schema.ts";
import type { MoRef } from "./values.ts";
import { knows, negotiateVersion } from "./versions.ts";

export const JSON_API_ROOT = "/sdk/vim25/";

interface Operation {
  readonly thisRef: MoRef;
  /** The version to answer in. */
  readonly version: string;
}

export type JsonOperation =
  | (Operation & { readonly kind: "method"; readonly method: Method })
  | (Operation & { readonly kind: "property"; readonly property: Member });

const RELEASE = /^[0-9]{1,3}(?:\.[0-9]{1,3}){1,3}$/;
const MOID_CHARACTERS_MAX = 1024; // the longest, a datastore's path, is far shorter

/**
 * The version that a release in a path stands for: one that is not known here is a newer one, and is answered in the newest.
 * @returns undefined for what is no release
 */
export function readRelease(text: string): string | undefined {
  return RELEASE.test(text) ? negotiateVersion(undefined, text) : undefined;
}

/**
 * @param path of the URL, untrusted, with its percent-escapes and without its query
 * @returns undefined when there is nothing of that name, or nothing that the release knows
 */
export function findJsonOperation(path: string): JsonOperation | undefined {
  if (!path.startsWith(JSON_API_ROOT)) return undefined;
  const [release = "", typeName = "", escapedMoid = "", name = "", ...rest] = path.slice(JSON_API_ROOT.length).split("/");
  const version = readRelease(release);
  const type = findManagedObjectType(typeName);
  const moid = readMoid(escapedMoid);
  if (version === undefined || type === undefined || moid === undefined || rest.length > 0 || !knows(version, type.version))
    return undefined;
  const operation = { thisRef: { type: type.name, value: moid }, version };
  const method = type.methods.get(name);
  if (method !== undefined) return knows(version, method.version) ? { kind: "method", method, ...operation } : undefined;
  const property = type.properties.get(name);
  return property !== undefined && knows(version, property.version) ? { kind: "property", property, ...operation } : undefined;
}

function readMoid(text: string): string | undefined {
  try {
    const moid = decodeURIComponent(text);
    return moid === "" || moid.length > MOID_CHARACTERS_MAX ? undefined : moid;
  } catch {
    return undefined; // an escape that is cut short, or no UTF-8
  }
}
