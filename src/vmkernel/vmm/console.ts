/**
 * The console of a running monitor: a viewer's connection, a picture of its screen, keys on its keyboard.
 * The monitor's VNC server listens nowhere: a viewer is a connected socket that it is handed. Source: QEMU docs/interop/qmp, qapi/ui.json.
 */
import { setTimeout as delay } from "node:timers/promises";
import { openMemoryFile, readWhole, sendWithDescriptor } from "../../system/index.ts";
import { fault, type KeyStroke, qcodesOf } from "../../wire/index.ts";
import type { QmpConnection } from "./qmp-connection.ts";

/** A 4K screen in three bytes a pixel fits even when it does not compress; a monitor that writes more is not well. */
const PICTURE_BYTES_MAX = 32 * 1024 * 1024;
/** A descriptor set of its own beside those of the devices, which are numbered as their descriptors. */
const PICTURE_SET = 1_000_000;
/** A keyboard's own queue holds 16 bytes, and a guest under load takes them late: eight keys a third of a second are read in time. */
const KEY_HOLD_MS = 20;

/** Gives the monitor a viewer: RFB without authentication, for whoever holds the other end has been let in already. */
export async function addViewer(qmp: QmpConnection, connection: () => number): Promise<void> {
  await qmp.executeBy((line) => sendWithDescriptor(qmp.socket, line, connection()), "getfd", { fdname: "viewer" });
  await qmp.execute("add_client", { protocol: "vnc", fdname: "viewer", skipauth: true });
}

/** @returns what the screen shows, as PNG. One at a time. @throws when it has none */
export async function takePicture(qmp: QmpConnection): Promise<Buffer> {
  using memory = openMemoryFile("screen");
  // QEMU takes a descriptor of a set only for the access that it wants, which is writing alone.
  await qmp.executeBy((line) => sendWithDescriptor(qmp.socket, line, memory.writable.fd), "add-fd", { "fdset-id": PICTURE_SET });
  try {
    await qmp.execute("screendump", { filename: `/dev/fdset/${PICTURE_SET}`, format: "png" });
  } finally {
    await qmp.execute("remove-fd", { "fdset-id": PICTURE_SET }).catch(() => {}); // what went wrong before is what counts
  }
  return await readWhole(memory.written, PICTURE_BYTES_MAX);
}

/** Presses and releases each key in turn, as fast as a guest reads them. One at a time. */
export async function pressKeys(qmp: QmpConnection, strokes: readonly KeyStroke[]): Promise<void> {
  for (const stroke of strokes) {
    const names = qcodesOf(stroke);
    if (names === undefined) throw fault("InvalidArgument", `A keyboard has no key ${stroke.usage}.`, { invalidProperty: "strokes" });
    const keys = names.map((data) => ({ type: "qcode", data }));
    await qmp.execute("send-key", { keys, "hold-time": KEY_HOLD_MS });
    await delay(2 * KEY_HOLD_MS * keys.length); // QEMU answers at once, and waits after each press and each release
  }
}
