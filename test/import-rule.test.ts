import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { breachesOfImportRule, type SourceFile, unusedExceptions } from "./import-rule.ts";

const SOURCES = new URL("../src/", import.meta.url).pathname;
const sources: readonly SourceFile[] = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path, text: readFileSync(join(SOURCES, path), "utf8") }));

test("every import of the source tree keeps to the rule", () => {
  expect(sources.length).toBeGreaterThan(100); // it looked where the sources are
  expect(breachesOfImportRule(sources)).toEqual([]);
});

test("every exception is needed", () => {
  expect(unusedExceptions(sources)).toEqual([]);
});

test.each([
  ["a layer above", "wire/a.ts", 'import { x } from "../hostd/index.ts";'],
  ["main, even for a type", "evidence/a.ts", 'import type { X } from "../main/index.ts";'],
  ["a layer above, over several lines", "base/a.ts", 'import {\n  x,\n  type Y,\n} from "../wire/index.ts";'],
  ["a layer above by export", "base/index.ts", 'export * from "../wire/index.ts";'],
  ["a layer above for its effect", "base/a.ts", 'import "../wire/index.ts";'],
  ["a layer above at run time", "base/a.ts", 'const x = await import("../wire/index.ts");'],
  ["a layer above in a test", "base/a.test.ts", 'import { x } from "../wire/index.ts";'],
  ["a file within another layer", "hostd/a.ts", 'import { x } from "../wire/vim25/schema.ts";'],
  ["a file behind a side door", "interfaces/a.ts", 'import { x } from "../hostd/esxcli/catalogue.ts";'],
  ["a folder that is no layer", "base/a.ts", 'import { x } from "../helpers/index.ts";'],
  ["a file outside the sources", "base/a.ts", 'import { x } from "../../test/harness.ts";'],
  ["what is named only at run time", "base/a.ts", "await import(name);"],
  ["a sibling subsystem", "vmkernel/vmm/a.ts", 'import type { Disk } from "../storage/index.ts";'],
  ["child_process", "hostd/a.ts", 'import { spawn } from "node:child_process";'],
  ["child_process without its prefix", "hostd/a.ts", 'import { spawn } from "child_process";'],
  ["koffi", "vmkernel/vmm/a.ts", 'import koffi from "koffi";'],
  ["node:fs", "hostd/a.ts", 'import { readFileSync } from "node:fs";'],
  ["node:fs/promises", "access/a.ts", 'import { readFile } from "node:fs/promises";'],
  ["all of node:fs", "hostd/a.ts", 'import * as fs from "node:fs";'],
  ["node:fs by export", "hostd/a.ts", 'export { readFileSync } from "node:fs";'],
  ["sockets beside a harmless name", "management/a.ts", 'import { connect, isIP } from "node:net";'],
  ["sockets under a harmless name", "management/a.ts", 'import { connect as isIP } from "node:net";'],
  ["an https server in hostd", "hostd/a.ts", 'import { createServer } from "node:https";'],
  ["createRequire", "hostd/a.ts", 'import { createRequire } from "node:module";'],
])("importing %s is a breach", (_, path, text) => {
  expect(breachesOfImportRule([{ path, text: `/** A file. */\n${text}\n` }])).toEqual([expect.stringContaining(path)]);
});

test.each([
  ["a default export", "base/a.ts", "export default 1;"],
  ["a default export by name", "base/a.ts", "const a = 1;\nexport { a as default };"],
  ["files of Linux's read in vmkernel", "vmkernel/a.ts", 'import { readFileSync } from "node:fs";\nreadFileSync("/proc/meminfo");'],
])("%s is a breach", (_, path, text) => {
  expect(breachesOfImportRule([{ path, text }])).toEqual([expect.stringContaining(path)]);
});

test.each([
  ["a layer below", "hostd/a.ts", 'import { x } from "../wire/index.ts";'],
  ["a layer below, by its side door", "interfaces/a.ts", 'import { x } from "../hostd/esxcli/index.ts";'],
  ["its own layer", "hostd/views/a.ts", 'import { x } from "../property-collector/b.ts";'],
  [
    "the subsystems, at the top of vmkernel",
    "vmkernel/a.ts",
    'import { x } from "./storage/index.ts";\nimport { y } from "./vmm/index.ts";',
  ],
  ["the top of vmkernel, in a subsystem", "vmkernel/vmm/a.ts", 'import type { X } from "../machine.ts";'],
  ["its own subsystem", "vmkernel/vmm/a.ts", 'import { x } from "./b.ts";'],
  ["child_process in system", "system/a.ts", 'import { spawn } from "node:child_process";'],
  ["child_process in a test", "hostd/a.test.ts", 'import { spawn } from "node:child_process";'],
  ["a type of node:net", "hostd/a.ts", 'import type { Socket } from "node:net";'],
  ["a harmless function of node:net", "hostd/a.ts", 'import { isIP, type Socket } from "node:net";'],
  ["a package that does nothing by itself", "wire/a.ts", 'import { SaxesParser } from "saxes";'],
  ["something in a comment", "base/a.ts", '/*\nimport { x } from "../main/index.ts";\n*/'],
  ["an upper layer in generated code, which its generator answers for", "wire/a.generated.ts", 'import { x } from "../main/index.ts";'],
])("importing %s is within the rule", (_, path, text) => {
  expect(breachesOfImportRule([{ path, text }])).toEqual([]);
});
