/** A folder as browsers show it: names, sizes, times, and where each leads. Pure. */
import { type DatastorePath, folderOf, inFolder } from "../../base/index.ts";
import type { FolderEntry } from "../../vmkernel/index.ts";
import { formatFolderUrl } from "./parse-folder-url.ts";

interface Row {
  readonly url: string;
  readonly name: string;
  readonly modified?: string;
  readonly size?: string;
}

export function datastoresPage(names: readonly string[]): string {
  const rows = names.map((name): Row => ({ name, url: formatFolderUrl({ datastore: name, path: "" }) }));
  return page("Datastores in datacenter ha-datacenter", rows);
}

export function folderPage(folder: DatastorePath, entries: readonly FolderEntry[]): string {
  const up = folder.path === "" ? "/folder?dcPath=ha-datacenter" : formatFolderUrl(folderOf(folder), { asFolder: true });
  const rows = entries.map(({ name, kind, sizeBytes, modifiedAtMs }): Row => {
    const asFolder = kind === "folder";
    const url = formatFolderUrl(inFolder(folder, name), { asFolder });
    const modified = new Date(modifiedAtMs).toISOString().slice(0, 16).replace("T", " ");
    return { url, modified, ...(asFolder ? { name: `${name}/` } : { name, size: String(sizeBytes) }) };
  });
  return page(`Index of ${folder.path === "" ? "/" : folder.path} on datastore ${folder.datastore} in datacenter ha-datacenter`, [
    { url: up, name: "Parent Directory" },
    ...rows,
  ]);
}

function page(title: string, rows: readonly Row[]): string {
  const lines = rows.map(
    ({ url, name, modified = "", size = "" }) =>
      `<tr><td><a href="${escapeHtml(url)}">${escapeHtml(name)}</a></td><td>${modified}</td><td align="right">${size}</td></tr>\n`,
  );
  const head = "<tr><th>Name</th><th>Last modified</th><th>Size</th></tr>\n";
  return `<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head><body>\n<h1>${escapeHtml(title)}</h1>\n<table>\n${head}${lines.join("")}</table>\n</body></html>\n`;
}

/** A file's name is whatever somebody called it. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
