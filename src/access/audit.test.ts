import { expect, test } from "vitest";
import { formatAuditRecord } from "./audit.ts";

const record = { timeMs: 0, id: "api.call", subject: "root", object: "1:VirtualMachine.PowerOnVM_Task", result: "success" } as const;

test("a record is one line with RFC 5424's priority", () => {
  expect(JSON.parse(formatAuditRecord(record))).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    pri: 110,
    id: "api.call",
    result: "success",
    subject: "root",
    object: "1:VirtualMachine.PowerOnVM_Task",
  });
});

test("a failure has severity Notice", () => {
  expect(JSON.parse(formatAuditRecord({ ...record, result: "failure", reason: "NoPermission" })).pri).toBe(109);
});

test.each([
  ["a line end", 'eve"\n{"id":"api.call","subject":"root"}'],
  ["a megabyte", "x".repeat(2 ** 20)],
])("a user name with %s stays within its own line", (_, subject) => {
  const line = formatAuditRecord({ ...record, subject });
  expect(line).not.toContain("\n");
  expect(line.length).toBeLessThan(2000);
});
