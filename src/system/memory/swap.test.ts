import { existsSync, mkdtempSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addSwapFile, parseSwaps, removeSwapFile, swapFiles } from "./swap.ts";

test("swap files are read with their sizes; partitions and headings are none", () => {
  const text = [
    "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority",
    "/dev/vda2                               partition\t1048572\t\t0\t\t-2",
    "/var/a\\040b/swap-1                     file\t\t65532\t\t1024\t\t-3",
    "",
  ].join("\n");
  expect(parseSwaps(text)).toEqual([{ path: "/var/a b/swap-1", sizeBytes: 65_532 * 1024, usedBytes: 1024 * 1024 }]);
});

describe.skipIf(process.getuid?.() !== 0)("as root", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync("/var/tmp/bulkhead-swap-"); // /tmp may be memory itself
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("the kernel swaps to a file that nobody else reads, until it is taken away", async () => {
    const path = join(folder, "swap-1");
    await addSwapFile(path, 8 * 2 ** 20);
    expect(swapFiles().find((file) => file.path === path)?.sizeBytes).toBe(8 * 2 ** 20 - 4096); // the header's page is not swapped to
    expect(statSync(path)).toMatchObject({ mode: 0o100600, blocks: 8 * 2048 });
    await removeSwapFile(path);
    expect(swapFiles().some((file) => file.path === path)).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  test("one for which there is no room takes none, nor does one after which there would be none for logs", async () => {
    const path = join(folder, "swap-2");
    const { bsize, bavail } = statfsSync(folder);
    for (const sizeBytes of [2 ** 52, bsize * bavail - 2 ** 20])
      await expect(addSwapFile(path, sizeBytes)).rejects.toMatchObject({
        message: `swapping to ${path}`,
        cause: { message: expect.stringContaining("is to stay free") },
      });
    expect(existsSync(path)).toBe(false);
  });
});
