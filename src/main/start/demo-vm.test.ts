import { expect, test } from "vitest";
import { adviseOnLeftFolder } from "./demo-vm.ts";

test.each([
  ["the machine's own root", "/vmfs/volumes/datastore1/demo"],
  ["a root of its own", "/tmp/host-b/vmfs/volumes/datastore1/demo"],
])("a folder that is left beneath %s is named as a shell takes it, with what to do", (_, folder) => {
  const advice = adviseOnLeftFolder(folder);
  expect(advice).toMatch(new RegExp(`^${folder} is left`));
  expect(advice).toContain(`mv ${folder} ${folder}.old`);
  expect(advice).not.toContain("[datastore1]");
});
