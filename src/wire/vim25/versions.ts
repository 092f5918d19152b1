/**
 * Versions of the API: which one a client speaks, and what that one knows. Pure.
 * A version is a set of those that it includes, not a place on a line. Source: schema.json, the vSphere Web Services API on the wire.
 */
import { assert } from "../../base/index.ts";
import { schemaRows } from "./schema-rows.ts";

/** What an answer is in when the client's version is not known here: a newer one than ours, or none. */
export const NEWEST_VERSION = "8.0.3.0";
const OLDEST_ADVERTISED = "4.0"; // what came before has no client left that could log in here

interface Version {
  readonly id: string;
  readonly includes: ReadonlySet<string>;
}

let versions: ReadonlyMap<string, Version> | undefined;

function vimVersions(): ReadonlyMap<string, Version> {
  versions ??= new Map(
    [...schemaRows().versions.values()]
      .filter(({ name, namespace }) => namespace === "vim25" && name !== "")
      .map(({ name, includes }) => [name, { id: name, includes: new Set(includes) }] as const)
      .sort(([, a], [, b]) => b.includes.size - a.includes.size),
  );
  return versions;
}

/** The ids to offer in vimServiceVersions.xml, newest first. */
export function advertisedVersions(): readonly string[] {
  const ids = [...vimVersions().keys()];
  return ids.slice(0, ids.indexOf(OLDEST_ADVERTISED) + 1);
}

/**
 * The version to answer in.
 * @param soapAction the SOAPAction header as it came (untrusted): `urn:vim25/6.7.1`, bare or quoted
 * @param versionId the `versionId` attribute that some clients put on each argument instead (untrusted)
 */
export function negotiateVersion(soapAction: string | undefined, versionId?: string): string {
  const asked = /^\s*"?urn:(?:internal)?vim25\/([^"]{1,32})"?\s*$/.exec(soapAction ?? "")?.[1] ?? versionId;
  return asked !== undefined && vimVersions().has(asked) ? asked : NEWEST_VERSION;
}

/** Whether a client of version `id` knows what came with `since`, the version of a schema row. */
export function knows(id: string, since: string): boolean {
  const version = vimVersions().get(id);
  assert(version !== undefined, `no API version has the id ${id}`);
  return version.includes.has(since);
}
