/** What machine this host is, and in what it is weaker than the design. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostPaths } from "../base/index.ts";
import { readHardware } from "../system/index.ts";
import type { HostDescription } from "./rpc.ts";

/** @param memoryBytesMax what of the machine's memory is the host's. The machine does not change while the host runs, so it is read once. */
export async function describeHost(
  paths: HostPaths,
  found: Pick<HostDescription, "accelerator" | "withheld" | "weaknesses">,
  memoryBytesMax = Number.POSITIVE_INFINITY,
): Promise<HostDescription> {
  const { uuid, ...hardware } = await readHardware();
  const memoryBytes = Math.min(hardware.memoryBytes, memoryBytesMax);
  return { ...hardware, memoryBytes, uuid: uuid ?? (await readOrMakeUuid(paths.state)), ...found };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where the firmware has none, the host keeps one of its own: clients know a host by it. */
async function readOrMakeUuid(folder: string): Promise<string> {
  const path = join(folder, "host-uuid");
  const written = (await readFile(path, "utf8").catch(() => "")).trim();
  if (UUID.test(written)) return written;
  const uuid = randomUUID();
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await writeFile(path, `${uuid}\n`, { mode: 0o644 });
  return uuid;
}
