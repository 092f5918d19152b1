import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openAppendLog } from "./append-log.ts";

const folder = mkdtempSync(join(tmpdir(), "append-log-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a log keeps its newest lines, within its bound, over a restart", () => {
  const path = join(folder, "audit.log");
  for (let start = 0; start < 100; start += 50) {
    const log = openAppendLog(path, { bytesMax: 100, olderMax: 2 });
    for (let n = start; n < start + 50; n++) log.append(`line ${n}`);
    log.close();
  }
  expect(readdirSync(folder).sort()).toEqual(["audit.log", "audit.log.1", "audit.log.2"]);
  const kept = ["audit.log.2", "audit.log.1", "audit.log"].map((name) => readFileSync(join(folder, name), "utf8")).join("");
  expect(kept.length).toBeLessThanOrEqual(300);
  const lines = kept.trimEnd().split("\n");
  expect(lines.at(-1)).toBe("line 99");
  expect(lines.map((line) => Number(line.slice(5)))).toEqual(Array.from(lines, (_, i) => 100 - lines.length + i));
});
