import { expect, test } from "vitest";
import { planUpload } from "./plan-upload.ts";

const plain = { kind: "upload", bodyBytes: 10, mustBeNew: false, range: undefined };

test.each([
  ["a file of 10 bytes", {}, plain],
  ["an empty file", { "content-length": "0" }, { ...plain, bodyBytes: 0 }],
  ["a file whose end is not known", { "content-length": undefined, "transfer-encoding": "chunked" }, { ...plain, bodyBytes: undefined }],
  ["one that may take another's place", { overwrite: "T" }, plain],
  ["one that may not", { overwrite: " f" }, { ...plain, mustBeNew: true }],
  ["one that may not, in HTTP's own words", { "if-none-match": "*" }, { ...plain, mustBeNew: true }],
  ["a part", { "content-range": "bytes 10-19/30" }, { ...plain, range: { first: 10, last: 19, sizeBytes: 30 } }],
])("%s", (_, headers, plan) => {
  expect(planUpload("PUT", { "content-length": "10", ...headers })).toEqual(plan);
});

test.each([
  ["no length", { "content-length": undefined }, 411],
  ["a part without a length", { "content-length": undefined, "transfer-encoding": "chunked", "content-range": "bytes 0-9/10" }, 411],
  ["a part that is shorter than it says", { "content-range": "bytes 0-10/11" }, 400],
  ["a part that is longer than it says", { "content-range": "bytes 0-8/11" }, 400],
  ["a part past the end", { "content-range": "bytes 5-14/10" }, 400],
  ["a part of something unknown", { "content-range": "bytes 0-9/*" }, 400],
  ["an Overwrite that is neither", { overwrite: "maybe" }, 400],
  ["a file larger than any", { "content-length": "99999999999999" }, 413],
  ["a part of a file larger than any", { "content-range": "bytes 0-9/99999999999999" }, 413],
])("%s is refused", (_, headers, status) => {
  expect(planUpload("PUT", { "content-length": "10", ...headers })).toMatchObject({ kind: "refused", status });
});

test("a POST may take nothing's place, whatever its headers say", () => {
  expect(planUpload("POST", { "content-length": "10", overwrite: "T" })).toEqual({ ...plain, mustBeNew: true });
});
