import { expect, test } from "vitest";
import { usesDatastore } from "./datastore-use.ts";
import type { MachineSpec } from "./machine.ts";

const on = (datastore: string) => ({ datastore, path: "x" });
const machine = {
  home: on("home"),
  devices: [
    { kind: "disk", key: 1, descriptor: on("disks") },
    { kind: "cdrom", key: 2, image: on("isos") },
    { kind: "video", key: 3 },
  ],
  firmware: { kind: "efi", nvram: on("variables") },
} as unknown as MachineSpec;

test.each(["home", "disks", "isos", "variables"])("a machine uses the datastore '%s'", (name) =>
  expect(usesDatastore(machine, name)).toBe(true),
);
test.each(["hom", "x", "efi", ""])("and not '%s'", (name) => expect(usesDatastore(machine, name)).toBe(false));
