import { expect, test } from "vitest";
import { refuseDelete } from "./plan-delete.ts";

const path = (name: string, datastore = "d") => ({ datastore, path: name });
const held = [{ file: path("web/web.vmx"), by: "web" }];

test.each([
  ["the file itself", path("web/web.vmx")],
  ["the folder that it is in", path("web")],
])("%s of a registered VM is not deleted", (_, target) => {
  expect(() => refuseDelete(target, held)).toThrow(
    expect.objectContaining({ fault: "FileLocked", fields: { file: "[d] web/web.vmx" }, message: expect.stringContaining("machine web") }),
  );
});

test.each([
  ["another file of the VM's folder", path("web/vmware.log")],
  ["a folder whose name begins alike", path("we")],
  ["the same path on another datastore", path("web/web.vmx", "other")],
])("%s may go", (_, target) => expect(() => refuseDelete(target, held)).not.toThrow());

test("a whole datastore is no file", () => {
  expect(() => refuseDelete(path(""), [])).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});
