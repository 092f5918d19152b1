/**
 * What a client asks for at /folder: `/folder/PATH?dcPath=ha-datacenter&dsName=datastore1`. Pure.
 * Escapes are read once: what still looks like one after that is part of a name. Source: vim25 FileManager, «HTTP access».
 */
import { type DatastorePath, parseDatastorePath } from "../../base/index.ts";

export const FOLDER_ROOT = "/folder";
const DATACENTER = "ha-datacenter"; // a host has this one, and clients may leave it out

export type FolderTarget =
  /** No datastore is named: which are there. */
  | { readonly kind: "datastores" }
  /** `asFolder`: written with a slash at its end, or a datastore itself. */
  | { readonly kind: "path"; readonly path: DatastorePath; readonly asFolder: boolean }
  | { readonly kind: "refused"; readonly status: 400 | 404; readonly text: string };

export function isFolderUrl(path: string): boolean {
  return path === FOLDER_ROOT || path.startsWith(`${FOLDER_ROOT}/`);
}

/** @param url as it stands in the request line, untrusted; its path is one of ours */
export function parseFolderUrl(url: string): FolderTarget {
  const [escaped = "", ...query] = url.split("?");
  const parameters = new URLSearchParams(query.join("?"));
  const datacenter = (parameters.get("dcPath") ?? "").replace(/^\/|\/$/g, "");
  if (datacenter !== "" && datacenter !== DATACENTER) return refused(404, `There is no datacenter ${JSON.stringify(datacenter)} here.`);
  let path: string;
  try {
    path = decodeURIComponent(escaped.slice(FOLDER_ROOT.length + 1));
  } catch {
    return refused(400, "The path is not escaped as one of an URL.");
  }
  const datastore = parameters.get("dsName");
  if (datastore === null) return path === "" ? { kind: "datastores" } : refused(400, "dsName must say which datastore the path lies in.");
  const parsed = parseDatastorePath(`[${datastore}] ${path}`);
  if (parsed === undefined || parsed.datastore !== datastore) return refused(400, "This is not a path in a datastore.");
  return { kind: "path", path: parsed, asFolder: path === "" || path.endsWith("/") };
}

/** Where a client finds it. */
export function formatFolderUrl({ datastore, path }: DatastorePath, { asFolder = false }: { readonly asFolder?: boolean } = {}): string {
  const escaped = path.split("/").map(encodeURIComponent).join("/");
  const parameters = `dcPath=${DATACENTER}&dsName=${encodeURIComponent(datastore)}`;
  return `${FOLDER_ROOT}${escaped === "" ? "" : `/${escaped}`}${asFolder && escaped !== "" ? "/" : ""}?${parameters}`;
}

function refused(status: 400 | 404, text: string): FolderTarget {
  return { kind: "refused", status, text };
}
