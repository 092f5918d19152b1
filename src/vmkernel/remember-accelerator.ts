/** Keeps what the self-test guest found until the machine or QEMU changes, so that a restart of vmkernel does not test again. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readBootId } from "../system/index.ts";
import type { HostDescription } from "./rpc.ts";
import { asShape, readOneOf, readText } from "./shape.ts";

type Accelerator = HostDescription["accelerator"];

const BECAUSE_LENGTH_MAX = 10_000;

export interface Rememberer {
  /** Where it is kept: a folder of root's alone. */
  readonly folder: string;
  readonly program: string;
  readonly choose: () => Promise<Accelerator>;
}

export async function rememberAccelerator({ folder, program, choose }: Rememberer): Promise<Accelerator> {
  const path = join(folder, "accelerator.json");
  const of = await whatItDependsOn(program);
  const remembered = await read(path, of);
  if (remembered !== undefined) return remembered;
  const chosen = await choose();
  await writeFile(path, JSON.stringify({ ...chosen, of }), { mode: 0o600 });
  return chosen;
}

async function read(path: string, of: string): Promise<Accelerator | undefined> {
  try {
    const shape = asShape(JSON.parse(await readFile(path, "utf8")), "accelerator");
    if (shape.fields.of !== of) return undefined;
    return { kind: readOneOf(shape, "kind", ["kvm", "tcg"]), because: readText(shape, "because", { max: BECAUSE_LENGTH_MAX }) };
  } catch {
    return undefined; // not there, or damaged: it is found out again
  }
}

async function whatItDependsOn(program: string): Promise<string> {
  const [boot, qemu, kvm] = await Promise.all([readBootId(), stat(program), stat("/dev/kvm").catch(() => undefined)]);
  return [boot, qemu.mtimeMs, qemu.size, kvm?.rdev ?? "no /dev/kvm"].join(" ");
}
