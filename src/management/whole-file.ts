/** Files that a reader sees whole, the old one or the new. */
import { chmod, rename, writeFile } from "node:fs/promises";

/** In one step: a crash leaves the old file, or none. */
export async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode, flush: true });
  await chmod(temporary, mode); // one that an earlier crash left keeps its own mode
  await rename(temporary, path);
}
