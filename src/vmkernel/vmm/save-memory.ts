/** Writes a stopped guest's memory and devices into an open file: QEMU's migration stream. Source: QEMU docs/devel/migration. */
import { fsync } from "node:fs";
import { promisify } from "node:util";
import { sendWithDescriptor } from "../../system/index.ts";
import type { QmpConnection } from "./qmp-connection.ts";

const fsyncAsync = promisify(fsync);
/** The file takes what the disk gives; nothing else wants the guest's memory meanwhile. */
const BYTES_PER_SECOND_MAX = 1024 ** 4;
const POLL_MS = 20;

/** Where a guest's memory goes. */
export interface MemoryFile {
  /** Open for writing, and empty. */
  readonly fd: number;
  /** Puts behind the memory what else is to be there when the guest goes on. Called when all of the memory is in the file. */
  readonly complete: () => Promise<void>;
}

/** On return every byte is on the disk. @throws when QEMU cannot, or the file cannot take it */
export async function saveMemory(qmp: QmpConnection, { fd, complete }: MemoryFile): Promise<void> {
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": BYTES_PER_SECOND_MAX });
  await qmp.executeBy((line) => sendWithDescriptor(qmp.socket, line, fd), "getfd", { fdname: "memory" });
  await qmp.execute("migrate", { uri: "fd:memory" });
  await migrated(qmp);
  await complete();
  await fsyncAsync(fd);
}

async function migrated(qmp: QmpConnection): Promise<void> {
  for (;;) {
    const answer = await qmp.execute("query-migrate");
    const { status, "error-desc": problem } = (answer ?? {}) as Readonly<Record<string, unknown>>;
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled") throw new Error(`the memory could not be written (${problem ?? status})`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
