import { expect, test } from "vitest";
import { refuseOverwrite } from "./plan-upload.ts";

const path = (name: string, datastore = "d") => ({ datastore, path: name });
const held = [{ file: path("web/web.vmx"), by: "web" }];

test("a file of a running VM is not written over", () => {
  expect(() => refuseOverwrite(path("web/web.vmx"), held)).toThrow(
    expect.objectContaining({ fault: "FileLocked", message: expect.stringContaining("machine web, which is not powered off") }),
  );
});

test.each([
  ["another file beside it", path("web/notes.txt")],
  ["the same path on another datastore", path("web/web.vmx", "e")],
  ["a path beneath it", path("web/web.vmx/x")],
])("%s may be written", (_, target) => expect(() => refuseOverwrite(target, held)).not.toThrow());
